/* lmtrain scaling: a law of loss over finished runs, and what it says of runs to come. */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/length.h"
#include "base/rng.h"
#include "cli/commands.h"
#include "fit/doubts.h"
#include "fit/points.h"
#include "report/line.h"
#include "report/summary.h"

enum { CSV_MOST = 16 << 20, BOOTSTRAP_MOST = 10000 };

typedef struct request {
    lm_option_texts files, budgets;
    int64_t bootstrap, seed;
    double unique;
    bool repeats, json;
} request;

static const lm_option options[] = {
    {"budget", "LENGTH",
     "say the best size and tokens for it: FLOPs (1e18 flop), or hours of the machine that the "
     "runs "
     "ran on (8h)",
     LM_STORED(request, budgets)},
    {"repeats", NULL, "fit what repeated tokens are worth too: of runs over several epochs",
     LM_STORED(request, repeats)},
    {"unique-tokens", "N", "different tokens of the training data, for runs and budgets",
     LM_STORED(request, unique), .real = {.by_default = 0, .least = 1, .most = 1e18}},
    {"bootstrap", "N", "fits to points drawn with replacement, for the intervals",
     LM_STORED(request, bootstrap), .count = {.by_default = 200, .most = BOOTSTRAP_MOST}},
    {"seed", "N", "seeds these draws", LM_STORED(request, seed),
     .count = {.by_default = 1, .most = INT64_MAX}},
    {"json", NULL, "print one JSON object", LM_STORED(request, json)},
    {0},
};

/* ---- points -----------------------------------------------------------------------------------*/

static lm_status say_no_run(const char *path, lm_error *err) {
    const char *found = lm_file_is_directory(path) ? "a directory without one" : "another file";
    if (!lm_file_exists(path)) return lm_error_call(err, path, "open");
    return lm_error_set(
        err, LM_ERR_USAGE,
        "%s: expected a run directory with a summary.json, a sweep or a .csv file, found %s", path,
        found);
}

/* A run that is not finished, or was not evaluated, is passed over with a line. */
static lm_status add_run(const request *r, const char *path, lm_points *points, lm_text *said,
                         lm_error *err) {
    char *summary = lm_file_join(path, "summary.json");
    lm_summary_found s;
    lm_status status = LM_OK;
    if (!summary) return lm_error_no_memory(err, path);
    if (!lm_summary_read(&s, summary)) {
        status = say_no_run(path, err);
    } else if (strcmp(s.state, "finished") != 0 || !(s.val_loss > 0) || !(s.parameters > 0) ||
               !(s.tokens > 0)) {
        lm_text_say(said, "passed over: %s: %s\n", path,
                    strcmp(s.state, "finished") != 0 ? "it is not finished"
                                                     : "it has no validation loss");
    } else {
        const lm_scaling_point point = {s.parameters, s.tokens, s.val_loss, r->unique};
        status = lm_points_add(points, &point, s.seconds > 0 ? s.seconds : 0, err);
    }
    free(summary);
    return status;
}

/* The finished trials of a sweep, which say nothing of those that are not. */
static lm_status add_sweep(const request *r, const char *trials, lm_points *points, lm_text *said,
                           lm_error *err) {
    lm_file_list names;
    int64_t before = points->count, runs = 0;
    lm_status status = lm_file_list_directory(&names, trials, err);
    if (status != LM_OK) return status;
    for (size_t i = 0; i < names.count && status == LM_OK; i++) {
        lm_text aside = {0};
        char *path = lm_file_join(trials, names.names[i]);
        char *summary = path ? lm_file_join(path, "summary.json") : NULL;
        runs += path && lm_file_is_directory(path);
        if (!summary)
            status = lm_error_no_memory(err, trials);
        else if (lm_file_exists(summary))
            status = add_run(r, path, points, &aside, err);
        lm_text_free(&aside);
        free(summary);
        free(path);
    }
    lm_file_list_free(&names);
    if (runs > points->count - before)
        lm_text_say(said,
                    "passed over: %" PRId64 " of %" PRId64 " runs in %s: not finished, or"
                    " without a validation loss\n",
                    runs - (points->count - before), runs, trials);
    return status;
}

static lm_status add_path(const request *r, const char *path, lm_points *points, lm_text *said,
                          lm_error *err) {
    char *trials = lm_file_join(path, "trials");
    if (!trials) return lm_error_no_memory(err, path);
    lm_status status = lm_file_is_directory(trials) ? add_sweep(r, trials, points, said, err)
                                                    : add_run(r, path, points, said, err);
    free(trials);
    return status;
}

static lm_status add_csv(const request *r, const char *path, lm_points *points, lm_error *err) {
    lm_text text = {0};
    int64_t first = points->count;
    lm_status status = lm_file_read(path, CSV_MOST, &text, err);
    if (status == LM_OK)
        status = lm_points_read(points, path, lm_text_cstr(&text), text.length, err);
    for (int64_t i = first; i < points->count; i++)
        if (points->items[i].unique <= 0) points->items[i].unique = r->unique;
    lm_text_free(&text);
    return status;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Model FLOPs per second of the runs, the median; NaN: no time is known. */
static double speed_of(const lm_points *p) {
    double *speeds = malloc(sizeof *speeds * (size_t)(p->count + 1)), middle = NAN;
    size_t n = 0;
    for (int64_t i = 0; speeds && i < p->count; i++)
        if (p->seconds[i] > 0)
            speeds[n++] = 6 * p->items[i].parameters * p->items[i].tokens / p->seconds[i];
    if (n > 0) {
        qsort(speeds, n, sizeof *speeds, by_value);
        middle = speeds[n / 2];
    }
    free(speeds);
    return middle;
}

/* ---- the law and its intervals ----------------------------------------------------------------*/

enum { FIGURES = 7 };
static const char *const figure_names[FIGURES] = {
    "E", "A", "B", "alpha", "beta", "repeat_tokens", "repeat_parameters"};
static double figure(const lm_scaling_law *l, int i) {
    const double all[FIGURES] = {l->e, l->a, l->b, l->alpha, l->beta, l->repeat_d, l->repeat_n};
    return all[i];
}

typedef struct fit {
    lm_scaling_law law, *draws; /* [n] */
    int64_t n;
    bool repeats;
} fit;

static lm_status bootstrap(const request *r, const lm_points *points, fit *f, lm_error *err) {
    const lm_rng rng = {.seed = (uint64_t)r->seed, .purpose = LM_RNG_GENERATE};
    lm_scaling_point *drawn = malloc(sizeof *drawn * (size_t)points->count);
    uint64_t at = 0;
    f->draws = malloc(sizeof *f->draws * (size_t)(r->bootstrap + 1));
    if (!drawn || !f->draws) {
        free(drawn);
        return lm_error_no_memory(err, NULL);
    }
    for (; f->n < r->bootstrap; f->n++) {
        for (int64_t i = 0; i < points->count; i++) {
            double u = lm_rng_uniform(&rng, at++);
            drawn[i] = points->items[(int64_t)(u * (double)points->count)];
        }
        lm_scaling_refit(drawn, points->count, f->repeats, &f->law, &f->draws[f->n]);
    }
    free(drawn);
    return LM_OK;
}

/* The middle 90% of value(draw), of those draws that have one. */
static bool interval(const fit *f, double (*value)(const lm_scaling_law *, const void *),
                     const void *of, double ends[2]) {
    double *values = f->n >= 20 ? malloc(sizeof *values * (size_t)f->n) : NULL;
    int64_t n = 0;
    for (int64_t i = 0; values && i < f->n; i++) {
        values[n] = value(&f->draws[i], of);
        n += !isnan(values[n]);
    }
    if (n > 0) {
        qsort(values, (size_t)n, sizeof *values, by_value);
        ends[0] = values[(size_t)(0.05 * (double)(n - 1))];
        ends[1] = values[(size_t)(0.95 * (double)(n - 1) + 0.5)];
    }
    free(values);
    return n > 0;
}

static double figure_of(const lm_scaling_law *l, const void *of) {
    return figure(l, *(const int *)of);
}

/* ---- budgets ----------------------------------------------------------------------------------*/

typedef struct advice {
    double flops, unique;
} advice;

static double best_size(const lm_scaling_law *l, const void *of) {
    const advice *a = of;
    double parameters, tokens;
    lm_scaling_best_of(l, a->flops, a->unique, &parameters, &tokens);
    return parameters;
}

static double best_loss(const lm_scaling_law *l, const void *of) {
    const advice *a = of;
    double parameters = best_size(l, of);
    return lm_scaling_loss(l, parameters, a->flops / 6 / parameters, a->unique);
}

static lm_status flops_of(const char *text, double speed, double *flops, lm_error *err) {
    const unsigned units = LM_LENGTH_BIT(LM_LENGTH_SECONDS) | LM_LENGTH_BIT(LM_LENGTH_FLOPS);
    lm_length l;
    if (!lm_length_parse(text, &l) || !lm_length_valid(&l, units) || l.amount == 0)
        return lm_error_set(err, LM_ERR_USAGE,
                            "--budget %s: expected FLOPs (\"1e18 flop\") or a time (\"8h\")", text);
    if (l.unit == LM_LENGTH_SECONDS && isnan(speed))
        return lm_error_set(err, LM_ERR_USAGE,
                            "--budget %s: no run or point says how many seconds it took, so that"
                            " the speed is not known: give FLOPs",
                            text);
    *flops = l.unit == LM_LENGTH_SECONDS ? l.amount * speed : l.amount;
    return LM_OK;
}

static void put_interval(lm_text *out, const fit *f,
                         double (*value)(const lm_scaling_law *, const void *), const void *of,
                         bool counts) {
    double ends[2];
    char a[32], b[32];
    if (!interval(f, value, of, ends)) return;
    if (counts)
        lm_text_say(out, " (%s to %s)", lm_text_count(a, sizeof a, ends[0]),
                    lm_text_count(b, sizeof b, ends[1]));
    else
        lm_text_say(out, " (%.4g to %.4g)", ends[0], ends[1]);
}

static void write_interval(lm_json_writer *w, const fit *f, const char *name,
                           double (*value)(const lm_scaling_law *, const void *), const void *of) {
    double ends[2];
    if (!interval(f, value, of, ends)) return;
    lm_json_array(w, name, LM_JSON_LINE);
    lm_json_number(w, NULL, ends[0]);
    lm_json_number(w, NULL, ends[1]);
    lm_json_end(w);
}

/* ---- doubts -----------------------------------------------------------------------------------*/

/* NaN where the fits are too few. */
static void take_interval(const fit *f, double (*value)(const lm_scaling_law *, const void *),
                          const void *of, double ends[2]) {
    if (!interval(f, value, of, ends)) ends[0] = ends[1] = NAN;
}

static lm_scaling_evidence evidence_of(const lm_points *p, const fit *f) {
    enum { ALPHA = 3, BETA = 4 }; /* of figure_names */
    lm_scaling_evidence e = {
        .points = p->items, .n = p->count, .law = &f->law, .repeats = f->repeats};
    take_interval(f, figure_of, &(int){ALPHA}, e.alpha_90);
    take_interval(f, figure_of, &(int){BETA}, e.beta_90);
    return e;
}

static void doubt_advice(const lm_points *p, const fit *f, const advice *a, lm_text *doubts) {
    const lm_scaling_evidence e = evidence_of(p, f);
    double parameters = best_size(&f->law, a), ends[2];
    take_interval(f, best_size, a, ends);
    lm_scaling_doubt_best(&e, parameters, a->flops / 6 / parameters, ends, doubts);
}

/* Calls put for each line, and frees the text. */
static void each_doubt(lm_text *doubts, void (*put)(void *to, const char *line), void *to) {
    for (char *line = doubts->data; line && *line;) {
        char *end = line + strcspn(line, "\n");
        bool last = *end == '\0';
        *end = '\0';
        put(to, line);
        line = last ? end : end + 1;
    }
    lm_text_free(doubts);
}

/* Notes among the text; budget: which one they are of, NULL: of the law. */
typedef struct notes {
    lm_text *out;
    const char *budget;
} notes;

static void put_line(void *to, const char *line) {
    const notes *n = to;
    lm_text_say(n->out, "note: %-s%-s%-s\n", n->budget ? n->budget : "", n->budget ? ": " : "",
                line);
}

static void put_element(void *to, const char *line) {
    lm_json_string(to, NULL, line);
}

static void write_doubts(lm_json_writer *w, lm_json_layout layout, lm_text *doubts) {
    w->out->failed |= doubts->failed;
    lm_json_array(w, "notes", layout);
    each_doubt(doubts, put_element, w);
    lm_json_end(w);
}

/* ---- output -----------------------------------------------------------------------------------*/

static void put_advice(lm_text *out, const fit *f, const char *budget, const advice *a,
                       double speed) {
    char n[32], d[32], work[32], took[32];
    double parameters = best_size(&f->law, a), tokens = a->flops / 6 / parameters;
    if (isnan(parameters)) {
        lm_text_say(out, "budget %s: no size is the best\n", budget);
        return;
    }
    lm_text_say(out, "budget %s: %s parameters", budget, lm_text_count(n, sizeof n, parameters));
    put_interval(out, f, best_size, a, true);
    lm_text_say(out, ", %s tokens, loss %.4f", lm_text_count(d, sizeof d, tokens),
                best_loss(&f->law, a));
    put_interval(out, f, best_loss, a, false);
    lm_text_say(out, "; %sFLOP", lm_text_count(work, sizeof work, a->flops));
    if (!isnan(speed))
        lm_text_say(out, ", %s", lm_line_duration(took, sizeof took, a->flops / speed));
    if (a->unique > 0 && tokens > a->unique) lm_text_say(out, ", %.3g epochs", tokens / a->unique);
    lm_text_say(out, "\n");
}

static lm_status put_text(const request *r, const lm_points *p, const fit *f, lm_text *out,
                          lm_error *err) {
    double speed = speed_of(p), flops;
    const lm_scaling_evidence evidence = evidence_of(p, f);
    lm_text doubts = {0};
    char text[32];
    lm_text_say(out, "loss = E + A/N^alpha + B/D^beta over %" PRId64 " points%s\n", p->count,
                f->n >= 20 ? "; in brackets, the middle 90% of bootstrap fits" : "");
    for (int i = 0; i < (f->repeats ? FIGURES : 5); i++) {
        lm_text_say(out, "%-18s %.6g", figure_names[i], figure(&f->law, i));
        put_interval(out, f, figure_of, &i, false);
        lm_text_say(out, "\n");
    }
    double off = 0;
    for (int64_t i = 0; i < p->count; i++) {
        const lm_scaling_point *q = &p->items[i];
        off = fmax(off, fabs(lm_scaling_loss(&f->law, q->parameters, q->tokens,
                                             f->repeats ? q->unique : 0) /
                                 q->loss -
                             1));
    }
    lm_text_say(out, "%-18s %.2f%% of the loss at most\n", "misses the points", 100 * off);
    if (!isnan(speed))
        lm_text_say(out, "%-18s %sFLOP/s, by 6 N D, the median of the runs\n", "speed",
                    lm_text_count(text, sizeof text, speed));
    lm_scaling_doubt_law(&evidence, &doubts);
    each_doubt(&doubts, put_line, &(notes){out, NULL});
    for (int i = 0; i < r->budgets.count; i++) {
        lm_status status = flops_of(r->budgets.items[i], speed, &flops, err);
        if (status != LM_OK) return status;
        const advice a = {flops, f->repeats ? r->unique : 0};
        put_advice(out, f, r->budgets.items[i], &a, speed);
        doubt_advice(p, f, &a, &doubts);
        each_doubt(&doubts, put_line, &(notes){out, r->budgets.items[i]});
    }
    return LM_OK;
}

static lm_status put_json(const request *r, const lm_points *p, const fit *f, lm_text *out,
                          lm_error *err) {
    double speed = speed_of(p), flops;
    const lm_scaling_evidence evidence = evidence_of(p, f);
    lm_text doubts = {0};
    lm_json_writer w = {.out = out};
    char name[64];
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_integer(&w, "points", p->count);
    for (int i = 0; i < (f->repeats ? FIGURES : 5); i++) {
        lm_json_number(&w, figure_names[i], figure(&f->law, i));
        snprintf(name, sizeof name, "%s_90", figure_names[i]);
        write_interval(&w, f, name, figure_of, &i);
    }
    lm_json_number(&w, "objective", f->law.objective);
    lm_json_number(&w, "flops_per_second", speed);
    lm_scaling_doubt_law(&evidence, &doubts);
    write_doubts(&w, LM_JSON_LINES, &doubts);
    lm_json_array(&w, "budgets", LM_JSON_LINES);
    for (int i = 0; i < r->budgets.count; i++) {
        lm_status status = flops_of(r->budgets.items[i], speed, &flops, err);
        if (status != LM_OK) return status;
        const advice a = {flops, f->repeats ? r->unique : 0};
        double parameters = best_size(&f->law, &a);
        lm_json_object(&w, NULL, LM_JSON_LINE);
        lm_json_string(&w, "budget", r->budgets.items[i]);
        lm_json_number(&w, "flops", flops);
        lm_json_number(&w, "parameters", parameters);
        write_interval(&w, f, "parameters_90", best_size, &a);
        lm_json_number(&w, "tokens", flops / 6 / parameters);
        lm_json_number(&w, "loss", best_loss(&f->law, &a));
        write_interval(&w, f, "loss_90", best_loss, &a);
        lm_json_number(&w, "seconds", flops / speed);
        doubt_advice(p, f, &a, &doubts);
        write_doubts(&w, LM_JSON_LINE, &doubts);
        lm_json_end(&w);
    }
    lm_json_end(&w);
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
    return LM_OK;
}

/* Losses that are all the same fit a law in which nothing matters. */
static void say_equal_losses(const lm_points *p, lm_text *said) {
    double least = INFINITY, most = 0;
    for (int64_t i = 0; i < p->count; i++) {
        least = fmin(least, p->items[i].loss);
        most = fmax(most, p->items[i].loss);
    }
    if (p->count > 1 && most - least <= 1e-6 * most)
        lm_text_say(said,
                    "lmtrain: warning: all losses are %.6g: they say nothing of what size and"
                    " tokens are worth, whatever the law says\n",
                    most);
}

static lm_status run(const void *given, lm_error *err) {
    const request *r = given;
    lm_points points = {0};
    lm_text out = {0}, said = {0};
    fit f = {.repeats = r->repeats};
    lm_status status = LM_OK;
    for (int i = 0; i < r->files.count && status == LM_OK; i++) {
        const char *path = r->files.items[i];
        status = lm_text_ends_with(path, ".csv") ? add_csv(r, path, &points, err)
                                                 : add_path(r, path, &points, &said, err);
    }
    if (status == LM_OK) {
        status = lm_scaling_fit(points.items, points.count, r->repeats, &f.law, err);
        if (status == LM_OK)
            say_equal_losses(&points, &said);
        else
            lm_error_prefix(err, r->files.count == 1 ? "%s" : "%s and %d more", r->files.items[0],
                            r->files.count - 1);
    }
    fputs(lm_text_cstr(&said), stderr);
    if (status == LM_OK) status = bootstrap(r, &points, &f, err);
    if (status == LM_OK)
        status =
            r->json ? put_json(r, &points, &f, &out, err) : put_text(r, &points, &f, &out, err);
    if (status == LM_OK) status = lm_print(&out, err);
    free(f.draws);
    lm_points_free(&points);
    lm_text_free(&said);
    lm_text_free(&out);
    return status;
}

const lm_command lm_command_scaling = {
    .name = "scaling",
    .summary = "fit a scaling law to finished runs, and say the best size for a budget",
    .usage = "RUN_SWEEP_OR_CSV... [--budget LENGTH]... [--repeats] [--unique-tokens N] [--json]",
    .example = "  lmtrain scaling runs/size-* --budget 8h --budget '1e18 flop'\n"
               "  lmtrain scaling sweeps/sizes\n"
               "  lmtrain scaling points.csv --repeats\n",
    .options = options,
    .arguments = {"RUN_SWEEP_OR_CSV", offsetof(request, files), 1, LM_OPTION_MOST_TEXTS},
    .size = sizeof(request),
    .run = run,
};

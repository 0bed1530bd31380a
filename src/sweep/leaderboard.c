#include "sweep/leaderboard.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/numbers.h"
#include "sweep/directory.h"
#include "view/csv.h"

/* ---- rows -------------------------------------------------------------------------------------*/

const char *lm_leaderboard_state(const lm_sweep *s, const lm_journals *j, int64_t trial,
                                 int *rung) {
    const char *state = "waiting";
    *rung = -1;
    for (int r = 0; r < s->rungs; r++) {
        const lm_result *result = lm_journals_result(j, trial, r);
        if (result->state == LM_TASK_OPEN) continue;
        *rung = r;
        state = result->state == LM_TASK_DIVERGED ? "diverged"
                : result->state == LM_TASK_FAILED ? "failed"
                : r == s->rungs - 1               ? "finished"
                                                  : "paused";
    }
    return state;
}

/* Of the whole run; of a budget of time, those that it has. */
static int64_t steps_of(const lm_sweep *s, int64_t setting, const lm_result *result) {
    const lm_setting *info = &s->settings[setting];
    if (info->seconds > 0) return result ? result->steps : 0;
    return info->steps;
}

static double seconds_of(const lm_sweep *s, const lm_journals *j, int64_t trial) {
    double sum = 0;
    for (int r = 0; r < s->rungs; r++) sum += lm_journals_result(j, trial, r)->seconds;
    return sum;
}

static void write_row(const lm_sweep *s, const lm_journals *j, const lm_rank *r, int64_t rank,
                      int64_t k, lm_json_writer *w) {
    const lm_value *values = lm_sweep_values(s, r->setting);
    int64_t trial = r->setting * s->options.n_seeds + k;
    int rung;
    const char *state = lm_leaderboard_state(s, j, trial, &rung);
    const lm_result *result = rung >= 0 ? lm_journals_result(j, trial, rung) : NULL;
    char dir[40];
    snprintf(dir, sizeof dir, "trials/%05lld", (long long)trial);
    lm_json_object(w, NULL, LM_JSON_LINE);
    lm_json_integer(w, "trial", trial);
    lm_json_integer(w, "setting", r->setting);
    lm_json_integer(w, "rank", rank);
    if (r->setting < s->first_point) lm_json_boolean(w, "base", true);
    lm_json_string(w, "state", state);
    lm_json_object(w, "values", LM_JSON_LINE);
    for (int i = 0; values && i < s->space.n_dimensions; i++)
        if (values[i].kind != LM_VALUE_NONE)
            lm_value_write(&values[i], w, s->space.dimensions[i].path);
    lm_json_end(w);
    lm_json_integer(w, "seed", lm_sweep_seed(s, k));
    lm_json_number(w, "loss", result ? result->loss : (double)NAN);
    lm_json_number(w, "mean", r->mean);
    lm_json_number(w, "stderr", r->error);
    lm_json_number(w, "difference", r->difference);
    lm_json_number(w, "difference_stderr", r->difference_error);
    lm_json_integer(w, "step", result ? result->steps : 0);
    lm_json_integer(w, "steps", steps_of(s, r->setting, result));
    lm_json_number(w, "seconds", round(1e3 * seconds_of(s, j, trial)) / 1e3);
    lm_json_string(w, "dir", dir);
    lm_json_end(w);
}

static void write_json(const lm_sweep *s, const lm_journals *j, const lm_rank *ranks, int64_t n,
                       lm_text *out) {
    lm_json_writer w = {.out = out};
    lm_json_array(&w, NULL, LM_JSON_LINES);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < s->options.n_seeds; k++) write_row(s, j, &ranks[i], i + 1, k, &w);
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
}

/* ---- CSV --------------------------------------------------------------------------------------*/

static void put_number(lm_text *out, double x) {
    lm_text_append(out, ",", 1);
    if (isfinite(x)) lm_text_json_number(out, x);
}

static void put_csv_row(const lm_sweep *s, const lm_journals *j, const lm_rank *r, int64_t rank,
                        int64_t k, lm_text *out) {
    const lm_value *values = lm_sweep_values(s, r->setting);
    int64_t trial = r->setting * s->options.n_seeds + k;
    int rung;
    const char *state = lm_leaderboard_state(s, j, trial, &rung);
    const lm_result *result = rung >= 0 ? lm_journals_result(j, trial, rung) : NULL;
    lm_text_printf(out, "%lld,%lld,%lld,%lld,%s", (long long)rank, (long long)trial,
                   (long long)r->setting, (long long)lm_sweep_seed(s, k), state);
    put_number(out, result ? result->loss : (double)NAN);
    put_number(out, r->mean);
    put_number(out, r->error);
    put_number(out, r->difference);
    put_number(out, r->difference_error);
    lm_text_printf(out, ",%lld,%lld,%.3f,trials/%05lld", (long long)(result ? result->steps : 0),
                   (long long)steps_of(s, r->setting, result), seconds_of(s, j, trial),
                   (long long)trial);
    for (int i = 0; i < s->space.n_dimensions; i++) {
        lm_text_append(out, ",", 1);
        if (!values || values[i].kind == LM_VALUE_NONE) continue;
        if (values[i].kind == LM_VALUE_STRING || values[i].kind == LM_VALUE_JSON)
            lm_csv_text(out, values[i].text, "'");
        else
            lm_value_print(&values[i], out);
    }
    lm_text_append(out, "\n", 1);
}

static void write_csv(const lm_sweep *s, const lm_journals *j, const lm_rank *ranks, int64_t n,
                      lm_text *out) {
    lm_text_printf(out, "rank,trial,setting,seed,state,loss,mean,stderr,difference,"
                        "difference_stderr,step,steps,seconds,dir");
    for (int i = 0; i < s->space.n_dimensions; i++) {
        lm_text_append(out, ",", 1);
        lm_csv_text(out, s->space.dimensions[i].path, "'");
    }
    lm_text_append(out, "\n", 1);
    for (int64_t i = 0; i < n; i++)
        for (int64_t k = 0; k < s->options.n_seeds; k++)
            put_csv_row(s, j, &ranks[i], i + 1, k, out);
}

/* ---- files ------------------------------------------------------------------------------------*/

/* Workers may do so at once: each writes a file of its own, and renames it. */
static lm_status replace(const lm_sweep *s, const char *name, lm_text *text, lm_error *err) {
    char *path = lm_sweep_path(s, name), *own = path ? lm_file_temporary(path) : NULL;
    lm_status status = own && !text->failed
                           ? lm_file_replace_unsynced(own, lm_text_cstr(text), text->length, err)
                           : lm_error_no_memory(err, name);
    if (status == LM_OK && rename(own, path) != 0) {
        status = lm_error_call(err, path, "write");
        unlink(own);
    }
    free(own);
    free(path);
    lm_text_free(text);
    return status;
}

/* The config of a setting, every key, with a run directory of its own: by the name that the file
 * gives the sweep's directory, whoever writes it, unless the directory was moved. */
static lm_status write_best(const lm_sweep *s, const lm_rank *best, lm_error *err) {
    lm_config c = {0};
    lm_text text = {0};
    bool moved = !lm_file_same(s->named_dir, s->options.dir);
    char *dir = lm_file_join(moved ? s->options.dir : s->named_dir, "best");
    lm_status status =
        dir ? lm_sweep_config(s, best->setting, dir, &c, err) : lm_error_no_memory(err, NULL);
    if (status == LM_OK) {
        lm_config_print(&c, &text);
        status = replace(s, "best.json", &text, err);
    }
    lm_config_free(&c);
    free(dir);
    return status;
}

lm_status lm_leaderboard_write(const lm_sweep *s, const lm_journals *j, bool last, lm_error *err) {
    lm_text text = {0};
    int64_t n;
    lm_rank *ranks = lm_leaderboard_rank(s, j, &n);
    if (!ranks) return lm_error_no_memory(err, NULL);
    write_json(s, j, ranks, n, &text);
    lm_status status = replace(s, "leaderboard.json", &text, err);
    if (status == LM_OK) {
        write_csv(s, j, ranks, n, &text);
        status = replace(s, "leaderboard.csv", &text, err);
    }
    if (status == LM_OK && last) {
        lm_importance_write(s, j, &text);
        status = replace(s, "importance.json", &text, err);
    }
    if (status == LM_OK && last && n > 0 && isfinite(ranks[0].mean))
        status = write_best(s, &ranks[0], err);
    free(ranks);
    return status;
}

/* What the worst of a setting's trials is, and the first step that it did not get beyond. */
static const char *worst_state(const lm_sweep *s, const lm_journals *j, const lm_rank *r,
                               int64_t *step) {
    lm_task_state worst = LM_TASK_DONE;
    *step = 0;
    for (int64_t k = 0; k < s->options.n_seeds; k++) {
        const lm_result *result =
            lm_journals_result(j, r->setting * s->options.n_seeds + k, r->rung);
        if (result->state == LM_TASK_OPEN || result->state == LM_TASK_DONE) continue;
        if (result->state < worst || (result->state == worst && result->steps < *step))
            *step = result->steps;
        worst = result->state < worst ? result->state : worst;
    }
    return worst == LM_TASK_FAILED ? "failed" : "diverged";
}

/* Where the losses of a setting were taken; of a budget of time, the least of its trials'. */
static int64_t last_step(const lm_sweep *s, const lm_journals *j, const lm_rank *r) {
    int64_t step = lm_sweep_rung_steps(s, r->setting, r->rung);
    const int64_t trial = r->setting * s->options.n_seeds;
    for (int64_t k = 0; k < s->options.n_seeds && s->settings[r->setting].seconds > 0; k++)
        step = lm_min(step, lm_journals_result(j, trial + k, r->rung)->steps);
    return step;
}

/* Trials without a loss, which a table of the best does not show. */
static void put_bad(const lm_sweep *s, const lm_journals *j, lm_text *out) {
    int64_t diverged = 0, failed = 0;
    int rung;
    for (int64_t i = 0; i < s->n_trials; i++) {
        const char *state = lm_leaderboard_state(s, j, i, &rung);
        diverged += strcmp(state, "diverged") == 0;
        failed += strcmp(state, "failed") == 0;
    }
    if (diverged > 0)
        lm_text_printf(out, "%lld of %lld trials diverged\n", (long long)diverged,
                       (long long)s->n_trials);
    if (failed > 0)
        lm_text_printf(out, "%lld of %lld trials failed\n", (long long)failed,
                       (long long)s->n_trials);
}

void lm_leaderboard_print(const lm_sweep *s, const lm_journals *j, int rows, lm_text *out) {
    int64_t n;
    lm_rank *ranks = lm_leaderboard_rank(s, j, &n);
    lm_text_printf(out, "%4s %7s %5s  %-8s %-8s %-17s  %s\n", "rank", "setting", "step", "loss",
                   "+- s.e.", "beside the base", "values");
    for (int64_t i = 0; ranks && i < lm_min(n, rows); i++) {
        const lm_rank *r = &ranks[i];
        char error[16] = "", difference[32] = "";
        int64_t step;
        if (r->rung < 0) break;
        const char *worst = worst_state(s, j, r, &step);
        if (isfinite(r->mean)) step = last_step(s, j, r);
        if (isfinite(r->error)) snprintf(error, sizeof error, "%.4f", r->error);
        if (isfinite(r->difference_error))
            snprintf(difference, sizeof difference, "%+.4f +- %.4f", r->difference,
                     r->difference_error);
        else if (isfinite(r->difference))
            snprintf(difference, sizeof difference, "%+.4f", r->difference);
        lm_text_printf(out, "%4lld %7lld %5lld  ", (long long)i + 1, (long long)r->setting,
                       (long long)step);
        if (isfinite(r->mean))
            lm_text_printf(out, "%-8.4f %-8s %-17s  ", r->mean, error, difference);
        else
            lm_text_printf(out, "%-8s %-8s %-17s  ", worst, "", "");
        lm_sweep_describe(s, r->setting, out);
        lm_text_append(out, "\n", 1);
    }
    put_bad(s, j, out);
    free(ranks);
}

#include "sweep/options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *lm_sweep_method_name(int method) {
    static const char *const names[] = {"grid", "random", "sobol", "tpe"};
    return method >= 0 && method < 4 ? names[method] : NULL;
}

typedef enum option_type { COUNT, TRUTH, TEXT, METHOD, SEEDS } option_type;

typedef struct row {
    const char *name;
    option_type type;
    size_t offset;
    int64_t low, high; /* of a count */
    const char *by_default;
    bool required;
    const char *help;
} row;

#define AT(member_)     offsetof(lm_sweep_options, member_)
#define MOST_INTEGER    9007199254740991 /* 2^53 - 1 */
#define MOST_OF_MACHINE 1024

/* clang-format off */
static const row rows[] = {
    {"dir", TEXT, AT(dir), .by_default = "", .required = true,
     .help = "The sweep's directory, created if missing: its journals, its trials' run "
             "directories, leaderboard and best.json."},
    {"method", METHOD, AT(method), .by_default = "sobol",
     .help = "How settings are drawn from the space. grid: all combinations; random: "
             "independent draws; sobol: points that fill the space evenly (Joe & Kuo 2008, "
             "scrambled after Owen 1995); tpe: generations of settings, proposed by what "
             "earlier generations gave (Bergstra et al. 2011). All but tpe are functions of the "
             "trial's number alone."},
    {"points", COUNT, AT(points), 0, LM_SWEEP_MOST_POINTS, "0",
     .help = "Settings drawn from the space. 0: all of a grid; the other methods need a number."},
    {"seed", COUNT, AT(seed), 0, MOST_INTEGER, "1", .help = "Seeds the draws."},
    {"seeds", SEEDS, AT(n_seeds), 1, LM_SWEEP_MOST_SEEDS, "1",
     .help = "Replicates of each setting: a list of values for run.seed, or how many there are "
             "from the base's run.seed on. Settings are compared by the mean over them."},
    {"generation", COUNT, AT(generation), 1, LM_SWEEP_MOST_POINTS, "16",
     .help = "Settings of a generation of tpe. The first generation is that of sobol."},
    {"halving", COUNT, AT(halving), 0, 64, "0",
     .help = "Successive halving (Jamieson & Talwalkar 2016): of the settings of a rung, the "
             "best 1 / halving go on to the next rung, as the runs that they are; the others "
             "stay paused. 0: every trial takes all of its steps."},
    {"rungs", COUNT, AT(rungs), 0, 20, "0",
     .help = "Rungs of halving, the last one with train.steps; each has halving times the steps "
             "of the one before. 0: as many as leave one setting."},
    {"objective", TEXT, AT(objective), .by_default = "",
     .help = "What is to be small: val_loss, val_loss.NAME of a named set, best_val_loss (the "
             "lowest so far), train_loss (the mean over the last tenth of the steps). Empty: "
             "val_loss, or train_loss where data.val is empty."},
    {"baseline", TRUTH, AT(baseline), .by_default = "true",
     .help = "The base config itself is tried too, with every seed and for all of its steps: "
             "settings are compared with it seed by seed."},
    {"keep", COUNT, AT(keep), 0, LM_SWEEP_MOST_POINTS, "1",
     .help = "Checkpoints of so many of the best settings are kept; those of others are deleted "
             "when they cannot be among them any more."},
    {"parallel", COUNT, AT(parallel), 0, MOST_OF_MACHINE, "0",
     .help = "Trials that a worker runs at once. 0: measured."},
    {"threads", COUNT, AT(threads), 0, MOST_OF_MACHINE, "0",
     .help = "Threads of a trial, whatever run.threads says. 0: measured: many trials of one "
             "thread, or fewer of more."},
    {"pin", TRUTH, AT(pin), .by_default = "true",
     .help = "Each trial is kept on CPUs of its own."},
    {"heartbeat", COUNT, AT(heartbeat), 2, 86400, "60",
     .help = "Seconds after which a worker on another machine that gave no sign of life is dead "
             "and its trials are taken over. On the same machine that is seen at once."},
    {"retries", COUNT, AT(retries), 0, 100, "2",
     .help = "A trial that fails (exit code 1, killed) goes on so many times before it counts "
             "as failed."},
};
/* clang-format on */
enum { N_ROWS = sizeof rows / sizeof *rows };

static const char *describe(const row *k, char out[120]) {
    switch (k->type) {
    case COUNT:
        snprintf(out, 120, "a whole number from %lld to %lld", (long long)k->low,
                 (long long)k->high);
        return out;
    case TRUTH:
        return "true or false";
    case METHOD:
        return "one of: grid, random, sobol, tpe";
    case SEEDS:
        snprintf(out, 120, "a whole number from 1 to %d, or a list of seeds", LM_SWEEP_MOST_SEEDS);
        return out;
    default:
        return k->required ? "a string that is not empty" : "a string";
    }
}

/* ---- reading ----------------------------------------------------------------------------------*/

static int64_t *count_of(const row *k, lm_sweep_options *o) {
    return (int64_t *)((char *)o + k->offset);
}

static bool is_count(const lm_json_node *node, int64_t low, int64_t high) {
    return node->kind == LM_JSON_NUMBER && node->number == floor(node->number) &&
           node->number >= (double)low && node->number <= (double)high;
}

static bool set_text(const row *k, lm_sweep_options *o, const char *text) {
    char **place = (char **)((char *)o + k->offset);
    free(*place);
    *place = strdup(text);
    return *place != NULL;
}

static int method_of(const char *name) {
    int i = 0;
    while (lm_sweep_method_name(i) && strcmp(lm_sweep_method_name(i), name) != 0) i++;
    return lm_sweep_method_name(i) ? i : -1;
}

static bool read_seeds(lm_sweep_options *o, const lm_json_node *node, lm_reading *r) {
    if (is_count(node, 1, LM_SWEEP_MOST_SEEDS)) {
        o->n_seeds = (int64_t)node->number;
        return true;
    }
    if (node->kind != LM_JSON_ARRAY || node->count < 1 || node->count > LM_SWEEP_MOST_SEEDS)
        return false;
    o->seeds = calloc((size_t)node->count, sizeof *o->seeds);
    r->no_memory |= !o->seeds;
    o->n_seeds = 0;
    for (const lm_json_node *m = node->child; m && o->seeds; m = m->next) {
        if (!is_count(m, 0, MOST_INTEGER)) return false;
        for (int64_t i = 0; i < o->n_seeds; i++)
            if (o->seeds[i] == (int64_t)m->number) {
                lm_reading_problem(r, m->at, "sweep.seeds: the seed %lld stands here twice",
                                   (long long)o->seeds[i]);
                return true;
            }
        o->seeds[o->n_seeds++] = (int64_t)m->number;
    }
    return true;
}

static void read_row(const row *k, lm_sweep_options *o, const lm_json_node *node, lm_reading *r) {
    char path[64], what[120];
    bool right = false;
    snprintf(path, sizeof path, "sweep.%s", k->name);
    if (k->type == COUNT && (right = is_count(node, k->low, k->high))) {
        *count_of(k, o) = (int64_t)node->number;
    } else if (k->type == TRUTH &&
               (right = node->kind == LM_JSON_TRUE || node->kind == LM_JSON_FALSE)) {
        *(bool *)((char *)o + k->offset) = node->kind == LM_JSON_TRUE;
    } else if (k->type == TEXT &&
               (right = node->kind == LM_JSON_STRING && (*node->string || !k->required))) {
        r->no_memory |= !set_text(k, o, node->string);
    } else if (k->type == METHOD &&
               (right = node->kind == LM_JSON_STRING && method_of(node->string) >= 0)) {
        *count_of(k, o) = method_of(node->string);
    } else if (k->type == SEEDS) {
        right = read_seeds(o, node, r);
    }
    if (!right) lm_reading_wrong(r, node, path, describe(k, what));
}

static const char *row_candidate(int i, const void *context) {
    (void)context;
    return i < N_ROWS ? rows[i].name : NULL;
}

static void read_member(lm_sweep_options *o, const lm_json_node *m, const lm_json_node *section,
                        lm_reading *r) {
    char near[LM_TEXT_SUGGESTION_SIZE];
    int i = 0;
    while (i < N_ROWS && strcmp(rows[i].name, m->key) != 0) i++;
    if (i == N_ROWS) {
        lm_text_did_you_mean(near, lm_text_nearest(m->key, row_candidate, NULL));
        lm_reading_problem(r, m->key_at, "unknown key \"sweep.%.100s\"%s", m->key, near);
    } else if (lm_json_node_member(section, m->key) != m) {
        lm_reading_problem(r, m->key_at, "duplicate key \"sweep.%s\"", m->key);
    } else {
        read_row(&rows[i], o, m, r);
    }
}

static void set_defaults(lm_sweep_options *o, lm_reading *r) {
    *o = (lm_sweep_options){0};
    for (int i = 0; i < N_ROWS; i++) {
        const row *k = &rows[i];
        if (k->type == TEXT)
            r->no_memory |= !set_text(k, o, k->by_default);
        else if (k->type == TRUTH)
            *(bool *)((char *)o + k->offset) = strcmp(k->by_default, "true") == 0;
        else if (k->type == METHOD)
            *count_of(k, o) = method_of(k->by_default);
        else
            *count_of(k, o) = strtoll(k->by_default, NULL, 10);
    }
}

/* Where the member stands, or the section. *wrong: it is there, but was refused. */
static size_t place_of(const lm_json_node *section, const char *name, bool *wrong) {
    const lm_json_node *m = section ? lm_json_node_member(section, name) : NULL;
    *wrong = m && !is_count(m, 0, MOST_INTEGER);
    return m ? m->at : section ? section->at : 0;
}

static void check_together(const lm_sweep_options *o, const lm_json_node *section, lm_reading *r) {
    bool wrong;
    size_t rungs_at = place_of(section, "rungs", &wrong);
    size_t halving_at = place_of(section, "halving", &wrong);
    if (o->halving == 1)
        lm_reading_problem(r, halving_at, "sweep.halving: expected 0, or at least 2, found 1");
    if (o->rungs > 0 && o->halving == 0 && !wrong)
        lm_reading_problem(r, rungs_at, "sweep.rungs has no effect when sweep.halving is 0");
    if (o->rungs == 1)
        lm_reading_problem(r, rungs_at, "sweep.rungs: expected 0, or at least 2, found 1");
}

void lm_sweep_options_check(const lm_sweep_options *o, const lm_json_node *section, bool empty,
                            lm_reading *r) {
    const char *method = lm_sweep_method_name((int)o->method);
    bool wrong, halving_wrong;
    size_t at = place_of(section, "points", &wrong);
    size_t halving_at = place_of(section, "halving", &halving_wrong);
    bool given = section && lm_json_node_member(section, "points");
    if (empty && o->points > 0)
        lm_reading_problem(r, at, "sweep.points has no effect when the space is empty");
    if (empty && o->halving > 1)
        lm_reading_problem(r, halving_at, "sweep.halving has no effect when the space is empty");
    if (empty || o->points > 0 || o->method == LM_SWEEP_GRID || wrong) return;
    if (given)
        lm_reading_problem(
            r, at, "sweep.points: expected at least 1 where sweep.method is \"%s\", found 0",
            method);
    else
        lm_reading_problem(
            r, at, "sweep.points: required where sweep.method is \"%s\", but not given", method);
}

void lm_sweep_options_read(lm_sweep_options *o, const lm_json_node *section, lm_reading *r) {
    set_defaults(o, r);
    size_t at = section ? section->at : 0;
    for (const lm_json_node *m = section ? section->child : NULL; m; m = m->next)
        read_member(o, m, section, r);
    for (int i = 0; i < N_ROWS; i++)
        if (rows[i].required && !(section && lm_json_node_member(section, rows[i].name)))
            lm_reading_problem(r, at, "sweep.%s: required, but not given", rows[i].name);
    check_together(o, section, r);
}

void lm_sweep_options_free(lm_sweep_options *o) {
    free(o->dir);
    free(o->objective);
    free(o->seeds);
    *o = (lm_sweep_options){0};
}

/* ---- what is printed --------------------------------------------------------------------------*/

static void schema_integer(lm_json_writer *w, int64_t low, int64_t high) {
    lm_json_string(w, "type", "integer");
    lm_json_integer(w, "minimum", low);
    lm_json_integer(w, "maximum", high);
}

static void schema_seeds(lm_json_writer *w) {
    lm_json_array(w, "anyOf", LM_JSON_LINES);
    lm_json_object(w, NULL, LM_JSON_LINE);
    schema_integer(w, 1, LM_SWEEP_MOST_SEEDS);
    lm_json_end(w);
    lm_json_object(w, NULL, LM_JSON_LINE);
    lm_json_string(w, "type", "array");
    lm_json_integer(w, "minItems", 1);
    lm_json_integer(w, "maxItems", LM_SWEEP_MOST_SEEDS);
    lm_json_boolean(w, "uniqueItems", true);
    lm_json_object(w, "items", LM_JSON_LINE);
    schema_integer(w, 0, MOST_INTEGER);
    lm_json_end(w);
    lm_json_end(w);
    lm_json_end(w);
}

void lm_sweep_options_schema(lm_json_writer *w) {
    for (int i = 0; i < N_ROWS; i++) {
        const row *k = &rows[i];
        bool quoted = k->type == TEXT || k->type == METHOD;
        lm_json_object(w, k->name, LM_JSON_LINES);
        lm_json_string(w, "description", k->help);
        if (k->type == COUNT) schema_integer(w, k->low, k->high);
        if (k->type == TRUTH) lm_json_string(w, "type", "boolean");
        if (k->type == SEEDS) schema_seeds(w);
        if (quoted) lm_json_string(w, "type", "string");
        if (k->required) lm_json_integer(w, "minLength", 1);
        if (k->type == METHOD) {
            lm_json_array(w, "enum", LM_JSON_LINE);
            for (int m = 0; lm_sweep_method_name(m); m++)
                lm_json_string(w, NULL, lm_sweep_method_name(m));
            lm_json_end(w);
        }
        if (!k->required && quoted)
            lm_json_string(w, "default", k->by_default);
        else if (!k->required)
            lm_json_text(w, "default", k->by_default, strlen(k->by_default));
        lm_json_end(w);
    }
}

void lm_sweep_options_reference(lm_text *out) {
    char what[120];
    for (int i = 0; i < N_ROWS; i++) {
        const row *k = &rows[i];
        lm_text_printf(out, "| `sweep.%s` | %s | ", k->name, describe(k, what));
        if (k->required)
            lm_text_printf(out, "required");
        else
            lm_text_printf(out, *k->by_default ? "`%s`" : "empty%s", k->by_default);
        lm_text_printf(out, " | %s |\n", k->help);
    }
}

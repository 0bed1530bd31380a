/* What each option of the model costs: steps of a run with it and without it, in turns. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/numbers.h"
#include "bench/report.h"
#include "bench/sections.h"
#include "bench/training.h"
#include "config/keys.h"

enum { MOST_PAIRS = 1000 };

/* What differs from the plain run: one key of the model, and what that key needs. */
typedef struct option {
    char name[64]; /* "window=2" */
    char set[2][80];
    int n_set;
} option;

static lm_status load(lm_bench_training *t, const lm_bench *b, const lm_bench_basis *base,
                      const option *with, lm_error *err) {
    const char *more[2] = {with ? with->set[0] : NULL, with ? with->set[1] : NULL};
    lm_status status = lm_bench_basis_load(base, b, t, more, with ? with->n_set : 0, err);
    if (status != LM_OK) return status;
    if ((status = lm_bench_training_plan(t, err)) != LM_OK) return status;
    if ((status = lm_setup_check_memory(&t->trainer.setup, err)) != LM_OK) return status;
    return lm_bench_training_start(t, err);
}

/* ---- a pair -----------------------------------------------------------------------------------*/

typedef struct pair {
    lm_bench_training *plain, run;
    double plain_seconds; /* of the step just taken */
    double of_plain[MOST_PAIRS];
    int steps;
} pair;

static void step_plain(void *argument) {
    pair *p = argument;
    double start = lm_clock_seconds();
    lm_bench_training_step(p->plain);
    p->plain_seconds = lm_clock_seconds() - start;
}

/* Records the ratio of the two speeds, each in FLOP of its own model per second. */
static void step_option(void *argument) {
    pair *p = argument;
    double start = lm_clock_seconds();
    lm_bench_training_step(&p->run);
    double seconds = lm_clock_seconds() - start;
    if (p->steps > 0 &&
        p->steps <= MOST_PAIRS) /* the first touches its memory for the first time */
        p->of_plain[p->steps - 1] = p->run.work / seconds / (p->plain->work / p->plain_seconds);
    p->steps++;
}

static lm_status measure(lm_bench *b, pair *p, lm_bench_row *row, lm_error *err) {
    lm_bench_subject s = {.prepare = p->plain == &p->run ? NULL : step_plain,
                          .run = step_option,
                          .argument = p,
                          .peak = lm_bench_peak_of_precision(p->run.trainer.compute.precision),
                          .seconds = LM_BENCH_STEP_TIMES * b->o->seconds};
    row->work = p->run.work;
    lm_bench_measure_row(b, &s, row);
    if (p->run.status != LM_OK) return p->run.status;
    if (p->plain->status != LM_OK) return p->plain->status;
    int n = (int)lm_min(p->steps - 1, MOST_PAIRS);
    if (p->plain != &p->run) row->of_plain = lm_bench_summarise(p->of_plain, n).median;
    return lm_bench_report(b, row, err);
}

static lm_status run_option(lm_bench *b, const lm_bench_basis *base, lm_bench_training *plain,
                            const option *with, lm_error *err) {
    pair p = {.plain = plain};
    lm_bench_row row = {.section = LM_BENCH_OPTIONS};
    snprintf(row.name, sizeof row.name, "%s %s %s", base->name,
             lm_precision_name(plain->config.train.precision), with->name);
    if (!lm_bench_wants(b, row.name)) return LM_OK;
    lm_bench_training_begin(&p.run, b);
    lm_status status = load(&p.run, b, base, with, err);
    if (status == LM_OK)
        status = measure(b, &p, &row, err);
    else if (status == LM_ERR_USAGE) /* n_kv_heads=2 of three heads, say */
        status = lm_bench_skip(b, row.name, err->message, err);
    lm_bench_training_free(&p.run);
    return status;
}

/* Whether the plain run has this value of the key. */
static bool is_plain(const lm_config *plain, const lm_key *k, const char *value) {
    lm_config c = *plain; /* no strings change */
    lm_error aside;
    lm_text before = {0}, after = {0};
    lm_key_set_literal(k, &c, value);
    (void)lm_model_resolve(&c.model, &aside); /* n_kv_heads = 0: n_heads */
    lm_key_print(k, plain, &before);
    lm_key_print(k, &c, &after);
    bool same = strcmp(lm_text_cstr(&before), lm_text_cstr(&after)) == 0;
    lm_text_free(&before);
    lm_text_free(&after);
    return same;
}

/* Every value of a key to be tried (config/keys.h) but the plain run's. How large a number is does
 * not matter for the time. */
static lm_status run_key(lm_bench *b, const lm_bench_basis *base, lm_bench_training *plain,
                         const lm_key *k, lm_error *err) {
    char room[LM_TRIAL_SIZE];
    const char *value;
    lm_status status = LM_OK;
    if (strcmp(k->path, "model.preset") == 0) return LM_OK; /* many keys at once */
    for (int i = 0; status == LM_OK && (value = lm_key_trial(k, i, room)) != NULL; i++) {
        option with = {.n_set = 1};
        if (lm_bench_stopped() || is_plain(&plain->config, k, value)) continue;
        snprintf(with.name, sizeof with.name, "%s=%s", lm_key_name(k), value);
        snprintf(with.set[0], sizeof with.set[0], "=%s=%s", k->path, value);
        if (strcmp(with.name, "document_mask=true") == 0)
            snprintf(with.set[with.n_set++], sizeof *with.set, "=model.document_token=1");
        status = run_option(b, base, plain, &with, err);
    }
    return status;
}

/* ---- the section ------------------------------------------------------------------------------*/

static lm_status run_base(lm_bench *b, const lm_bench_basis *base, lm_error *err) {
    pair p = {.plain = &p.run};
    lm_bench_row row = {.section = LM_BENCH_OPTIONS};
    lm_bench_training_begin(&p.run, b);
    lm_status status = load(&p.run, b, base, NULL, err);
    if (status == LM_OK) {
        snprintf(row.name, sizeof row.name, "%s %s plain", base->name,
                 lm_precision_name(p.run.config.train.precision));
        status = measure(b, &p, &row, err);
    }
    const lm_section *model = lm_section_find("model");
    for (int i = 0; i < model->n_keys && status == LM_OK && !lm_bench_stopped(); i++)
        status = run_key(b, base, &p.run, &model->keys[i], err);
    lm_bench_training_free(&p.run);
    return status;
}

lm_status lm_bench_model_options(lm_bench *b, lm_error *err) {
    lm_status status =
        lm_bench_begin(b, LM_BENCH_OPTIONS,
                       "steps of runs that differ from the plain one in one option, measured in"
                       " turns with it; of plain: the run's share over the plain run's",
                       err);
    if (status == LM_OK) status = lm_bench_each_basis(b, true, run_base, err);
    lm_bench_end(b);
    return status;
}

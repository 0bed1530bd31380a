/* Whole training steps, by the trainer's own code: batch, forward, backward, clip, update. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "bench/report.h"
#include "bench/sections.h"
#include "bench/training.h"
#include "machine/limits.h"

/* ---- measuring --------------------------------------------------------------------------------*/

typedef struct work {
    lm_bench_training run;
    double seconds[LM_PHASE_COUNT]; /* of all measured steps */
    bool warm;
} work;

static void take_step(void *argument) {
    work *w = argument;
    lm_bench_training_step(&w->run);
    for (int i = 0; i < LM_PHASE_COUNT && w->warm; i++) w->seconds[i] += w->run.clock.seconds[i];
    w->warm = true; /* the first step touches its memory for the first time */
}

static double total_seconds(const work *w) {
    double total = 0;
    for (int i = 0; i < LM_PHASE_COUNT; i++) total += w->seconds[i];
    return total;
}

static void describe(const work *w, uint64_t resident, lm_bench_row *row) {
    const lm_train_plan *plan = &w->run.trainer.setup.plan;
    const lm_config *c = &w->run.config;
    double total = total_seconds(w), tokens_per_s = (double)plan->step_tokens / row->times.median;
    int64_t micro_batches =
        c->train.lanes * lm_divide_up(c->train.batch / c->train.lanes, plan->micro_batch);
    char count[32], bytes[32];
    lm_text_printf(&row->table,
                   "  %.0f tokens/s: %s parameters, %" PRId64 " x %" PRId64
                   " tokens per micro-batch,"
                   " %" PRId64 " micro-batch%s per step%s%s%s\n ",
                   tokens_per_s, lm_text_count(count, sizeof count, (double)plan->model.parameters),
                   plan->micro_batch, c->model.context_length, micro_batches,
                   micro_batches == 1 ? "" : "es", resident ? "; at most " : "",
                   resident ? lm_text_bytes(bytes, sizeof bytes, (double)resident) : "",
                   resident ? " of memory" : "");
    for (int i = 0; i < LM_PHASE_COUNT; i++)
        lm_text_printf(&row->table, " %s %.1f%%", lm_phase_name(i), 100 * w->seconds[i] / total);
    lm_text_printf(&row->table, "\n");
}

static void describe_as_json(const work *w, uint64_t resident, lm_bench_row *row) {
    const lm_train_plan *plan = &w->run.trainer.setup.plan;
    double total = total_seconds(w);
    lm_json_writer json = {.out = &row->json};
    lm_json_object(&json, NULL, LM_JSON_LINE);
    lm_json_string(&json, "precision", lm_precision_name(w->run.config.train.precision));
    lm_json_integer(&json, "parameters", plan->model.parameters);
    lm_json_integer(&json, "step_tokens", plan->step_tokens);
    lm_json_number(&json, "tokens_per_s", (double)plan->step_tokens / row->times.median);
    lm_json_number(&json, "peak_resident_bytes", resident ? (double)resident : (double)NAN);
    lm_json_object(&json, "phases", LM_JSON_LINE);
    for (int i = 0; i < LM_PHASE_COUNT; i++)
        lm_json_number(&json, lm_phase_name(i), w->seconds[i] / total);
    lm_json_end(&json);
    lm_json_end(&json);
}

/* Steps of a planned run, reported under `name`. */
static lm_status measure(lm_bench *b, work *w, const char *name, lm_error *err) {
    bool known = lm_limits_reset_peak_resident();
    lm_status status = lm_bench_training_start(&w->run, err);
    if (status != LM_OK) return status;
    lm_bench_row row = {.section = LM_BENCH_STEP, .work = w->run.work};
    snprintf(row.name, sizeof row.name, "%s %s", name,
             lm_precision_name(w->run.config.train.precision));
    lm_bench_subject s = {.run = take_step,
                          .argument = w,
                          .peak = lm_bench_peak_of_precision(w->run.trainer.compute.precision),
                          .seconds = LM_BENCH_STEP_TIMES * b->o->seconds};
    lm_bench_measure_row(b, &s, &row);
    if (w->run.status != LM_OK) return w->run.status;
    uint64_t resident = known ? lm_limits_peak_resident() : 0;
    describe(w, resident, &row);
    describe_as_json(w, resident, &row);
    return lm_bench_report(b, &row, err);
}

/* ---- the section ------------------------------------------------------------------------------*/

static lm_status run_basis(lm_bench *b, const lm_bench_basis *basis, lm_error *err) {
    work w = {0};
    lm_bench_training_begin(&w.run, b);
    lm_status status = lm_bench_basis_load(basis, b, &w.run, NULL, 0, err);
    if (status == LM_OK) status = lm_bench_training_plan(&w.run, err);
    if (status != LM_OK) goto out;
    status = lm_setup_check_memory(&w.run.trainer.setup, err);
    if (status == LM_OK)
        status = measure(b, &w, basis->name, err);
    else if (lm_bench_basis_is_optional(basis, b))
        status = lm_bench_skip(b, basis->name, err->message, err);
out:
    lm_bench_training_free(&w.run);
    return status;
}

lm_status lm_bench_step(lm_bench *b, lm_error *err) {
    lm_status status = lm_bench_begin(b, LM_BENCH_STEP,
                                      "batch, forward, backward, clip, update; model FLOPs", err);
    if (status == LM_OK) status = lm_bench_each_basis(b, false, run_basis, err);
    lm_bench_end(b);
    return status;
}

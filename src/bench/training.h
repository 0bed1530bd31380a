/* Training runs whose steps are measured: the trainer's own code (train/step.c) on a built-in
 * config or on the user's.
 *
 *     lm_bench_training t;
 *     lm_bench_training_begin(&t, b);
 *     lm_bench_preset_load(&t.config, preset, tokens, ...) or lm_config_load(&t.config, ...)
 *     lm_bench_training_plan(&t, err);        // t.trainer.setup; nothing large is allocated yet
 *     lm_setup_check_memory(&t.trainer.setup, err);
 *     lm_bench_training_start(&t, err);
 *     lm_bench_training_step(&t) ...;         // until t.status is not LM_OK
 *     lm_bench_training_free(&t);             // at any time after begin
 *
 * It may not move in memory meanwhile. */
#ifndef LM_BENCH_TRAINING_H
#define LM_BENCH_TRAINING_H

#include "bench/rows.h"
#include "train/trainer.h"

typedef struct lm_bench_training {
    lm_config config;
    lm_train_settings settings;
    lm_trainer trainer;
    double work;          /* model FLOP per step */
    lm_phase_clock clock; /* of the last step */
    lm_status status;     /* of the steps; its message in *err */
    lm_error *err;
} lm_bench_training;

void lm_bench_training_begin(lm_bench_training *t, const lm_bench *b);
lm_status lm_bench_training_plan(lm_bench_training *t, lm_error *err);
lm_status lm_bench_training_start(lm_bench_training *t, lm_error *err);
/* Does nothing after a step failed. */
void lm_bench_training_step(lm_bench_training *t);
void lm_bench_training_free(lm_bench_training *t);

int64_t lm_bench_preset_vocab(int preset);
/* GPT-2's family, AdamW with clipping, on the shard `tokens`. */
lm_status lm_bench_preset_load(lm_config *c, int preset, const char *tokens,
                               const char *const *overrides, int n_overrides, lm_error *err);
/* Does --set train.precision ask for one? If not, presets are measured in each. */
bool lm_bench_sets_precision(const lm_bench_options *o);

#endif

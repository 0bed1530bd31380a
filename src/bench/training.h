/* Training runs whose steps are measured: the trainer's own code (train/step.c) on a built-in
 * config or on the user's.
 *
 *     lm_bench_training t;
 *     lm_bench_training_begin(&t, b);
 *     lm_bench_basis_load(basis, b, &t, NULL, 0, err);
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
    lm_gemm_blocks blocks; /* of its products */
    double work;           /* model FLOP per step */
    lm_phase_clock clock;  /* of the last step */
    lm_status status;      /* of the steps; its message in *err */
    lm_error *err;
} lm_bench_training;

void lm_bench_training_begin(lm_bench_training *t, const lm_bench *b);
lm_status lm_bench_training_plan(lm_bench_training *t, lm_error *err);
lm_status lm_bench_training_start(lm_bench_training *t, lm_error *err);
/* Does nothing after a step failed. */
void lm_bench_training_step(lm_bench_training *t);
void lm_bench_training_free(lm_bench_training *t);

/* ---- the configs that the options of a bench ask for ------------------------------------------*/

/* One of them. */
typedef struct lm_bench_basis {
    const char *name;   /* the preset's, or of the config's file */
    int preset;         /* -1: --config */
    const char *tokens; /* a preset's shard */
    int precision;      /* LM_FP32, ...; -1: as the config says */
} lm_bench_basis;

/* Calls visit for --config, or for each of the presets asked for (small: of all presets the small
 * ones) in every precision, unless --set train.precision asks for one. Ends with the first failure
 * and when a signal came. */
typedef lm_status lm_bench_visit(lm_bench *b, const lm_bench_basis *basis, lm_error *err);
lm_status lm_bench_each_basis(lm_bench *b, bool small, lm_bench_visit *visit, lm_error *err);
/* t->config, with the overrides of the options and n more. After lm_bench_training_begin. */
lm_status lm_bench_basis_load(const lm_bench_basis *basis, const lm_bench *b, lm_bench_training *t,
                              const char *const *more, int n, lm_error *err);
/* May it be left out when it does not fit the memory: one of all presets? */
bool lm_bench_basis_is_optional(const lm_bench_basis *basis, const lm_bench *b);

/* GPT-2's family, AdamW with clipping, on the shard `tokens`. */
lm_status lm_bench_preset_load(lm_config *c, int preset, const char *tokens,
                               const char *const *overrides, int n_overrides, lm_error *err);

#endif

/* What a run is asked to do: the config's sections "run", "train" and "eval". The rooms that do it
 * stand above this one, which has to fill these structs: so they are defined here, while every room
 * below defines its own. */
#ifndef LM_CONFIG_RUN_H
#define LM_CONFIG_RUN_H

#include <stdint.h>

typedef struct lm_run_options {
    char *dir; /* the run directory */
    int64_t seed;
    int64_t threads; /* 0: all usable CPUs */
    int64_t interrupt_exit_code;
    char *
        init_from; /* a checkpoint or run with whose weights a new run begins; empty: random ones */
} lm_run_options;

typedef struct lm_train_options {
    int64_t steps, micro_batch, grad_accumulation;
    double clip_norm; /* 0: off */
    int precision;    /* lm_precision (ops/compute.h) */
} lm_train_options;

typedef struct lm_eval_options {
    int64_t every;  /* steps between evaluations; 0: only at the end */
    int64_t tokens; /* validation tokens per evaluation; 0: all */
} lm_eval_options;

#endif

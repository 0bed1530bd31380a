/* What a run is asked to do: the config's sections "run", "train" and "eval". Rooms below this one
 * define their own options. The rooms that read these stand above it, so the structs are here,
 * where the config can fill them. */
#ifndef LM_CONFIG_RUN_H
#define LM_CONFIG_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/length.h"
#include "base/number_list.h"

typedef struct lm_run_options {
    char *dir; /* the run directory */
    int64_t seed;
    int64_t threads;             /* 0: all usable CPUs */
    int64_t interrupt_exit_code; /* of a run that a signal or the end of its job stopped */
    char *init_from; /* a checkpoint or run whose weights a new run starts from; empty: random */
} lm_run_options;

typedef struct lm_train_options {
    int64_t steps;             /* updates of the weights */
    char *budget;              /* a length that steps follow from (base/length.h); empty: none */
    bool steps_open;           /* they do, and are not known yet: steps is a stand-in */
    int64_t batch;             /* windows per update; parsing has filled it in */
    int64_t micro_batch;       /* windows computed at once, at most; 0: the plan chooses */
    int64_t grad_accumulation; /* a short form, of which parsing has made batch; 0 then */
    int64_t lanes;             /* a power of two that divides batch (dist/lanes.h) */
    bool noise_scale;          /* figures of the gradient's noise, of at least two lanes */
    double clip_norm;          /* 0: off */
    double ema;                /* the share of its old value that the average of the weights keeps
                                  in a step; 0: none is kept */
    double ema_tokens;         /* its half-life in tokens instead; 0: ema says it */
    lm_length ema_start;       /* averaging begins when so much has been done */
    double ema_blend;          /* its share in the weights that are evaluated */
    int precision;             /* lm_precision (ops/compute.h) */
    int64_t max_skips;         /* refused steps in a row that are skipped */
    bool rewind;               /* behind them the run goes back to a checkpoint */
    int64_t max_rewinds;       /* so often in a row to the same one */
    double spike_sigma;        /* by how many sigma a spike is refused (optim/spikes.h); 0: none */
} lm_train_options;

typedef struct lm_eval_options {
    int64_t every;          /* steps between evaluations; 0: only at the end */
    int64_t tokens;         /* validation tokens per evaluation; 0: all */
    lm_number_list targets; /* losses of which the run tells when it reached them */
    int64_t patience; /* evaluations without a better loss after which the run stops; 0: never */
    bool raw;         /* with an average of the weights, the loss of the weights themselves too */
} lm_eval_options;

#endif

/* When a run writes checkpoints and which of them it keeps: the config's section "checkpoint". */
#ifndef LM_CHECKPOINT_OPTIONS_H
#define LM_CHECKPOINT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct lm_checkpoint_options {
    int64_t every;       /* steps between checkpoints; 0: only at the end */
    bool final;          /* one at the end of the run */
    int64_t keep_last;   /* >= 1: this many newest checkpoints are kept */
    int64_t keep_every;  /* steps that are multiples of this are kept too; 0: none */
    int64_t keep_best;   /* this many checkpoints of lowest validation loss are kept too */
    int64_t before_wall; /* seconds before the scheduler ends the job; 0: its end is ignored */
} lm_checkpoint_options;

#endif

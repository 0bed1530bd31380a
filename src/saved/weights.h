/* Which of a run's weights are meant, where there are several: its own, or their average
 * (optim/average.h), which stands in a checkpoint as "ema/NAME" beside the weight NAME, or as
 * the gap to it, "ema_gap/NAME".
 *
 * Everything that uses weights asks here: evaluations, keep_best and samples of a run, generate,
 * eval, export, average, and run.init_from. Only a run that goes on takes both as they are. */
#ifndef LM_SAVED_WEIGHTS_H
#define LM_SAVED_WEIGHTS_H

#include "saved/meta.h"

#define LM_SAVED_AVERAGE "ema" /* the state in the names of its arrays */

typedef enum lm_weights_choice {
    LM_WEIGHTS_AUTO,    /* what the run evaluates: the average, or its blend, once there is one */
    LM_WEIGHTS_RAW,     /* what the optimizer updates */
    LM_WEIGHTS_AVERAGE, /* the average alone */
    LM_WEIGHTS_COUNT
} lm_weights_choice;
const char *lm_weights_name(int choice); /* "auto", "raw", "average"; NULL past the end */

/* The share of the average in the weights that are meant; 0: the raw ones are. */
double lm_weights_share(int choice, const lm_run_state *s, const lm_config *c);
/* What they are called: "raw", "average" or "blend". */
const char *lm_weights_kind(double share);

#endif

/* What a trial's run directory says of it. */
#ifndef LM_SWEEP_OUTCOME_H
#define LM_SWEEP_OUTCOME_H

#include "sweep/sweep.h"

typedef struct lm_outcome {
    double loss;  /* the objective */
    int64_t at;   /* the step of its last figure; 0: none */
    int64_t done; /* steps that the file has */
} lm_outcome;

/* The objective of the run in `dir` after `steps` steps, from its metrics.jsonl up to there: of an
 * evaluation, the last one; of train_loss, the mean of the last tenth of the steps. LM_ERR_RUNTIME
 * when there is no objective; `at` and `done` are set then, too. */
lm_status lm_outcome_read(const lm_sweep *s, const char *dir, int64_t steps, lm_outcome *out,
                          lm_error *err);

/* Removes the checkpoints of the run in `dir`. Errors do not matter: the disk is fuller then. */
void lm_outcome_remove_checkpoints(const char *dir);

#endif

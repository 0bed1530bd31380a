/* What a trial's run directory says of it. */
#ifndef LM_SWEEP_OUTCOME_H
#define LM_SWEEP_OUTCOME_H

#include "sweep/sweep.h"

/* The objective of the run in `dir` after `steps` steps, from its metrics.jsonl: of an evaluation,
 * the last at most there; of train_loss, the mean of the last tenth of the steps up to there.
 * *done: steps of the file up to there, which is set after an error too. LM_ERR_RUNTIME when there
 * is no objective. */
lm_status lm_outcome_read(const lm_sweep *s, const char *dir, int64_t steps, double *loss,
                          int64_t *done, lm_error *err);

/* Removes the checkpoints of the run in `dir`. Errors do not matter: the disk is fuller then. */
void lm_outcome_remove_checkpoints(const char *dir);

#endif

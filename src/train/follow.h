/* What follows a step: a table of rows (follow.c), each with when it is due and what it does. A new
 * follower is a file in train/follow/ and a row. */
#ifndef LM_TRAIN_FOLLOW_H
#define LM_TRAIN_FOLLOW_H

#include "train/trainer.h"

typedef struct lm_follower {
    bool (*due)(const lm_trainer *t); /* asked once the rows before it are done */
    lm_status (*run)(lm_trainer *t, lm_error *err);
} lm_follower;

extern const lm_follower lm_follow_figures, lm_follow_evaluation, lm_follow_metrics,
    lm_follow_checkpoint, lm_follow_stop, lm_follow_request, lm_follow_page, lm_follow_layers,
    lm_follow_sample, lm_follow_tensorboard;

/* Runs the followers that are due, in the order of the table: after a step, and where a run goes on
 * whose last evaluation was cut short. The first failure ends it, and the run. */
lm_status lm_follow(lm_trainer *t, lm_error *err);
/* The same of those that are due without a step: one was skipped. */
lm_status lm_follow_between(lm_trainer *t, lm_error *err);

#endif

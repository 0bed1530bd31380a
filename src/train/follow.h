/* What follows a step: a table of rows (follow.c), each with when it is due and what it does. A new
 * follower is a file in train/follow/ and a row. */
#ifndef LM_TRAIN_FOLLOW_H
#define LM_TRAIN_FOLLOW_H

#include "train/trainer.h"

/* Who runs it where several processes share the run (ranks.h). */
typedef enum lm_follower_who {
    LM_FOLLOW_FIRST, /* rank 0 alone: reports; one that reads weights calls lm_ranks_await_weights,
                        which is done for the others */
    LM_FOLLOW_LED,   /* rank 0, and the others serve it (lm_ranks_lead): what touches checkpoints */
    LM_FOLLOW_ALL    /* each of them, in step: what computes */
} lm_follower_who;

typedef struct lm_follower {
    bool (*due)(const lm_trainer *t); /* asked once the rows before it are done; unless rank 0
                                       alone runs it, all ranks must come to the same */
    lm_status (*run)(lm_trainer *t, lm_error *err);
    lm_follower_who who;
} lm_follower;

extern const lm_follower lm_follow_figures, lm_follow_evaluation, lm_follow_metrics, lm_follow_mark,
    lm_follow_checkpoint, lm_follow_stop, lm_follow_request, lm_follow_page, lm_follow_layers,
    lm_follow_sample, lm_follow_tensorboard;

/* Runs the followers that are due, in the order of the table: after a step, and where a run goes on
 * whose last evaluation was cut short. The first failure ends it, and the run. */
lm_status lm_follow(lm_trainer *t, lm_error *err);
/* The same of those that are due without a step: one was skipped. */
lm_status lm_follow_between(lm_trainer *t, lm_error *err);

#endif

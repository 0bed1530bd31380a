/* Budgets: a length of time, tokens or FLOPs, turned into the steps of a run.
 *
 * Tokens and FLOPs are divided by what a step has of them. For time, some steps are measured; then
 *
 *     time = fixed + steps * (step + evaluation / eval_every + checkpoint / checkpoint_every)
 *
 * is solved for steps, of which a hundredth less are taken, so that the run ends in time. The steps
 * go into the resolved config: the run is reproducible, and its schedule ends with it. */
#ifndef LM_TRAIN_BUDGET_H
#define LM_TRAIN_BUDGET_H

#include <stdint.h>

#include "base/length.h"
#include "train/train.h"

/* What a step is measured by: the trainer, or a test that drives the clock. */
typedef struct lm_budget_probe {
    void *of;
    /* Takes a step, the first of them for warming up. *windows: seconds of what grows with the
     * windows of a step; *rest: of what does not. */
    lm_status (*step)(void *of, double *windows, double *rest, lm_error *err);
    /* *more: is another step to be measured? Several processes come to the same; NULL: it stays. */
    lm_status (*agree)(void *of, bool *more, lm_error *err);
    double (*clock)(void *of); /* seconds, from an arbitrary start */
    double (*cpu)(void *of);   /* seconds of CPU time of all threads */
    int threads;
} lm_budget_probe;

/* Takes a step, and then at least LM_BUDGET_LEAST more and for `about` so many seconds, but for no
 * longer than half a minute. speed->step is the median of the windows' parts times `windows`, plus
 * that of the rests: a burst of other work on the machine does not move a median. Where other work
 * takes CPU time all along it is the mean, as if that went on. share, slowed and measured are set
 * too, all else is 0. */
enum { LM_BUDGET_LEAST = 5 };
lm_status lm_budget_measure(const lm_budget_probe *p, double windows, double about,
                            lm_train_speed *speed, lm_error *err);

typedef struct lm_budget_costs {
    lm_train_speed speed;                 /* for time alone */
    double fixed;                         /* seconds that are over already, for time */
    int64_t eval_every, checkpoint_every; /* steps; 0: only at the end */
    double step_tokens, step_flops;
} lm_budget_costs;

/* The steps that the budget comes to, at least 1; more than a run can take come out as
 * LM_CHECKPOINT_MAX_STEP + 1. */
int64_t lm_budget_steps(const lm_length *budget, const lm_budget_costs *c);

/* Lines of the plan: the speed, and the time that the run will take. */
void lm_budget_print(const lm_config *c, const lm_train_speed *s, lm_text *out);

#endif

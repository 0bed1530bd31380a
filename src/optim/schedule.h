/* Learning-rate schedules, each a row in a registry: a factor of (step, steps). */
#ifndef LM_OPTIM_SCHEDULE_H
#define LM_OPTIM_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

const char *lm_schedule_name(int kind); /* "constant", "cosine", "linear"; NULL past the end */
bool lm_schedule_uses_min(int kind);    /* does it read min_lr_ratio? */

typedef struct lm_schedule_options {
    int kind;
    int64_t warmup_steps;
    double min_lr_ratio; /* of lr, at the last step */
} lm_schedule_options;

/* The learning rate of update `step` (1-based) of `steps`: linear warm-up lr*step/warmup_steps,
 * then the schedule; cosine (Loshchilov & Hutter 2017) and linear fall from lr at the end of the
 * warm-up to min_lr_ratio*lr at step = steps, which wins where both are one step. */
double lm_schedule_lr(const lm_schedule_options *o, double lr, int64_t step, int64_t steps);

#endif

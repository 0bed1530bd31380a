/* What a step is by the schedules: its place in the run, how many windows it takes, its rates.
 *
 * All of it is a function of the config, the number of the step and the tokens before it, so that a
 * checkpoint needs nothing more to go on. */
#ifndef LM_TRAIN_PACE_H
#define LM_TRAIN_PACE_H

#include "config/config.h"

/* The most steps of a run whose batch changes: they are counted through. */
#define LM_PACE_STEPS_MOST 50000000

/* Windows of update `step` (1-based), a multiple of the lanes up to train.batch, when `before`
 * tokens were trained on before it. */
int64_t lm_pace_batch(const lm_config *c, int64_t step, double before);
/* Windows of all train.steps together; LM_ERR_USAGE: the batch changes and there are too many
 * steps. Up to 2^53 they are exact. */
lm_status lm_pace_windows(const lm_config *c, double *windows, lm_error *err);
/* The step's place in a run of so many windows. */
lm_schedule_time lm_pace_time(const lm_config *c, double windows, int64_t step, double before);

/* Of a group's values what they are at this time. */
double lm_pace_lr(const lm_config *c, double lr, const lm_schedule_time *t);
double lm_pace_momentum(const lm_config *c, double momentum, const lm_schedule_time *t);
double lm_pace_weight_decay(const lm_config *c, double weight_decay, const lm_schedule_time *t);
/* Has the average of the weights begun before this step? For a config that keeps one. */
bool lm_pace_averages(const lm_config *c, const lm_schedule_time *t);
/* 1 - beta of the average in this step (optim/average.h). */
double lm_pace_average_rest(const lm_config *c, const lm_schedule_time *t);
/* The share that the weights of model.multi_token have of what it says. */
double lm_pace_multi_token(const lm_config *c, const lm_schedule_time *t);
/* Tokens that a token attends to; 0: all before it. */
int64_t lm_pace_window(const lm_config *c, const lm_schedule_time *t);

#endif

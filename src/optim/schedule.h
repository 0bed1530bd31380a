/* Schedules: how a value changes over a run. One mechanism for the learning rate, momentum, weight
 * decay, the average of the weights, the batch, the attention window and the weights of further
 * targets; shapes and shapes of decay are rows in registries.
 *
 *     lm_schedule s = {.shape = ..., .warmup = {10, LM_LENGTH_PERCENT}, .end = 0.1};
 *     lr = lm_schedule_value(&s, LM_SCHEDULE_SHARES, top, &time);
 *
 * From `start` the value rises along a line to the top, which it has at the last step of the
 * warm-up. What comes then is the shape; where it falls, it reaches `end` at the last step of the
 * run. A length in tokens is measured by the tokens trained on, others by steps. */
#ifndef LM_OPTIM_SCHEDULE_H
#define LM_OPTIM_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/length.h"

const char *lm_schedule_name(int shape); /* "constant", "cosine", ...; NULL past the end */
/* The shapes that need nothing but a warm-up and an end, from the first on: a short form names one
 * of these. NULL past the end. */
const char *lm_schedule_short_name(int shape);
bool lm_schedule_has_end(int shape);   /* does it read `end`? */
bool lm_schedule_has_decay(int shape); /* does it read `decay`, `decay_shape`, `power`? */
bool lm_schedule_has_stages(int shape);

const char *lm_decay_name(int decay_shape); /* "linear", "cosine", "1-sqrt", "power"; NULL */
bool lm_decay_has_power(int decay_shape);

enum { LM_SCHEDULE_STAGES_MOST = 32 };
#define LM_SCHEDULE_LENGTHS                                              \
    (LM_LENGTH_BIT(LM_LENGTH_STEPS) | LM_LENGTH_BIT(LM_LENGTH_PERCENT) | \
     LM_LENGTH_BIT(LM_LENGTH_TOKENS))

typedef struct lm_schedule_stage {
    lm_length at; /* it begins when so much has been done before the step */
    double value;
} lm_schedule_stage;

typedef struct lm_schedule {
    bool given;       /* by the config; else the value does not change */
    unsigned members; /* which of its members the config gives, for whoever reads and writes it */
    int shape;
    lm_length warmup;
    lm_length decay; /* the last part of the run, in which it falls to `end` */
    int decay_shape;
    double power; /* of the decay shape "power" */
    double start, end;
    int n_stages;
    lm_schedule_stage stages[LM_SCHEDULE_STAGES_MOST];
} lm_schedule;

/* What start, end and the values of stages are. */
typedef enum lm_schedule_scale {
    LM_SCHEDULE_SHARES, /* shares of the top: of learning rates, weight decay, further targets */
    LM_SCHEDULE_VALUES  /* values: of momentum, average, batch and window */
} lm_schedule_scale;

typedef struct lm_schedule_time {
    int64_t step, steps;  /* this update, from 1; of how many */
    double before, after; /* tokens before this step, and with it */
    double tokens;        /* of the whole run */
} lm_schedule_time;

/* The value at a step; the top, when the schedule is not given. The shapes:
 *
 *     constant      the top
 *     cosine        half a cosine from the end of the warm-up on (Loshchilov & Hutter 2017)
 *     linear        a line
 *     inverse_sqrt  top sqrt(w / t), w the length of the warm-up (Vaswani et al. 2017), then decay
 *     wsd           warm-up, stable, decay (Hu et al. 2024; Haegele et al. 2024)
 *     stages        the value of the last stage that has begun; the top before the first
 *
 * and of what is left of decay after a share x of it: linear 1 - x, cosine (1 + cos pi x) / 2,
 * 1-sqrt 1 - sqrt x, power (1 - x)^power. */
double lm_schedule_value(const lm_schedule *s, lm_schedule_scale scale, double top,
                         const lm_schedule_time *t);

/* Has so much been done before the step? */
bool lm_schedule_begun(const lm_length *at, const lm_schedule_time *t);

/* The config's section "schedule": `lr` as a whole, or by its short form; the others. */
typedef struct lm_schedule_options {
    int kind; /* of the short form: its shape */
    int64_t warmup_steps;
    double min_lr_ratio; /* its end */
    lm_schedule lr, momentum, weight_decay, ema, batch, window, multi_token;
} lm_schedule_options;

/* What a run's learning rate follows: `lr`, or what the short form stands for. */
lm_schedule lm_schedule_of_lr(const lm_schedule_options *o);
/* The learning rate of a step, of a group whose top is lr. */
double lm_schedule_lr(const lm_schedule_options *o, double lr, const lm_schedule_time *t);

#endif

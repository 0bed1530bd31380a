#include "optim/schedule.h"

#include <stddef.h>

#include "base/elementary.h"
#include "base/error.h"

/* A schedule maps the share of the way done, in [0, 1], to a factor between 1 and min. */
static double constant(double done, double min) {
    (void)done, (void)min;
    return 1;
}

/* Loshchilov & Hutter 2017, eq. 5, without restarts. */
static double cosine(double done, double min) {
    return min + (1 - min) * 0.5 * (1 + lm_cos(3.141592653589793 * done));
}

static double linear(double done, double min) {
    return 1 - (1 - min) * done;
}

static const struct {
    const char *name;
    double (*factor)(double done, double min);
    bool uses_min;
} schedules[] = {
    {"constant", constant, false},
    {"cosine", cosine, true},
    {"linear", linear, true},
};
enum { COUNT = sizeof schedules / sizeof *schedules };

const char *lm_schedule_name(int kind) {
    return kind >= 0 && kind < COUNT ? schedules[kind].name : NULL;
}

bool lm_schedule_uses_min(int kind) {
    LM_ASSERT(kind >= 0 && kind < COUNT);
    return schedules[kind].uses_min;
}

double lm_schedule_lr(const lm_schedule_options *o, double lr, int64_t step, int64_t steps) {
    LM_ASSERT(o->kind >= 0 && o->kind < COUNT && step >= 1);
    if (step < o->warmup_steps) return lr * (double)step / (double)o->warmup_steps;
    double way = (double)(steps - o->warmup_steps);
    double done = way > 0 ? (double)(step - o->warmup_steps) / way : 1;
    if (done > 1) done = 1;
    return lr * schedules[o->kind].factor(done, o->min_lr_ratio);
}

#include "train/pace.h"

#include <math.h>

#include "base/numbers.h"
#include "optim/average.h"

int64_t lm_pace_batch(const lm_config *c, int64_t step, double before) {
    const lm_train_options *o = &c->train;
    if (!c->schedule.batch.given) return o->batch;
    const lm_schedule_time t = {
        .step = step, .steps = o->steps, .before = before, .after = before, .tokens = INFINITY};
    double windows =
        lm_schedule_value(&c->schedule.batch, LM_SCHEDULE_VALUES, (double)o->batch, &t);
    int64_t lanes = (int64_t)floor(windows / (double)o->lanes);
    return lm_max(lanes, 1) * o->lanes;
}

lm_status lm_pace_windows(const lm_config *c, double *windows, lm_error *err) {
    const lm_train_options *o = &c->train;
    *windows = (double)o->steps * (double)o->batch;
    if (!c->schedule.batch.given) return LM_OK;
    if (o->steps > LM_PACE_STEPS_MOST)
        return lm_error_set(err, LM_ERR_USAGE,
                            "train.steps = %lld: expected %d at most, since schedule.batch changes"
                            " the batch",
                            (long long)o->steps, LM_PACE_STEPS_MOST);
    *windows = 0;
    for (int64_t step = 1; step <= o->steps; step++)
        *windows += (double)lm_pace_batch(c, step, *windows * (double)c->model.context_length);
    return LM_OK;
}

lm_schedule_time lm_pace_time(const lm_config *c, double windows, int64_t step, double before) {
    const double length = (double)c->model.context_length;
    return (lm_schedule_time){.step = step,
                              .steps = c->train.steps,
                              .before = before,
                              .after = before + (double)lm_pace_batch(c, step, before) * length,
                              .tokens = windows * length};
}

double lm_pace_lr(const lm_config *c, double lr, const lm_schedule_time *t) {
    return lm_schedule_lr(&c->schedule, lr, t);
}

double lm_pace_momentum(const lm_config *c, double momentum, const lm_schedule_time *t) {
    return lm_schedule_value(&c->schedule.momentum, LM_SCHEDULE_VALUES, momentum, t);
}

double lm_pace_weight_decay(const lm_config *c, double weight_decay, const lm_schedule_time *t) {
    return lm_schedule_value(&c->schedule.weight_decay, LM_SCHEDULE_SHARES, weight_decay, t);
}

bool lm_pace_averages(const lm_config *c, const lm_schedule_time *t) {
    return lm_schedule_begun(&c->train.ema_start, t);
}

double lm_pace_average_rest(const lm_config *c, const lm_schedule_time *t) {
    const lm_train_options *o = &c->train;
    if (o->ema_tokens > 0) return lm_average_rest(o->ema_tokens, t->after - t->before);
    return 1 - lm_schedule_value(&c->schedule.ema, LM_SCHEDULE_VALUES, o->ema, t);
}

double lm_pace_multi_token(const lm_config *c, const lm_schedule_time *t) {
    return lm_schedule_value(&c->schedule.multi_token, LM_SCHEDULE_SHARES, 1, t);
}

int64_t lm_pace_window(const lm_config *c, const lm_schedule_time *t) {
    const lm_model_options *m = &c->model;
    if (!c->schedule.window.given) return m->window;
    int64_t top = m->window > 0 ? m->window : m->context_length;
    double window = lm_schedule_value(&c->schedule.window, LM_SCHEDULE_VALUES, (double)top, t);
    window = floor(window);
    return window >= (double)top ? m->window : lm_max((int64_t)window, 1);
}

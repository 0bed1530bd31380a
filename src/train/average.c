/* The average of the weights: after a step, and in their place while they are evaluated. */
#include "train/pace.h"
#include "train/trainer.h"

static double rest_of(const lm_trainer *t, const lm_schedule_time *time) {
    const lm_optimizer_options *o = &t->config->optimizer;
    if (lm_optimizer_averages(o->kind)) return lm_free_rest(t->average_share, o->beta1);
    return lm_pace_average_rest(t->config, time);
}

void lm_trainer_average(lm_trainer *t, const lm_schedule_time *time) {
    const float *weights = lm_model_weights(t->model);
    if (!t->average.values) return;
    if (t->state.averaged == 0 && !lm_pace_averages(t->config, time)) return;
    if (t->state.averaged++ == 0)
        lm_average_begin(&t->average, &t->compute, weights);
    else
        lm_average_add(&t->average, &t->compute, rest_of(t, time), weights);
}

int64_t lm_trainer_arrays(const lm_trainer *t) {
    int64_t rows;
    lm_model_rows(t->model, &rows);
    return t->n_arrays - (t->average.values && t->state.averaged == 0 ? rows : 0);
}

bool lm_trainer_show_average(lm_trainer *t) {
    const int64_t total = lm_model_total(t->model);
    const double share = lm_weights_share(LM_WEIGHTS_AUTO, &t->state, t->config);
    float *weights = lm_model_weights(t->model);
    if (share == 0 || t->showing) return false;
    lm_average_copy(t->pool, total, weights, lm_model_gradients(t->model));
    lm_model_touch_all(t->model); /* the gradients hold the weights for now */
    lm_average_blend(t->compute.kernels, t->pool, total, share, t->average.values, weights);
    t->showing = true;
    return true;
}

void lm_trainer_hide_average(lm_trainer *t) {
    if (!t->showing) return;
    lm_average_copy(t->pool, lm_model_total(t->model), lm_model_gradients(t->model),
                    lm_model_weights(t->model));
    t->showing = false;
}

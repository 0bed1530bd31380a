/* The average of the weights: after a step, and in their place while they are evaluated. */
#include <string.h>

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
    if (t->state.averaged++ == 0) {
        lm_average_begin(&t->average, &t->compute, weights);
        t->state.gap = 1;
        return;
    }
    const double rest = rest_of(t, time);
    lm_average_add(&t->average, &t->compute, rest, weights);
    if (t->groups.gaps > 0)
        t->state.gap = lm_optimizer_next_gap(t->optimizer, &t->compute, t->state.gap, rest);
}

int64_t lm_trainer_arrays(const lm_trainer *t) {
    int64_t n;
    const lm_param *rows = lm_model_rows(t->model, &n);
    return t->n_arrays - (t->state.averaged > 0 ? 0 : lm_saved_averaged(rows, n, &t->average));
}

/* Every process has all gaps. */
static void show_gaps(lm_trainer *t, double share) {
    int64_t rows, n;
    const lm_param *row = lm_model_rows(t->model, &rows);
    const lm_optimizer_array *a = lm_optimizer_arrays(t->optimizer, &n);
    float *weights = lm_model_weights(t->model);
    for (int64_t i = 0; i < n; i++) {
        if (strcmp(a[i].state, LM_AVERAGE_GAP) != 0) continue;
        const lm_param *r = row;
        while (r->name != a[i].row) r++;
        lm_average_blend_gap(t->compute.kernels, t->pool, a[i].count, share, a[i].data,
                             weights + r->offset);
    }
}

bool lm_trainer_show_average(lm_trainer *t) {
    const int64_t total = lm_model_total(t->model);
    const double share = lm_weights_share(LM_WEIGHTS_AUTO, &t->state, t->config);
    float *weights = lm_model_weights(t->model);
    if (share == 0 || t->showing) return false;
    lm_average_copy(t->pool, total, weights, lm_model_gradients(t->model));
    lm_model_touch_all(t->model); /* the gradients hold the weights for now */
    lm_average_blend(t->compute.kernels, t->pool, t->average.count, share, t->average.values,
                     weights);
    if (t->groups.gaps > 0) show_gaps(t, share * t->state.gap);
    t->showing = true;
    return true;
}

void lm_trainer_hide_average(lm_trainer *t) {
    if (!t->showing) return;
    lm_average_copy(t->pool, lm_model_total(t->model), lm_model_gradients(t->model),
                    lm_model_weights(t->model));
    t->showing = false;
}

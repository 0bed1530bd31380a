/* Figures of each parameter, every log.layers_every steps. */
#include "train/follow.h"

static bool is_due(const lm_trainer *t) {
    return lm_layers_has(&t->layers, t->state.step) && t->layers.reported < t->layers.step;
}

static lm_status report(lm_trainer *t, lm_error *err) {
    t->layers.reported = t->layers.step;
    return lm_metrics_layers(&t->metrics, &t->figures, t->layers.figures, t->layers.count, err);
}

const lm_follower lm_follow_layers = {is_due, report, LM_FOLLOW_FIRST};

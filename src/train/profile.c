#include "train/profile.h"

#include <stdlib.h>

lm_status lm_profile_create(lm_profile *p, int64_t n_layers, lm_error *err) {
    *p = (lm_profile){.on = true, .n_layers = n_layers};
    p->clock.by_layer = calloc((size_t)n_layers + 1, sizeof *p->clock.by_layer);
    p->layers = calloc((size_t)n_layers + 1, sizeof *p->layers);
    if (!p->clock.by_layer || !p->layers) return lm_error_no_memory(err, NULL);
    for (int64_t i = 0; i <= n_layers; i++)
        p->layers[i] = (lm_phase_figures){lm_phase_name, p->clock.by_layer[i]};
    return LM_OK;
}

void lm_profile_free(lm_profile *p) {
    free(p->clock.by_layer);
    free(p->layers);
    *p = (lm_profile){0};
}

void lm_profile_begin_step(lm_profile *p, lm_compute *compute) {
    if (!p->on) return;
    lm_phase_start(&p->clock);
    compute->phases = &p->clock;
}

void lm_profile_end_step(lm_profile *p, lm_compute *compute) {
    if (!p->on) return;
    lm_phase_stop(&p->clock);
    compute->phases = NULL;
    for (int i = 0; i < LM_PHASE_COUNT; i++) p->seconds[i] += p->clock.seconds[i];
    p->steps++;
}

lm_phase_figures lm_profile_step(const lm_profile *p) {
    return p->on ? (lm_phase_figures){lm_phase_name, p->clock.seconds} : (lm_phase_figures){0};
}

lm_summary_profile lm_profile_summary(const lm_profile *p) {
    return (lm_summary_profile){.steps = p->steps,
                                .all = {lm_phase_name, p->seconds},
                                .layers = p->layers,
                                .n_layers = p->n_layers};
}

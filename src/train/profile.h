/* Where the time of a run's steps goes, by the kind of work and by layer (--profile). */
#ifndef LM_TRAIN_PROFILE_H
#define LM_TRAIN_PROFILE_H

#include "ops/compute.h"
#include "report/summary.h"

typedef struct lm_profile {
    bool on;                        /* else all of these do nothing */
    lm_phase_clock clock;           /* of the last step */
    double seconds[LM_PHASE_COUNT]; /* of this session's steps */
    lm_phase_figures *layers;       /* [n_layers + 1], of clock.by_layer */
    int64_t n_layers, steps;
} lm_profile;

lm_status lm_profile_create(lm_profile *p, int64_t n_layers, lm_error *err);
void lm_profile_free(lm_profile *p); /* zero-initialised or twice is fine */

/* Around a step. They allocate nothing. */
void lm_profile_begin_step(lm_profile *p, lm_compute *compute);
void lm_profile_end_step(lm_profile *p, lm_compute *compute);

/* Of the last step, and of all; they point into *p. */
lm_phase_figures lm_profile_step(const lm_profile *p);
lm_summary_profile lm_profile_summary(const lm_profile *p);

#endif

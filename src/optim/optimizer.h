/* Optimizers, each a row in a registry; they see flat arrays cut into segments, never models.
 *
 *     lm_optimizer_options o = {.kind = kind, .lr = 1e-3, ...};
 *     n = lm_optimizer_states(o.kind);                   // flat float arrays it keeps: 0, 1 or 2
 *     norm = lm_gradient_norm(compute, total, gradients);
 *     lm_optimizer_step(compute, &o, &step);
 *
 * Sources: SGD and momentum: Sutskever et al. 2013 (undampened); Adam: Kingma & Ba 2015, algorithm
 * 1; AdamW: Loshchilov & Hutter 2019 (decay decoupled, scaled by the learning rate). */
#ifndef LM_OPTIM_OPTIMIZER_H
#define LM_OPTIM_OPTIMIZER_H

#include <stdbool.h>

#include "ops/compute.h"

/* The registry. */
const char *lm_optimizer_name(int kind); /* "sgd", "momentum", "adam", "adamw"; NULL past the end */
int lm_optimizer_states(int kind);       /* float arrays of the parameters' size it keeps */
const char *lm_optimizer_state_name(int kind, int state); /* "m", "v", ...: for checkpoints */
/* Does this kind read the option of that name ("beta1", "beta2", "eps", "momentum",
 * "weight_decay")? A config that sets one it does not read is refused. */
bool lm_optimizer_uses(int kind, const char *option);

typedef struct lm_optimizer_options {
    int kind; /* index in the registry */
    double lr, beta1, beta2, eps, momentum, weight_decay;
} lm_optimizer_options;

typedef struct lm_optimizer_segment {
    int64_t offset, count; /* elements of the flat arrays */
    bool decay;
} lm_optimizer_segment;

typedef struct lm_optimizer_step_args {
    const lm_optimizer_segment *segments; /* disjoint */
    int64_t n_segments;
    double lr;         /* of this step, from the schedule */
    int64_t step;      /* t of the bias correction: 1 at the first update */
    double grad_scale; /* from lm_clip_scale(); 1 without clipping */
    const float *gradients;
    float *states[2];
    float *weights; /* updated in place, as are states */
} lm_optimizer_step_args;
/* One pass over memory: read g, m, v, p; write m, v, p. */
void lm_optimizer_step(const lm_compute *compute, const lm_optimizer_options *o,
                       const lm_optimizer_step_args *s);

/* sqrt(sum g^2): fixed chunks, combined in order in double. NaN or infinite when any gradient is.
 */
double lm_gradient_norm(const lm_compute *compute, int64_t count, const float *gradients);
/* min(1, clip_norm / norm) as Pascanu, Mikolov & Bengio 2013; 1 when clip_norm is 0. */
double lm_clip_scale(double norm, double clip_norm);

#endif

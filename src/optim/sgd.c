/* Stochastic gradient descent (Robbins & Monro 1951), with decoupled weight decay lambda
 * (Loshchilov & Hutter 2019):
 *
 *     w <- w - eta lambda w - eta g */
#include "optim/kind.h"

static void update(const lm_update *u) {
    u->compute->kernels->sgd_f32(u->count, u->lr, u->decay, u->grad_scale, u->gradients,
                                 u->weights);
}

const lm_optimizer_kind lm_optimizer_sgd = {.name = "sgd",
                                            .uses = LM_USES_WEIGHT_DECAY,
                                            .states = (const lm_optimizer_state[]){{0}},
                                            .elements = update};

/* Stochastic gradient descent (Robbins & Monro 1951), with decoupled weight decay lambda
 * (Loshchilov & Hutter 2019):
 *
 *     w <- w - eta lambda w - eta g
 *
 * With cautious decay, here and in all other files, the decay is left out for the elements of w
 * that the update does not move towards 0 (Chen et al. 2025): those with not u w > 0, where
 * w <- w - eta u is the update, and w is taken before it. */
#include "optim/kind.h"

static void update(const lm_update *u) {
    const lm_sgd_coefficients c = {.lr = u->lr,
                                   .decay = u->decay,
                                   .grad_scale = u->grad_scale,
                                   .cautious = u->options->cautious};
    u->compute->kernels->sgd_f32(u->count, &c, u->gradients, u->weights);
}

const lm_optimizer_kind lm_optimizer_sgd = {.name = "sgd",
                                            .uses = LM_USES_WEIGHT_DECAY,
                                            .states = (const lm_optimizer_state[]){{0}},
                                            .size = LM_UPDATE_GRADIENT,
                                            .elements = update};

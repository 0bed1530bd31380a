/* Gradient descent with momentum mu: the heavy ball (Polyak 1964) with the learning rate outside of
 * the sum, as PyTorch's SGD has it; Sutskever et al. 2013 multiply each gradient by its own
 * learning rate before it enters, which differs when the rate changes. Weight decay lambda is
 * decoupled (Loshchilov & Hutter 2019):
 *
 *     b <- mu b + g
 *     w <- w - eta lambda w - eta b
 *
 * With Nesterov's momentum (Nesterov 1983; in this form Sutskever et al. 2013) the last term is
 * eta (g + mu b). */
#include "optim/kind.h"

static void update(const lm_update *u) {
    const lm_sgd_coefficients c = {.lr = u->lr,
                                   .momentum = (float)u->momentum,
                                   .decay = u->decay,
                                   .grad_scale = u->grad_scale,
                                   .nesterov = u->options->nesterov,
                                   .cautious = u->options->cautious};
    u->compute->kernels->momentum_f32(u->count, &c, u->gradients, u->states[0] + u->first,
                                      u->weights);
}

const lm_optimizer_kind lm_optimizer_momentum = {
    .name = "momentum",
    .uses = LM_USES_MOMENTUM | LM_USES_NESTEROV | LM_USES_WEIGHT_DECAY,
    .states = (const lm_optimizer_state[]){{"momentum", LM_STATE_LIKE_ROW}, {0}},
    .size = LM_UPDATE_GRADIENT,
    .elements = update};

/* Lion (Chen et al. 2023, algorithm 2): the sign of an interpolation of momentum and gradient, with
 * decoupled weight decay lambda. Its learning rate is a third to a tenth of Adam's, its decay as
 * many times larger:
 *
 *     u <- sign(beta1 m + (1 - beta1) g)        sign(0) = 0
 *     w <- w - eta lambda w - eta u
 *     m <- beta2 m + (1 - beta2) g */
#include "optim/kind.h"

static void update(const lm_update *u) {
    const lm_optimizer_options *o = u->options;
    const lm_adam_coefficients c = {.lr = u->lr,
                                    .rest1 = (float)(1 - o->beta1),
                                    .rest2 = (float)(1 - o->beta2),
                                    .decay = u->decay,
                                    .grad_scale = u->grad_scale,
                                    .cautious = o->cautious};
    u->compute->kernels->lion_f32(u->count, &c, u->gradients, u->states[0] + u->first, u->weights);
}

const lm_optimizer_kind lm_optimizer_lion = {
    .name = "lion",
    .uses = LM_USES_BETA1 | LM_USES_BETA2 | LM_USES_WEIGHT_DECAY,
    .states = (const lm_optimizer_state[]){{"m", LM_STATE_LIKE_ROW}, {0}},
    .elements = update};

/* Adam (Kingma & Ba 2015, algorithm 1), and AdamW, which is Adam with weight decay lambda decoupled
 * from the gradient and scaled by the learning rate (Loshchilov & Hutter 2019, algorithm 2):
 *
 *     m <- beta1 m + (1 - beta1) g
 *     v <- beta2 v + (1 - beta2) g^2
 *     w <- w - eta lambda w - eta (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
 *
 * computed as m + (1 - beta1) (g - m), v likewise: near 1 a beta in fp32 says little of 1 - beta,
 * on which everything depends (at 0.9999999 it would be off by a fifth). */
#include "optim/moments.h"

static void update(const lm_update *u) {
    const lm_adam_coefficients c = lm_moments(u);
    u->compute->kernels->adam_f32(u->count, &c, u->gradients, u->states[0] + u->first,
                                  u->states[1] + u->first, u->weights);
}

static const lm_optimizer_state moments[] = {
    {"m", LM_STATE_LIKE_ROW}, {"v", LM_STATE_LIKE_ROW}, {0}};

const lm_optimizer_kind lm_optimizer_adam = {.name = "adam",
                                             .uses = LM_USES_BETA1 | LM_USES_BETA2 |
                                                     LM_USES_BETA2_TOKENS | LM_USES_EPS,
                                             .states = moments,
                                             .elements = update};

const lm_optimizer_kind lm_optimizer_adamw = {.name = "adamw",
                                              .uses = LM_USES_BETA1 | LM_USES_BETA2 |
                                                      LM_USES_BETA2_TOKENS | LM_USES_EPS |
                                                      LM_USES_WEIGHT_DECAY,
                                              .states = moments,
                                              .elements = update};

/* Schedule-free AdamW (Defazio et al. 2024, algorithm 1). With c from schedule_free.h:
 *
 *     v <- beta2 v + (1 - beta2) g^2              g is the gradient at y
 *     d <- eta g / (sqrt(v / (1 - beta2^t)) + eps) + eta lambda y
 *     y <- y + c (z - y) - (1 - beta1 (1 - c)) d
 *     z <- z - d
 *
 * The weights are y; z is y before the first step. */
#include "optim/schedule_free.h"

#include <string.h>

#include "optim/moments.h"

double lm_free_share(lm_free_rates *rates, double lr) {
    if (lr > rates->peak) rates->peak = lr;
    const double weight = rates->peak * rates->peak;
    rates->sum += weight;
    return rates->sum > 0 ? weight / rates->sum : 1;
}

double lm_free_rest(double share, double beta1) {
    return share / (1 - beta1 + share * beta1);
}

static void update(const lm_update *u) {
    lm_adam_coefficients c = lm_moments(u);
    float *z = u->states[0] + u->first;
    c.average_share = (float)u->average_share;
    c.y_share = (float)(1 - u->options->beta1 * (1 - u->average_share));
    if (u->average_share == 1) memcpy(z, u->weights, (size_t)u->count * sizeof *z);
    u->compute->kernels->schedule_free_f32(u->count, &c, u->gradients, z, u->states[1] + u->first,
                                           u->weights);
}

const lm_optimizer_kind lm_optimizer_schedule_free = {
    .name = "schedule_free",
    .uses =
        LM_USES_BETA1 | LM_USES_BETA2 | LM_USES_BETA2_TOKENS | LM_USES_EPS | LM_USES_WEIGHT_DECAY,
    .averages = true,
    .states = (const lm_optimizer_state[]){{"z", LM_STATE_LIKE_ROW}, {"v", LM_STATE_LIKE_ROW}, {0}},
    .elements = update};

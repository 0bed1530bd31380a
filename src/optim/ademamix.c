/* AdEMAMix (Pagliardini, Ablin & Grangier 2024, algorithm 1): AdamW with a second, slow moment s
 * beside m:
 *
 *     m <- beta1 m + (1 - beta1) g
 *     s <- beta3(t) s + (1 - beta3(t)) g
 *     v <- beta2 v + (1 - beta2) g^2
 *     w <- w - eta lambda w
 *            - eta (m / (1 - beta1^t) + alpha(t) s) / (sqrt(v / (1 - beta2^t)) + eps)
 *
 * Over the first T steps (alpha_steps; 0: all of the run) alpha and beta3 rise, without which
 * training diverges early: alpha(t) = alpha min(1, t / T), and beta3 from beta1 to its value so
 * that the half-life grows along a line: with f(b) = ln(1/2) / ln b - 1, beta3(t) is the b for
 * which f(b) = (1 - t/T) f(beta1) + (t/T) f(beta3). */
#include "optim/moments.h"

#define LN_HALF (-0.6931471805599453)
#define TINY    1e-8 /* as in the authors' code: beta1 may be 0 */

static double half_life(double beta) {
    return LN_HALF / lm_log(beta + TINY) - 1;
}

static double slow_rest(const lm_optimizer_options *o, double share) {
    if (share >= 1) return 1 - o->beta3;
    double h = (1 - share) * half_life(o->beta1) + share * half_life(o->beta3);
    return 1 - lm_exp(LN_HALF / (h + 1));
}

static void update(const lm_update *u) {
    const lm_optimizer_options *o = u->options;
    int64_t rise = o->alpha_steps > 0 ? o->alpha_steps : u->steps;
    double share = rise > u->step ? (double)u->step / (double)rise : 1;
    lm_adam_coefficients c = lm_moments(u);
    c.alpha = (float)(o->alpha * share);
    c.rest3 = (float)slow_rest(o, share);
    u->compute->kernels->ademamix_f32(u->count, &c, u->gradients, u->states[0] + u->first,
                                      u->states[1] + u->first, u->states[2] + u->first, u->weights);
}

const lm_optimizer_kind lm_optimizer_ademamix = {
    .name = "ademamix",
    .uses = LM_USES_BETA1 | LM_USES_BETA2 | LM_USES_BETA2_TOKENS | LM_USES_EPS | LM_USES_SLOW |
            LM_USES_WEIGHT_DECAY,
    .states =
        (const lm_optimizer_state[]){
            {"m", LM_STATE_LIKE_ROW}, {"s", LM_STATE_LIKE_ROW}, {"v", LM_STATE_LIKE_ROW}, {0}},
    .elements = update};

/* Adam (Kingma & Ba 2015, algorithm 1), and AdamW, which is Adam with weight decay lambda decoupled
 * from the gradient and scaled by the learning rate (Loshchilov & Hutter 2019, algorithm 2):
 *
 *     m <- beta1 m + (1 - beta1) g
 *     v <- beta2 v + (1 - beta2) g^2
 *     w <- w - eta lambda w - eta (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)
 *
 * computed as m + (1 - beta1) (g - m), v likewise: near 1 a beta in fp32 says little of 1 - beta,
 * on which everything depends (at 0.9999999 it would be off by a fifth).
 *
 * Lazily, for tables of which a step reaches few rows: there is no first moment, m = g, and an
 * element whose gradient is exactly 0 stays as it is, as does its v: neither moment nor decay goes
 * on. t counts all steps, so that an element met late, whose v is then (1 - beta2) g^2, moves by up
 * to eta sqrt((1 - beta2^t) / (1 - beta2)), far more than eta. The result does not depend on
 * whether rows without gradient are passed over. Where the average of the weights is kept, so is
 * the gap to it (average.h). */
#include <string.h>

#include "optim/average.h"
#include "optim/moments.h"

static void update(const lm_update *u) {
    const lm_adam_coefficients c = lm_moments(u);
    u->compute->kernels->adam_f32(u->count, &c, u->gradients, u->states[0] + u->first,
                                  u->states[1] + u->first, u->weights);
}

static const lm_optimizer_state moments[] = {
    {"m", LM_STATE_LIKE_ROW}, {"v", LM_STATE_LIKE_ROW}, {0}};

static void update_lazily(const lm_update *u) {
    const lm_adam_coefficients c = lm_moments(u);
    u->compute->kernels->adam_lazy_f32(u->count, &c, u->gradients, u->states[0] + u->first,
                                       u->weights);
}

enum { PART = 1024 }; /* weights whose former values are kept at a time */

static void update_with_gaps(const lm_update *u) {
    const lm_kernels *k = u->compute->kernels;
    const lm_adam_coefficients c = lm_moments(u);
    float change[PART];
    for (int64_t at = 0, n; at < u->count; at += n) {
        float *w = u->weights + at;
        n = lm_min(u->count - at, PART);
        memcpy(change, w, (size_t)n * sizeof *change);
        k->adam_lazy_f32(n, &c, u->gradients + at, u->states[0] + u->first + at, w);
        k->add_scaled_f32(n, -1, w, change);
        k->add_scaled_f32(n, u->gap_scale, change, u->states[1] + u->first + at);
    }
}

static const lm_optimizer_state second_moment[] = {{"v", LM_STATE_LIKE_ROW}, {0}};
static const lm_optimizer_state moment_and_gap[] = {
    {"v", LM_STATE_LIKE_ROW}, {LM_AVERAGE_GAP, LM_STATE_LIKE_ROW}, {0}};
static const lm_optimizer_kind adam_gaps = {
    .states = moment_and_gap, .elements = update_with_gaps, .skips = true};
static const lm_optimizer_kind adamw_gaps = {.uses = LM_USES_WEIGHT_DECAY,
                                             .states = moment_and_gap,
                                             .elements = update_with_gaps,
                                             .skips = true};
static const lm_optimizer_kind lazy_adam = {
    .states = second_moment, .elements = update_lazily, .skips = true, .gaps = &adam_gaps};
static const lm_optimizer_kind lazy_adamw = {.uses = LM_USES_WEIGHT_DECAY,
                                             .states = second_moment,
                                             .elements = update_lazily,
                                             .skips = true,
                                             .gaps = &adamw_gaps};

const lm_optimizer_kind lm_optimizer_adam = {
    .name = "adam",
    .uses = LM_USES_BETA1 | LM_USES_BETA2 | LM_USES_BETA2_TOKENS | LM_USES_EPS | LM_USES_LAZY,
    .states = moments,
    .elements = update,
    .lazy = &lazy_adam};

const lm_optimizer_kind lm_optimizer_adamw = {.name = "adamw",
                                              .uses = LM_USES_BETA1 | LM_USES_BETA2 |
                                                      LM_USES_BETA2_TOKENS | LM_USES_EPS |
                                                      LM_USES_WEIGHT_DECAY | LM_USES_LAZY,
                                              .states = moments,
                                              .elements = update,
                                              .lazy = &lazy_adamw};

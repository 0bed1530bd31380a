/* Inside the room: what Adam and its relatives have in common. */
#ifndef LM_OPTIM_MOMENTS_H
#define LM_OPTIM_MOMENTS_H

#include "base/elementary.h"
#include "optim/kind.h"

/* The coefficients of both moments, of decay and of the learning rate; those of AdEMAMix are 0.
 *
 * beta2 may be given by its half-life of H tokens (Marek et al. 2025): for a step of n tokens it is
 * 2^(-n/H), so that what it forgets depends on the tokens and not on the batch. Its correction is
 * that of all N tokens so far, 1 - 2^(-N/H). */
static inline lm_adam_coefficients lm_moments(const lm_update *u) {
    const lm_optimizer_options *o = u->options;
    double rest2 = 1 - o->beta2, correction2 = 1 - lm_powi(o->beta2, u->step);
    if (o->beta2_tokens > 0) {
        const double ln2 = 0.6931471805599453;
        rest2 = 1 - lm_exp(-ln2 * u->step_tokens / o->beta2_tokens);
        correction2 = 1 - lm_exp(-ln2 * u->tokens / o->beta2_tokens);
    }
    return (lm_adam_coefficients){.lr = u->lr,
                                  .rest1 = (float)(1 - o->beta1),
                                  .rest2 = (float)rest2,
                                  .eps = (float)u->eps,
                                  .inv_correction1 = (float)(1 / (1 - lm_powi(o->beta1, u->step))),
                                  .inv_correction2 = (float)(1 / correction2),
                                  .decay = u->decay,
                                  .grad_scale = u->grad_scale,
                                  .cautious = o->cautious};
}

#endif

/* Dropout (Srivastava et al. 2014): each element becomes 0 with the probability `rate`, or else is
 * divided by 1 - rate, so that its expectation stays.
 *
 * Which elements are dropped is a function of (seed, site, sample, position, channel) alone. So
 * nothing is stored, backward draws the same again, and neither threads nor micro-batches change a
 * bit. Sixteen random bits decide per element (base/rng.h, eight channels per block), so the rate
 * is rounded to a multiple of 1/65536. */
#ifndef LM_NN_DROPOUT_H
#define LM_NN_DROPOUT_H

#include "ops/compute.h"

typedef struct lm_dropout {
    double rate; /* 0 <= rate < 1 */
    uint64_t seed;
    uint32_t site;   /* which dropout of the model */
    uint64_t sample; /* number within the whole run of the first row of tokens */
    int64_t batch, time, channels;
    int64_t context; /* the most tokens that a row of any pass may have; time <= context */
} lm_dropout;

/* y [B*T, C] overwritten = dropout(x) + residual (NULL: none); y may be x or residual. Backward is
 * the same call on the gradient. */
void lm_dropout_apply(const lm_compute *compute, const lm_dropout *d, const float *x,
                      const float *residual, float *y);

#endif

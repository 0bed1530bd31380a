/* Dropout (Srivastava et al. 2014): each element is 0 with the probability `rate`, else divided by
 * 1 - rate, so that its expectation stays.
 *
 * Which elements are dropped is a function of (seed, site, sample, position, channel) alone: nothing
 * is stored, backward asks again, and neither threads nor how samples are put into micro-batches
 * change a bit. Sixteen random bits decide (base/rng.h, eight channels a block), so the rate is
 * rounded to a multiple of 1/65536. */
#ifndef LM_NN_DROPOUT_H
#define LM_NN_DROPOUT_H

#include "ops/compute.h"

typedef struct lm_dropout {
    double rate; /* 0 <= rate < 1 */
    uint64_t seed;
    uint32_t site;   /* which dropout of the model */
    uint64_t sample; /* number of the first row of tokens in the whole run */
    int64_t batch, time, channels;
    int64_t context; /* rows have at most so many tokens, whatever `time` is now */
} lm_dropout;

/* y [B*T, C] overwritten = dropout(x) + residual (NULL: none); y may be x or residual. Backward is
 * the same call on the gradient. */
void lm_dropout_apply(const lm_compute *compute, const lm_dropout *d, const float *x,
                      const float *residual, float *y);

#endif

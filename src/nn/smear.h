/* Smearing: each token's row receives a share of the row before it, y_t = x_t + s g_t x_{t-1}, with
 * a number s for all tokens and a gate g_t of each (modded-nanogpt's records, Jordan et al. 2024).
 * The first row of a window and of a document has none before it.
 *
 * Dimensions: B windows of T tokens, C channels. */
#ifndef LM_NN_SMEAR_H
#define LM_NN_SMEAR_H

#include "ops/compute.h"

typedef struct lm_smear {
    int64_t batch, time, channels;
    const int32_t *documents; /* [B*T]: where in the window t's document begins; NULL: at 0 */
    float scale;              /* s */
    const float *gates;       /* [B*T] */
    const float *x;           /* [B*T, C] */
} lm_smear;

/* y [B*T, C] overwritten; not x. */
void lm_smear_forward(const lm_compute *compute, const lm_smear *s, float *y);
/* dy is the gradient of y, replaced by that of x but for what goes through the gates. dgates [B*T]
 * overwritten; dscale [1] accumulated into, window by window as nn/sums.h says. */
void lm_smear_backward(const lm_compute *compute, const lm_smear *s, float *dy, float *dgates,
                       float *dscale);

#endif

/* RMSNorm of each head of the queries, or of the keys, before they are rotated; all heads share one
 * weight [D]. Attention's scores then cannot grow with the norms of q and k (Henry et al. 2020;
 * Dehghani et al. 2023). A gain of each head, learned, lets its scores be as sharp as it needs.
 *
 * Dimensions: H heads, D head size. Token i has H heads of D, side by side, at x + i*row. */
#ifndef LM_NN_HEAD_NORM_H
#define LM_NN_HEAD_NORM_H

#include "ops/array.h"

typedef struct lm_head_norm {
    int64_t tokens, heads, head_size;
    int64_t window; /* tokens per window, which divides them; 0: all are one */
    int64_t row;    /* row stride of x, y, dy */
    float eps;
    const float *weight; /* [D] */
    const float *gain;   /* [H]: by what a head is multiplied behind its norm; NULL: by nothing */
    float *rstd;         /* [tokens, H], kept for backward */
} lm_head_norm;

/* y and rstd overwritten; y may be x. */
void lm_head_norm_forward(const lm_compute *compute, const lm_head_norm *n, lm_array x, float *y);
/* dy is the gradient of y, replaced by that of x. dweight [D], and with a gain dgain [H],
 * accumulated into, window by window, as nn/sums.h says. */
void lm_head_norm_backward(const lm_compute *compute, const lm_head_norm *n, lm_array x, float *dy,
                           float *dweight, float *dgain);
/* Scratch bytes per worker. */
size_t lm_head_norm_scratch_bytes(int64_t heads, int64_t head_size);

#endif

/* RMSNorm of each head of the queries or of the keys, before they are rotated, with one weight of
 * the head's size for all heads: attention's scores then cannot grow with the norms of q and k (Henry
 * et al. 2020; Dehghani et al. 2023).
 *
 * Dimensions: H heads, D head size. Row of token i at x + i*row: H heads of D, next to each other. */
#ifndef LM_NN_HEAD_NORM_H
#define LM_NN_HEAD_NORM_H

#include "ops/array.h"

typedef struct lm_head_norm {
    int64_t tokens, heads, head_size;
    int64_t row; /* row stride of x, y, dy */
    float eps;
    const float *weight; /* [D] */
    float *rstd;         /* [tokens, H], kept for backward */
} lm_head_norm;

/* y overwritten (y may be x); rstd overwritten. */
void lm_head_norm_forward(const lm_compute *compute, const lm_head_norm *n, lm_array x, float *y);
/* dy in: gradient of y, out: of x. dweight [D] accumulated into, in token chunks whose count depends
 * on the shape alone, the chunks added in order. */
void lm_head_norm_backward(const lm_compute *compute, const lm_head_norm *n, lm_array x, float *dy,
                           float *dweight);
size_t lm_head_norm_scratch_bytes(int64_t heads, int64_t head_size);

#endif

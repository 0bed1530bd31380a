/* LayerNorm (Ba, Kiros & Hinton 2016) and RMSNorm (Zhang & Sennrich 2019) over rows of C. */
#ifndef LM_NN_NORM_H
#define LM_NN_NORM_H

#include "ops/array.h"

typedef enum lm_norm_kind { LM_NORM_LAYERNORM, LM_NORM_RMSNORM, LM_NORM_COUNT } lm_norm_kind;
const char *lm_norm_name(int kind); /* "layernorm", "rmsnorm"; NULL past the end */

typedef struct lm_norm {
    lm_norm_kind kind;
    int64_t rows, channels;
    int64_t window; /* rows per window of tokens, which divides them; 0: all rows are one */
    float eps;
    const float *weight; /* [C] */
    const float *bias;   /* [C] or NULL (always NULL with RMSNorm) */
    float *mean;         /* [rows], kept for backward; unused with RMSNorm */
    float *rstd;         /* [rows], kept for backward */
} lm_norm;

/* y [rows, C], mean, rstd overwritten. */
void lm_norm_forward(const lm_compute *compute, const lm_norm *norm, const float *x, lm_array y);
/* dx [rows, C], dweight, dbias [C] (NULL without bias) accumulated into. The parameters' gradients
 * are summed window by window, as nn/sums.h says: the bits are those of a call per window. */
void lm_norm_backward(const lm_compute *compute, const lm_norm *norm, const float *x,
                      const float *dy, float *dx, float *dweight, float *dbias);
/* Scratch bytes per worker. */
size_t lm_norm_scratch_bytes(int64_t channels);

#endif

/* y = x W^T + b, W [out, in] as every common format stores it.
 * Dimensions: M rows (tokens), I in, O out. */
#ifndef LM_NN_LINEAR_H
#define LM_NN_LINEAR_H

#include "ops/gemm.h"

/* y [M, O] overwritten = x [M, I] W^T + bias (NULL: none). */
void lm_linear_forward(const lm_compute *compute, int64_t rows, int64_t in, int64_t out,
                       const float *x, const float *w, const float *bias, float *y);
/* y [M, O] overwritten = (residual + x W^T) + bias, the bias added last; residual may be y. */
void lm_linear_forward_residual(const lm_compute *compute, int64_t rows, int64_t in, int64_t out,
                                const float *x, const float *w, const float *bias,
                                const float *residual, float *y);
/* dx [M, I] = dy W overwritten (or NULL); dW [O, I] += dy^T x; dbias [O] += sum over rows of dy
 * (NULL: none). */
void lm_linear_backward(const lm_compute *compute, int64_t rows, int64_t in, int64_t out,
                        const float *x, const float *w, const float *dy, float *dx, float *dw,
                        float *dbias);
/* One row, for generation: y [O] = W x + bias by gemv, rows of W shared out among workers. */
void lm_linear_decode(const lm_compute *compute, int64_t in, int64_t out, const float *x,
                      const float *w, const float *bias, float *y);
size_t lm_linear_scratch_bytes(const lm_kernels *kernels, int64_t in, int64_t out);

#endif

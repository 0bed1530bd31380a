/* y = x W^T + b, W [out, in] as every common format stores it.
 * Dimensions: M rows (tokens), I in, O out. */
#ifndef LM_NN_LINEAR_H
#define LM_NN_LINEAR_H

#include <stdbool.h>

#include "nn/activation.h"
#include "ops/gemm.h"

typedef struct lm_linear {
    int64_t rows, in, out;
    lm_array w;        /* [O, I]; the same bits whether rounded before or as it is used */
    const float *bias; /* [O] or NULL */
} lm_linear;

/* y [M, O] overwritten = x [M, I] W^T + bias. Where y is bf16, `wide` [M, O] holds the sums that it is
 * rounded from, overwritten; else it is not used and may be NULL. */
void lm_linear_forward(const lm_compute *compute, const lm_linear *l, lm_array x, lm_array y,
                       float *wide);
/* The same, and the activation of it, block by block: y is a->x, or a->up where a->x is there already;
 * a->y [M, O] overwritten. */
void lm_linear_forward_activated(const lm_compute *compute, const lm_linear *l, lm_array x,
                                 lm_array y, const lm_activation *a, float *wide);
/* y [M, O] overwritten = (residual + x W^T) + bias, the bias added last; residual may be y. */
void lm_linear_forward_residual(const lm_compute *compute, const lm_linear *l, lm_array x,
                                const float *residual, float *y);
/* dx [M, I] overwritten = dy W, dx and `wide` [M, I] as y and its above. */
void lm_linear_backward_input(const lm_compute *compute, const lm_linear *l, lm_array dy,
                              lm_array dx, float *wide);
/* From the gradient dy of a layer whose input was a->y [M, I]: a->y overwritten with what it was, a->x
 * and a->up with their gradients. `wide` [M, I] is room for dy W, and undefined afterwards. */
void lm_linear_backward_activated(const lm_compute *compute, const lm_linear *l, lm_array dy,
                                  const lm_activation *a, float *wide);
/* dx [M, I] += dy W */
void lm_linear_backward_input_add(const lm_compute *compute, const lm_linear *l, lm_array dy,
                                  float *dx);
/* dW [O, I] = dy^T x, or += with add; dbias [O] += sum over rows of dy (where l has a bias). */
void lm_linear_backward_weights(const lm_compute *compute, const lm_linear *l, lm_array x,
                                lm_array dy, bool add, float *dw, float *dbias);
/* One row, for generation: y [O] = W x + bias by gemv, rows of W shared out among workers. */
void lm_linear_decode(const lm_compute *compute, int64_t in, int64_t out, const float *x,
                      const float *w, const float *bias, float *y);

#endif

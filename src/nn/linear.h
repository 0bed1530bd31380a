/* y = x W^T + b, W [out, in] as every common format stores it.
 * Dimensions: M rows (tokens), I in, O out. Scratch: lm_gemm_scratch_bytes(). */
#ifndef LM_NN_LINEAR_H
#define LM_NN_LINEAR_H

#include <stdbool.h>

#include "nn/activation.h"
#include "ops/gemm.h"

typedef struct lm_linear_order lm_linear_order; /* below */

typedef struct lm_linear {
    int64_t rows, in, out;
    int64_t window;    /* rows per window of tokens; 0: all rows are one */
    lm_array w;        /* [O, I]; fp32 or already rounded to bf16: products give the same bits */
    const float *bias; /* [O] or NULL */
    lm_linear_order *order; /* generation: that of its pass; NULL: nothing is read ahead */
} lm_linear;

/* y [M, O] overwritten = x [M, I] W^T + bias. Where y is bf16, here and below, sums (of length I
 * here) are at most LM_GEMM_FINISH_K long. */
void lm_linear_forward(const lm_compute *compute, const lm_linear *l, lm_array x, lm_array y);
/* The same, then the activation, block by block. y is a->x; or a->up, if a->x is computed already.
 * a->y [M, O] overwritten. */
void lm_linear_forward_activated(const lm_compute *compute, const lm_linear *l, lm_array x,
                                 lm_array y, const lm_activation *a);
/* y [M, O] overwritten = (residual + x W^T) + bias, the bias added last; residual may be y. */
void lm_linear_forward_residual(const lm_compute *compute, const lm_linear *l, lm_array x,
                                const float *residual, float *y);
/* dx [M, I] overwritten = dy W */
void lm_linear_backward_input(const lm_compute *compute, const lm_linear *l, lm_array dy,
                              lm_array dx);
/* For a layer whose input was a->y [M, I], from the gradient dy of its output: a->y is overwritten
 * with that input again, a->x and a->up with their gradients. O <= LM_GEMM_FINISH_K. */
void lm_linear_backward_activated(const lm_compute *compute, const lm_linear *l, lm_array dy,
                                  const lm_activation *a);
/* dx [M, I] += dy W */
void lm_linear_backward_input_add(const lm_compute *compute, const lm_linear *l, lm_array dy,
                                  float *dx);
/* dW [O, I] overwritten = dy^T x, or with `add` accumulated into; dbias [O] += the sum of the rows
 * of dy, if l has a bias. Each element is one chain over the rows, to which further calls add: so
 * the bits are those of all windows in one call. */
void lm_linear_backward_weights(const lm_compute *compute, const lm_linear *l, lm_array x,
                                lm_array dy, bool add, float *dw, float *dbias);

/* ---- generation ------------------------------------------------------------------------------ */
/* Rows that lie `row` elements apart; or panels of them (linear_panels.h). */
typedef struct lm_linear_rows {
    lm_array at;
    int64_t row;
    bool panels;
} lm_linear_rows;
/* x [M, I] as the products below read it: of the type that W has, so far apart that they do not
 * share sets of the first cache, or where there are many as panels. `room`, which may be
 * overwritten, is [lm_linear_room_rows(M), lm_linear_room_row(I)] words of four bytes. */
lm_linear_rows lm_linear_decoded(const lm_compute *compute, const lm_linear *l, const float *x,
                                 void *room);
int64_t lm_linear_room_rows(int64_t rows);
int64_t lm_linear_room_row(int64_t in);

/* The matrices that a pass reads, in their order. A token's are those of the token before, so that
 * threads that wait for others ask memory for the next one's beginning. What lm_linear_decode finds
 * other than it was it notes. */
typedef struct lm_linear_read {
    lm_array w; /* [out, in] */
    int64_t in, out;
} lm_linear_read;
struct lm_linear_order {
    lm_linear_read *reads; /* [most] */
    int64_t most, n, at;   /* n of them are known, `at` comes next */
};
void lm_linear_order_begin(lm_linear_order *order); /* a pass begins */

/* y [M, O] overwritten = x W^T + bias by the kernels dots_f32 and dots_bf16, or dots_panels_* with
 * the same bits; rows of W are shared out among the workers. A row has the same bits whatever other
 * rows there are. */
void lm_linear_decode(const lm_compute *compute, const lm_linear *l, lm_linear_rows x, float *y);
/* The same, then the activation, as lm_linear_forward_activated. */
void lm_linear_decode_activated(const lm_compute *compute, const lm_linear *l, lm_linear_rows x,
                                float *y, const lm_activation *a);
/* y overwritten = (x W^T + bias) + residual, which is not y. */
void lm_linear_decode_residual(const lm_compute *compute, const lm_linear *l, lm_linear_rows x,
                               const float *residual, float *y);

#endif

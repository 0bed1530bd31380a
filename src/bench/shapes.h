/* The matrix products of training steps, which the section gemm measures, and tests/bench/peers
 * beside other libraries. */
#ifndef LM_BENCH_SHAPES_H
#define LM_BENCH_SHAPES_H

#include "ops/gemm.h"

typedef enum lm_bench_form {
    LM_BENCH_FORWARD,  /* y[M,N] = x[M,K] W[N,K]^T */
    LM_BENCH_BACKWARD, /* dx[M,N] = dy[M,K] W[K,N] */
    LM_BENCH_WEIGHTS,  /* dW[M,N] += dy[K,M]^T x[K,N] */
    LM_BENCH_HEAD,     /* logits[M,N] = W[M,K] x[N,K]^T */
    LM_BENCH_HEAD_DX,  /* dx[M,N] = dlogits[K,M]^T W[K,N] */
    LM_BENCH_HEAD_DW,  /* dW[M,N] += dlogits[M,K] x[K,N] */
} lm_bench_form;

typedef struct lm_bench_shape {
    const char *name; /* the preset whose step multiplies it, the layer, the direction */
    lm_bench_form form;
    int64_t m, n, k;
} lm_bench_shape;

extern const lm_bench_shape lm_bench_shapes[];
extern const int lm_bench_shape_count;

/* The product of operands a and b as the form says they lie, all contiguous; c [M, N]. */
lm_gemm lm_bench_product(const lm_bench_shape *s, lm_array a, lm_array b, float *c);

#endif

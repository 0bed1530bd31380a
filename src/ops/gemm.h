/* General matrix product: C[m,n] = init + A[m,k] B[k,n], any strides, on all threads.
 *
 * Each element of C is one chain of fused multiply-adds in rising k (kernels.h), so the result
 * depends on the operands alone, not on threads, tiles or blocks of k.
 *
 *     // y[M,N] = x[M,K] W[N,K]^T + bias
 *     lm_gemm g = {.m = M, .n = N, .k = K, .a = lm_array_f32(x), .a_row = K, .a_col = 1,
 *                  .b = lm_array_f32(w), .b_row = 1, .b_col = K, .c = y, .c_row = N,
 *                  .init = bias, .init_row = 0};
 *     lm_gemm_multiply(compute, &g);
 *
 * Blocking after Goto & van de Geijn 2008: workers pack panels of A and B into their scratch,
 * unless the operand already lies so that packing gains nothing. */
#ifndef LM_OPS_GEMM_H
#define LM_OPS_GEMM_H

#include <stdbool.h>

#include "ops/array.h"

/* A block of C, given to lm_gemm.finish when its values are final, by the worker whose cache still
 * holds them. */
typedef struct lm_gemm_block {
    int64_t m0, m1, n0, n1; /* C[m0..m1, n0..n1] */
    float *c;               /* element (i,j) of C at c[(i-m0)*c_row + j-n0] */
    int64_t c_row;
    float *room; /* LM_GEMM_ROOM floats for finish to use, 64-byte aligned */
} lm_gemm_block;
enum { LM_GEMM_ROOM = 4096 };

/* The longest sum whose result only finish reads. */
enum { LM_GEMM_FINISH_K = 131072 };

/* Blocks are disjoint and cover C; their sizes are not part of the contract. */
typedef void lm_gemm_finish(void *argument, const lm_gemm_block *block);

typedef struct lm_gemm {
    int64_t m, n, k;
    lm_array a;           /* bf16 only at LM_BF16, which rounds an fp32 operand as it reads it */
    int64_t a_row, a_col; /* element (i,k) at a[i*a_row + k*a_col] */
    lm_array b;
    int64_t b_row, b_col; /* element (k,j) at b[k*b_row + j*b_col] */
    /* At LM_BF16, k is a row of parts, the first of k_first steps (0: k_part), the others of k_part
     * (0: all of k is one part). Pairs do not reach from one part into the next: one of odd length
     * ends in half a pair. So a sum over the tokens of several windows, a part each, has the bits
     * of one product per window. */
    int64_t k_part, k_first;
    const float *init; /* NULL: zeros; c itself: accumulate; a bias with init_row = 0 */
    int64_t init_row;
    float *c; /* overwritten; columns contiguous; not used if finish_only */
    int64_t c_row;
    lm_gemm_finish *finish; /* NULL: none */
    void *argument;
    bool finish_only; /* only finish reads C, from blocks elsewhere; k <= LM_GEMM_FINISH_K */
    /* C is symmetric, and the caller reads elements (i,j) with i <= j alone: tiles wholly below the
     * diagonal are not computed, and what stands there is undefined. */
    bool upper;
} lm_gemm;

/* Call from the thread that owns the pool. At LM_BF16 the chain takes each part of k in pairs, the
 * odd one of a pair first (kernels.h). k_part is for products without finish_only. */
void lm_gemm_multiply(const lm_compute *compute, const lm_gemm *g);

/* Scratch bytes per worker, whatever the shape. */
size_t lm_gemm_scratch_bytes(void);

#endif

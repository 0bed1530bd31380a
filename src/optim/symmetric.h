/* Inside the room: products that are symmetric, S = A B [m, m], of which only the upper triangle is
 * computed. Both halves are stored, from the cache in which the sums of a block still are: rounded
 * to bf16, scaled, with a multiple of I added, as the next products read them. */
#ifndef LM_OPTIM_SYMMETRIC_H
#define LM_OPTIM_SYMMETRIC_H

#include "ops/array.h"

typedef struct lm_symmetric {
    int64_t m, k;
    lm_array a; /* [m, k]: element (i, k) at a[i * a_row + k * a_col] */
    int64_t a_row, a_col;
    lm_array b; /* [k, m], likewise */
    int64_t b_row, b_col;
    /* [m, m], overwritten: S + shift I */
    lm_array to;
    float shift;
    /* [m, m], overwritten, unless scaled.at is NULL: scale S + scaled_shift I; then shift is 0 */
    lm_array scaled;
    float scale, scaled_shift;
    float *spare; /* [m, m]: overwritten when k > LM_GEMM_FINISH_K, else not used */
} lm_symmetric;

/* The results overlap neither a, b nor each other. Each sum is one chain in rising k, as in
 * ops/gemm.h; the bits do not depend on the pool of `compute`. */
void lm_symmetric_multiply(const lm_compute *compute, const lm_symmetric *s);

#endif

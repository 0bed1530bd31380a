/* Rotary position embedding (Su et al. 2021), half-split pairs: dimension j turns with j + D/2 by
 * the angle position * theta^(-2j/D). */
#ifndef LM_NN_ROPE_H
#define LM_NN_ROPE_H

#include "ops/array.h"

/* cos, sin [positions, D/2], computed in double (base/elementary.h) and rounded once. */
void lm_rope_table(int64_t positions, int64_t head_size, double theta, float *cos, float *sin);

typedef struct lm_rope {
    int64_t batch, time, heads, head_size; /* B, T, heads that turn, D */
    int64_t row;                           /* row stride of x */
    const float *cos, *sin;                /* [T, D/2]: the table from the first position on */
} lm_rope;

/* Turns the heads at x of every token in place: row (b,t) at x + (b*T+t)*row. Backward turns the
 * gradient dx the other way round. Then all of each row is stored in `out`, an array of rows like
 * x. `out` may be x itself as fp32; out.at NULL: nothing is stored. */
void lm_rope_forward(const lm_compute *compute, const lm_rope *r, float *x, lm_array out);
void lm_rope_backward(const lm_compute *compute, const lm_rope *r, float *dx, lm_array out);
/* Scratch bytes per worker, for backward. */
size_t lm_rope_scratch_bytes(int64_t head_size);

#endif

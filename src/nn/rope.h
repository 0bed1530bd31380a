/* Rotary position embedding (Su et al. 2021), half-split pairs: dimension j turns with j + D/2 by
 * the angle position * theta^(-2j/D). */
#ifndef LM_NN_ROPE_H
#define LM_NN_ROPE_H

#include "ops/array.h"

/* cos, sin [positions, D/2], computed in double (base/elementary.h) and rounded once. */
void lm_rope_table(int64_t positions, int64_t head_size, double theta, float *cos, float *sin);
/* Turns `heads` heads at x of every token in place: row (b,t) at x + (b*T+t)*x_row. Backward turns
 * the gradient the other way round. Then each row, all x_row of it, is stored in `out`, an array of
 * rows like x; x itself as fp32, or out.at NULL: nowhere. */
void lm_rope_forward(const lm_compute *compute, int64_t batch, int64_t time, int64_t heads,
                     int64_t head_size, const float *cos, const float *sin, float *x, int64_t x_row,
                     lm_array out);
void lm_rope_backward(const lm_compute *compute, int64_t batch, int64_t time, int64_t heads,
                      int64_t head_size, const float *cos, const float *sin, float *dx,
                      int64_t dx_row, lm_array out);
/* Scratch bytes a worker needs (backward). */
size_t lm_rope_scratch_bytes(int64_t head_size);

#endif

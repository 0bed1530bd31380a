/* The definition of every kernel, in plain C: kernels.h says what each computes. One file per
 * group. */
#ifndef LM_KERNELS_SCALAR_SCALAR_H
#define LM_KERNELS_SCALAR_SCALAR_H

#include "kernels/kernels.h"

LM_KERNELS(LM_KERNEL_DECLARE, scalar)

/* Columns begin..end of the panel that pack_bf16_from_f32 makes, or pack_bf16_from_bf16: for what
 * the vectors of the other instruction sets leave over. */
void lm_scalar_pack_bf16_from_f32_columns(int64_t begin, int64_t end, int64_t count, int64_t width,
                                          int64_t k, const float *x, int64_t x_row, int64_t x_col,
                                          lm_bf16_pair *out);
void lm_scalar_pack_bf16_from_bf16_columns(int64_t begin, int64_t end, int64_t count, int64_t width,
                                           int64_t k, const lm_bf16 *x, int64_t x_row,
                                           int64_t x_col, lm_bf16_pair *out);

#endif

/* What the files of this folder share. */
#ifndef LM_KERNELS_AVX2_AVX2_H
#define LM_KERNELS_AVX2_AVX2_H

#include "kernels/kernels.h"

void lm_avx2_pack_f32(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_row,
                      int64_t x_col, float *out);
void lm_avx2_pack_bf16_from_f32(int64_t count, int64_t width, int64_t k, const float *x,
                                int64_t x_row, int64_t x_col, lm_bf16_pair *out);
void lm_avx2_pack_bf16_from_bf16(int64_t count, int64_t width, int64_t k, const lm_bf16 *x,
                                 int64_t x_row, int64_t x_col, lm_bf16_pair *out);
void lm_avx2_bf16_from_f32(int64_t rows, int64_t n, const float *x, int64_t x_row, lm_bf16 *y,
                           int64_t y_row);
void lm_avx2_f32_from_bf16(int64_t n, const lm_bf16 *x, float *y);

#endif

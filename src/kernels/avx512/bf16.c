/* bf16 without the instructions for it: rounding with integer arithmetic. */
#include "kernels/avx512/isa.h"
#include "kernels/avx512/transpose.h"
#include "kernels/avx512/v16.h"

/* In the low half of each lane. */
static inline __m256i round_half(__m512 x) {
    __m512i rounded = _mm512_castps_si512(v16_round_bf16(x));
    return _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16));
}

static void round_row(int64_t n, const float *x, lm_bf16 *y) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256((__m256i *)(void *)(y + i), round_half(_mm512_loadu_ps(x + i)));
    if (i < n)
        _mm256_mask_storeu_epi16(y + i, first16(n - i),
                                 round_half(_mm512_maskz_loadu_ps(first16(n - i), x + i)));
}

void lm_avx512_bf16_from_f32(int64_t rows, int64_t n, const float *x, int64_t x_row, lm_bf16 *y,
                             int64_t y_row) {
    for (int64_t i = 0; i < rows; i++) round_row(n, x + i * x_row, y + i * y_row);
}

void lm_avx512_pack_wide_from_f32(int64_t count, int64_t width, int64_t k, const float *x,
                                  int64_t x_row, int64_t x_col, float *out) {
    lm_avx2_pack_wide_from_f32(count, width, k, x, x_row, x_col, out);
}
void lm_avx512_pack_wide_from_bf16(int64_t count, int64_t width, int64_t k, const lm_bf16 *x,
                                   int64_t x_row, int64_t x_col, float *out) {
    lm_avx2_pack_wide_from_bf16(count, width, k, x, x_row, x_col, out);
}

void lm_avx512_f32_from_bf16(int64_t n, const lm_bf16 *x, float *y) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i halves = _mm256_loadu_si256((const __m256i *)(const void *)(x + i));
        _mm512_storeu_si512(y + i, _mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
    }
    if (i < n) {
        __m256i halves = _mm256_maskz_loadu_epi16(first16(n - i), x + i);
        _mm512_mask_storeu_epi32(y + i, first16(n - i),
                                 _mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
    }
}

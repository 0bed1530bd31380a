/* bf16 for the x86 rungs: rounding with integer arithmetic, panels of pairs. */
#include <immintrin.h>

#include "base/numbers.h"
#include "kernels/avx2/isa.h"
#include "kernels/avx2/transpose.h"
#include "kernels/scalar/scalar.h"

/* Each to nearest even as bf16, in the high half of its lane (the low half holds leftovers):
 * lm_bf16_from_f32 on vectors. */
static __m256i round_lanes(__m256 x) {
    __m256i bits = _mm256_castps_si256(x), one = _mm256_set1_epi32(1);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), one);
    __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    __m256i exponent = _mm256_and_si256(bits, _mm256_set1_epi32(0x7f800000));
    __m256i tiny = _mm256_cmpeq_epi32(exponent, _mm256_setzero_si256()); /* zero or denormal */
    __m256i sign = _mm256_and_si256(bits, _mm256_set1_epi32((int)0x80000000u));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    rounded = _mm256_blendv_epi8(rounded, sign, tiny);
    return _mm256_blendv_epi8(rounded, quiet, nan);
}

/* Pairs (first[i], second[i]). */
static __m256i zip(__m256 first, __m256 second) {
    __m256i low = _mm256_srli_epi32(round_lanes(first), 16);
    __m256i high = _mm256_and_si256(round_lanes(second), _mm256_set1_epi32((int)0xffff0000u));
    return _mm256_or_si256(low, high);
}

/* 8 pairs of neighbours: 16 floats of x. */
static __m256i pairs_of_row(const float *x) {
    __m256 a = _mm256_loadu_ps(x), b = _mm256_loadu_ps(x + 8);
    __m256 even = _mm256_shuffle_ps(a, b, 0x88), odd = _mm256_shuffle_ps(a, b, 0xdd);
    return _mm256_permute4x64_epi64(zip(even, odd), 0xd8);
}

static void store_pairs(lm_bf16_pair *out, __m256i v) {
    _mm256_storeu_si256((__m256i *)(void *)out, v);
}

/* The whole blocks of 16 steps of k and 8 rows; the caller packs what is left. */
static void pack_block(int64_t width, const float *x, int64_t x_row, lm_bf16_pair *out) {
    __m256 r[8];
    for (int i = 0; i < 8; i++) r[i] = _mm256_castsi256_ps(pairs_of_row(x + i * x_row));
    transpose8(r);
    for (int j = 0; j < 8; j++) store_pairs(out + j * width, _mm256_castps_si256(r[j]));
}

static void pack_rows(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_row,
                      lm_bf16_pair *out) {
    int64_t whole = k / 16 * 16;
    for (int64_t i = 0; i < width; i += 8) {
        int64_t lanes = lm_min(width - i, 8), done = 0;
        if (lanes == 8 && i + 8 <= count)
            for (; done < whole; done += 16)
                pack_block(width, x + i * x_row + done, x_row, out + done / 2 * width + i);
        lm_scalar_pack_bf16_from_f32_columns(i, i + lanes, count, width, k - done, x + done, x_row,
                                             1, out + done / 2 * width);
    }
}

/* x_row == 1: two lines of x, one for each step of k, become a line of pairs. */
static void pack_lines(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_col,
                       lm_bf16_pair *out) {
    int64_t whole = count / 8 * 8;
    for (int64_t p = 0; p + 1 < k; p += 2)
        for (int64_t i = 0; i < whole; i += 8) {
            const float *from = x + p * x_col + i;
            store_pairs(out + p / 2 * width + i,
                        zip(_mm256_loadu_ps(from), _mm256_loadu_ps(from + x_col)));
        }
    lm_scalar_pack_bf16_from_f32_columns(whole, width, count, width, k, x, 1, x_col, out);
    if (k % 2)
        lm_scalar_pack_bf16_from_f32_columns(0, whole, count, width, 1, x + (k - 1) * x_col, 1,
                                             x_col, out + k / 2 * width);
}

void lm_avx2_pack_bf16_from_f32(int64_t count, int64_t width, int64_t k, const float *x,
                                int64_t x_row, int64_t x_col, lm_bf16_pair *out) {
    if (x_row == 1)
        pack_lines(count, width, k, x, x_col, out);
    else if (x_col == 1)
        pack_rows(count, width, k, x, x_row, out);
    else
        lm_scalar_pack_bf16_from_f32(count, width, k, x, x_row, x_col, out);
}

/* x_row == 1: two lines of x become a line of pairs. */
static void interleave_lines(int64_t count, int64_t width, int64_t k, const lm_bf16 *x,
                             int64_t x_col, lm_bf16_pair *out) {
    int64_t whole = count / 8 * 8;
    for (int64_t p = 0; p + 1 < k; p += 2)
        for (int64_t i = 0; i < whole; i += 8) {
            const lm_bf16 *from = x + p * x_col + i;
            __m128i a = _mm_loadu_si128((const __m128i *)(const void *)from);
            __m128i b = _mm_loadu_si128((const __m128i *)(const void *)(from + x_col));
            store_pairs(out + p / 2 * width + i,
                        _mm256_set_m128i(_mm_unpackhi_epi16(a, b), _mm_unpacklo_epi16(a, b)));
        }
    lm_scalar_pack_bf16_from_bf16_columns(whole, width, count, width, k, x, 1, x_col, out);
    if (k % 2)
        lm_scalar_pack_bf16_from_bf16_columns(0, whole, count, width, 1, x + (k - 1) * x_col, 1,
                                              x_col, out + k / 2 * width);
}

void lm_avx2_pack_bf16_from_bf16(int64_t count, int64_t width, int64_t k, const lm_bf16 *x,
                                 int64_t x_row, int64_t x_col, lm_bf16_pair *out) {
    if (x_row == 1)
        interleave_lines(count, width, k, x, x_col, out);
    else if (x_col == 1 &&
             lm_bf16_is_pairs(x, x_row, k)) /* pairs lie as they are: four bytes each */
        lm_avx2_pack_f32(count, width, k / 2, (const float *)(const void *)x, x_row / 2, 1,
                         (float *)(void *)out);
    else
        lm_scalar_pack_bf16_from_bf16(count, width, k, x, x_row, x_col, out);
}

static inline void round_row(int64_t n, const float *x, lm_bf16 *y) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16)
        _mm256_storeu_si256((__m256i *)(void *)(y + i), pairs_of_row(x + i));
    lm_scalar_bf16_from_f32(1, n - i, x + i, n, y + i, n);
}

void lm_avx2_bf16_from_f32(int64_t rows, int64_t n, const float *x, int64_t x_row, lm_bf16 *y,
                           int64_t y_row) {
    for (int64_t i = 0; i < rows; i++) round_row(n, x + i * x_row, y + i * y_row);
}

void lm_avx2_f32_from_bf16(int64_t n, const lm_bf16 *x, float *y) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m128i halves = _mm_loadu_si128((const __m128i *)(const void *)(x + i));
        __m256i wide = _mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16);
        _mm256_storeu_ps(y + i, _mm256_castsi256_ps(wide));
    }
    lm_scalar_f32_from_bf16(n - i, x + i, y + i);
}

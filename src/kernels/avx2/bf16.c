/* bf16 for the x86 rungs without dot products of pairs: rounding with integer arithmetic, panels of
 * wide pairs. */
#include <immintrin.h>
#include <string.h>

#include "base/numbers.h"
#include "kernels/avx2/isa.h"
#include "kernels/avx2/transpose.h"
#include "kernels/avx2/v16.h"
#include "kernels/scalar/scalar.h"

/* ---- panels of rows that run along k: transposed --------------------------------------------- */
/* `steps` <= 16 of a row, zeros beyond. */
static inline __m256i pairs_of_row(const lm_bf16 *x, int64_t steps) {
    lm_bf16 copy[16] = {0};
    if (steps < 16) x = memcpy(copy, x, (size_t)steps * sizeof *x);
    return _mm256_loadu_si256((const __m256i *)(const void *)x);
}

/* Eight columns of a panel from `rows` <= 8 rows and `steps` <= 16 of k; `lanes` <= 8 of them are
 * stored. A pair is transposed whole, and then parted into its two floats. */
static inline __attribute__((always_inline)) void transpose_pairs(int64_t rows, int64_t lanes,
                                                                  int64_t steps, const lm_bf16 *x,
                                                                  int64_t x_row, float *out,
                                                                  int64_t width) {
    const __m256i high = _mm256_set1_epi32((int)0xffff0000u);
    __m256 r[8];
    for (int i = 0; i < 8; i++)
        r[i] = i < rows ? _mm256_castsi256_ps(pairs_of_row(x + i * x_row, steps))
                        : _mm256_setzero_ps();
    transpose8(r);
    for (int j = 0; j < 8; j++) {
        __m256i pair = _mm256_castps_si256(r[j]);
        if (2 * j >= steps) break;
        store_lanes(out + 2 * j * width, lanes, _mm256_castsi256_ps(_mm256_and_si256(pair, high)));
        store_lanes(out + (2 * j + 1) * width, lanes,
                    _mm256_castsi256_ps(_mm256_slli_epi32(pair, 16)));
    }
}

/* The rows of the next panel, which the hardware does not foresee. */
static inline void ask_for_rows(int64_t rows, const lm_bf16 *x, int64_t x_row) {
    for (int64_t i = 0; i < rows; i++) _mm_prefetch((const char *)(x + i * x_row), _MM_HINT_T1);
}

static void transpose_bf16(int64_t count, int64_t width, int64_t k, const lm_bf16 *x, int64_t x_row,
                           float *out) {
    for (int64_t p = 0; p < k; p += 16)
        for (int64_t i = 0; i < width; i += 8) {
            int64_t rows = lm_max(lm_min(count - i, 8), 0), lanes = lm_min(width - i, 8);
            const lm_bf16 *from = rows > 0 ? x + i * x_row + p : x;
            if (i == 0 && p % 32 == 0) ask_for_rows(width, x + width * x_row + p, x_row);
            if (rows == 8 && k - p >= 16)
                transpose_pairs(8, 8, 16, from, x_row, out + p * width + i, width);
            else
                transpose_pairs(rows, lanes, lm_min(k - p, 16), from, x_row, out + p * width + i,
                                width);
        }
}

/* The same from fp32, `steps` <= 8. */
static inline __attribute__((always_inline)) void transpose_rounded(int64_t rows, int64_t lanes,
                                                                    int64_t steps, const float *x,
                                                                    int64_t x_row, float *out,
                                                                    int64_t width) {
    __m256 r[8];
    for (int i = 0; i < 8; i++) {
        const float *from = x + i * x_row;
        if (i >= rows)
            r[i] = _mm256_setzero_ps();
        else
            r[i] = v16_round8(steps == 8 ? _mm256_loadu_ps(from)
                                         : _mm256_maskload_ps(from, first(steps)));
    }
    transpose8(r);
    for (int j = 0; j < 8; j++)
        if (j < lm_round_up(steps, 2)) store_lanes(out + (j ^ 1) * width, lanes, r[j]);
}

static void transpose_f32(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_row,
                          float *out) {
    for (int64_t p = 0; p < k; p += 8)
        for (int64_t i = 0; i < width; i += 8) {
            int64_t rows = lm_max(lm_min(count - i, 8), 0), lanes = lm_min(width - i, 8);
            const float *from = rows > 0 ? x + i * x_row + p : x;
            if (rows == 8 && k - p >= 8)
                transpose_rounded(8, 8, 8, from, x_row, out + p * width + i, width);
            else
                transpose_rounded(rows, lanes, lm_min(k - p, 8), from, x_row, out + p * width + i,
                                  width);
        }
}

/* ---- panels of lines, one for each step of k: as they lie ------------------------------------ */
/* A line of a panel; the lines far ahead of it are asked for into the second cache. */
static inline __attribute__((always_inline)) void
widen_line(int64_t count, int64_t width, const lm_bf16 *x, const lm_bf16 *ahead, float *out) {
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        if (i % 32 == 0) _mm_prefetch((const char *)(ahead + i), _MM_HINT_T1);
        _mm256_storeu_ps(out + i, v16_widen8(x + i));
    }
    if (i % 32 == 0) _mm_prefetch((const char *)(ahead + i), _MM_HINT_T1);
    if (i + 4 <= count) {
        __m128i halves =
            _mm_cvtepu16_epi32(_mm_loadl_epi64((const __m128i *)(const void *)(x + i)));
        _mm_storeu_si128((__m128i *)(void *)(out + i), _mm_slli_epi32(halves, 16));
        i += 4;
    }
    for (; i < count; i++) out[i] = lm_bf16_to_f32(x[i]);
    for (; i < width; i++) out[i] = 0.0f;
}

static inline __attribute__((always_inline)) void
round_line(int64_t count, int64_t width, const float *x, const float *ahead, float *out) {
    int64_t i = 0;
    for (; i + 8 <= count; i += 8) {
        if (i % 16 == 0) _mm_prefetch((const char *)(ahead + i), _MM_HINT_T1);
        _mm256_storeu_ps(out + i, v16_round8(_mm256_loadu_ps(x + i)));
    }
    if (i % 16 == 0) _mm_prefetch((const char *)(ahead + i), _MM_HINT_T1);
    if (i + 4 <= count) {
        __m256 four = _mm256_castps128_ps256(_mm_loadu_ps(x + i));
        _mm_storeu_ps(out + i, _mm256_castps256_ps128(v16_round8(four)));
        i += 4;
    }
    for (; i < count; i++) out[i] = lm_bf16_to_f32(lm_bf16_from_f32(x[i]));
    for (; i < width; i++) out[i] = 0.0f;
}

/* Lines of x in pairs, the second first. */
#define PACK_LINES(name, type, line)                                                             \
    static inline __attribute__((always_inline)) void name(                                      \
        int64_t count, int64_t width, int64_t k, const type *x, int64_t x_col, float *out) {     \
        for (int64_t p = 0; p < k; p += 2, x += 2 * x_col, out += 2 * width) {                   \
            const type *ahead = x + 2 * LM_PACK_STEPS * x_col;                                   \
            line(p + 1 < k ? count : 0, width, p + 1 < k ? x + x_col : x, ahead + x_col, out);   \
            line(count, width, x, ahead, out + width);                                           \
        }                                                                                        \
    }                                                                                            \
    /* Whole panels, of every register tile's width: no loop over a line is left. */             \
    static void name##_of(int64_t count, int64_t width, int64_t k, const type *x, int64_t x_col, \
                          float *out) {                                                          \
        int64_t whole = count == width ? k / 2 * 2 : 0;                                          \
        if (whole && width == 6)                                                                 \
            name(6, 6, whole, x, x_col, out);                                                    \
        else if (whole && width == 12)                                                           \
            name(12, 12, whole, x, x_col, out);                                                  \
        else if (whole && width == 16)                                                           \
            name(16, 16, whole, x, x_col, out);                                                  \
        else if (whole && width == 32)                                                           \
            name(32, 32, whole, x, x_col, out);                                                  \
        else                                                                                     \
            whole = 0;                                                                           \
        name(count, width, k - whole, x + whole * x_col, x_col, out + whole * width);            \
    }
PACK_LINES(widen_lines, lm_bf16, widen_line)
PACK_LINES(round_lines, float, round_line)

void lm_avx2_pack_wide_from_f32(int64_t count, int64_t width, int64_t k, const float *x,
                                int64_t x_row, int64_t x_col, float *out) {
    if (x_row == 1)
        round_lines_of(count, width, k, x, x_col, out);
    else if (x_col == 1)
        transpose_f32(count, width, k, x, x_row, out);
    else
        lm_scalar_pack_wide_from_f32(count, width, k, x, x_row, x_col, out);
}

void lm_avx2_pack_wide_from_bf16(int64_t count, int64_t width, int64_t k, const lm_bf16 *x,
                                 int64_t x_row, int64_t x_col, float *out) {
    if (x_row == 1)
        widen_lines_of(count, width, k, x, x_col, out);
    else if (x_col == 1)
        transpose_bf16(count, width, k, x, x_row, out);
    else
        lm_scalar_pack_wide_from_bf16(count, width, k, x, x_row, x_col, out);
}

/* ---- rows ----- ------------------------------------------------------------------------------ */
static inline void round_row(int64_t n, const float *x, lm_bf16 *y) {
    int64_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i a = _mm256_srli_epi32(_mm256_castps_si256(v16_round8(_mm256_loadu_ps(x + i))), 16);
        __m256i b =
            _mm256_srli_epi32(_mm256_castps_si256(v16_round8(_mm256_loadu_ps(x + i + 8))), 16);
        __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi32(a, b), 0xd8);
        _mm256_storeu_si256((__m256i *)(void *)(y + i), packed);
    }
    lm_scalar_bf16_from_f32(1, n - i, x + i, n, y + i, n);
}

void lm_avx2_bf16_from_f32(int64_t rows, int64_t n, const float *x, int64_t x_row, lm_bf16 *y,
                           int64_t y_row) {
    for (int64_t i = 0; i < rows; i++) round_row(n, x + i * x_row, y + i * y_row);
}

void lm_avx2_f32_from_bf16(int64_t n, const lm_bf16 *x, float *y) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) _mm256_storeu_ps(y + i, v16_widen8(x + i));
    lm_scalar_f32_from_bf16(n - i, x + i, y + i);
}

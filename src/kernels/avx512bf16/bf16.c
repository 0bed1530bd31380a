/* Rounding by the instruction for it; panels of pairs. */
#include <stdbool.h>

#include "base/numbers.h"
#include "kernels/avx512/transpose.h"
#include "kernels/avx512bf16/isa.h"
#include "kernels/scalar/scalar.h"

/* ---- from fp32 ------------------------------------------------------------------------------- */
/* 32 bf16, the 16 of `first` and then those of `second`; if x runs along k, those are 16 pairs as
 * they lie. */
static inline __m512i round_two(__m512 first, __m512 second) {
    return (__m512i)_mm512_cvtne2ps_pbh(second, first);
}

/* 16 pairs of neighbours along k, `steps` <= 32 of them there, zeros beyond. */
static inline __attribute__((always_inline)) __m512i pairs_of_row(const float *x, int64_t steps) {
    if (steps >= 32) return round_two(_mm512_loadu_ps(x), _mm512_loadu_ps(x + 16));
    __m512 second =
        steps > 16 ? _mm512_maskz_loadu_ps(first16(steps - 16), x + 16) : _mm512_setzero_ps();
    return round_two(_mm512_maskz_loadu_ps(first16(steps), x), second);
}

static inline __attribute__((always_inline)) void round_row(int64_t n, const float *x, lm_bf16 *y) {
    int64_t i = 0;
    for (; i + 32 <= n; i += 32) _mm512_storeu_si512(y + i, pairs_of_row(x + i, 32));
    if (i < n) _mm512_mask_storeu_epi16(y + i, first32(n - i), pairs_of_row(x + i, n - i));
}

void lm_avx512bf16_bf16_from_f32(int64_t rows, int64_t n, const float *x, int64_t x_row, lm_bf16 *y,
                                 int64_t y_row) {
    for (int64_t i = 0; i < rows; i++) round_row(n, x + i * x_row, y + i * y_row);
}

/* `lanes` <= 16 columns of a panel from `rows` <= lanes rows of x that run along k, `steps` <= 32
 * of it. */
static inline __attribute__((always_inline)) void pack_block(int64_t rows, int64_t lanes,
                                                             int64_t steps, const float *x,
                                                             int64_t x_row, lm_bf16_pair *out,
                                                             int64_t width) {
    __m512 r[16];
    __mmask16 store = first16(lanes);
    for (int i = 0; i < 16; i++) {
        r[i] = _mm512_setzero_ps();
        if (i < rows) {
            r[i] = _mm512_castsi512_ps(pairs_of_row(x + i * x_row, steps));
            _mm_prefetch((const char *)(x + i * x_row + 64), _MM_HINT_T0);
            _mm_prefetch((const char *)(x + i * x_row + 80), _MM_HINT_T0);
        }
    }
    transpose16(r);
    for (int j = 0; j < 16; j++)
        if (2 * j < steps) {
            if (lanes == 16)
                _mm512_storeu_ps(out + j * width, r[j]);
            else
                _mm512_mask_storeu_ps(out + j * width, store, r[j]);
        }
}

static void pack_rows(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_row,
                      lm_bf16_pair *out) {
    for (int64_t p = 0; p < k; p += 32) {
        int64_t steps = lm_min(k - p, 32);
        for (int64_t i = 0; i < width; i += 16) {
            int64_t lanes = lm_min(width - i, 16), rows = count - i;
            const float *from = x + i * x_row + p;
            lm_bf16_pair *to = out + p / 2 * width + i;
            if (rows >= 16 && steps == 32)
                pack_block(16, 16, 32, from, x_row, to, width);
            else
                pack_block(lm_min(rows, lanes), lanes, steps, rows > 0 ? from : x, x_row, to,
                           width);
        }
    }
}

/* Lines along k lie far apart, so that the hardware does not foresee them: asked for early, and
 * into the second-level cache, as the first may well lose them before their time. A step of k is
 * two lines. What a panel's lines begin in, the panel before asked for with its end. */
static inline void ask_for_lines(const void *end, int64_t line_bytes) {
    const char *ahead = (const char *)end + 2 * LM_PACK_STEPS * line_bytes;
    _mm_prefetch(ahead, _MM_HINT_T1);
    _mm_prefetch(ahead + line_bytes, _MM_HINT_T1);
}

/* x_row == 1: two lines of x, one for each step of k, become a line of pairs. Inlined where the
 * sizes are known, so that masks are constants. */
static inline __attribute__((always_inline)) void pack_lines(int64_t count, int64_t width,
                                                             int64_t k, const float *x,
                                                             int64_t x_col, lm_bf16_pair *out) {
    /* lane 2i from i, lane 2i+1 from 16+i */
    const __m512i zip = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24,
                                         8, 23, 7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    for (int64_t p = 0; p < k; p += 2, x += 2 * x_col, out += width)
        for (int64_t i = 0; i < width; i += 16) {
            __mmask16 load = first16(count - i), second = p + 1 < k ? load : 0;
            ask_for_lines(x + (lm_min(i + 16, width) - 1), x_col * (int64_t)sizeof *x);
            __m512 a = _mm512_maskz_loadu_ps(load, x + i);
            __m512 b = _mm512_maskz_loadu_ps(second, second ? x + x_col + i : x);
            __m512i pairs = _mm512_permutexvar_epi16(zip, round_two(a, b));
            _mm512_mask_storeu_epi32(out + i, first16(width - i), pairs);
        }
}

static void pack_lines_of(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_col,
                          lm_bf16_pair *out) {
    bool whole = count == width && k % 2 == 0;
    if (whole && width == 12)
        pack_lines(12, 12, k / 2 * 2, x, x_col, out);
    else if (whole && width == 32)
        pack_lines(32, 32, k / 2 * 2, x, x_col, out);
    else
        pack_lines(count, width, k, x, x_col, out);
}

void lm_avx512bf16_pack_bf16_from_f32(int64_t count, int64_t width, int64_t k, const float *x,
                                      int64_t x_row, int64_t x_col, lm_bf16_pair *out) {
    if (x_row == 1)
        pack_lines_of(count, width, k, x, x_col, out);
    else if (x_col == 1)
        pack_rows(count, width, k, x, x_row, out);
    else
        lm_scalar_pack_bf16_from_f32(count, width, k, x, x_row, x_col, out);
}

/* ---- from bf16 ------------------------------------------------------------------------------- */
/* x_row == 1: two lines of x, one for each step of k, become a line of pairs. Inlined where the
 * sizes are known, so that no mask is left. */
static inline __attribute__((always_inline)) void interleave(int64_t count, int64_t width,
                                                             int64_t k, const lm_bf16 *x,
                                                             int64_t x_col, lm_bf16_pair *out) {
    const __m512i half =
        _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6,
                         37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    const __m512i other = _mm512_add_epi16(half, _mm512_set1_epi16(16));
    for (int64_t p = 0; p < k; p += 2, x += 2 * x_col, out += width)
        for (int64_t i = 0; i < width; i += 32) {
            __mmask32 load = first32(count - i), second = p + 1 < k ? load : 0;
            ask_for_lines(x + (lm_min(i + 32, width) - 1), x_col * (int64_t)sizeof *x);
            __m512i a = _mm512_maskz_loadu_epi16(load, x + i);
            __m512i b = _mm512_maskz_loadu_epi16(second, second ? x + x_col + i : x);
            __m512i low = _mm512_permutex2var_epi16(a, half, b);
            __m512i high = _mm512_permutex2var_epi16(a, other, b);
            _mm512_mask_storeu_epi32(out + i, first16(width - i), low);
            if (width - i > 16)
                _mm512_mask_storeu_epi32(out + i + 16, first16(width - i - 16), high);
        }
}

/* Whole panels of 12, k even: small registers, whose stores never cross a line of the cache. */
static void interleave_12(int64_t k, const lm_bf16 *x, int64_t x_col, lm_bf16_pair *out) {
    for (int64_t p = 0; p < k; p += 2, x += 2 * x_col, out += 12) {
        const lm_bf16 *next = x + x_col;
        __m128i *to = (__m128i *)(void *)out;
        ask_for_lines(x + 11, x_col * (int64_t)sizeof *x);
        __m128i a = _mm_loadu_si128((const __m128i *)(const void *)x);
        __m128i b = _mm_loadu_si128((const __m128i *)(const void *)next);
        __m128i a8 = _mm_loadl_epi64((const __m128i *)(const void *)(x + 8));
        __m128i b8 = _mm_loadl_epi64((const __m128i *)(const void *)(next + 8));
        _mm_storeu_si128(to, _mm_unpacklo_epi16(a, b));
        _mm_storeu_si128(to + 1, _mm_unpackhi_epi16(a, b));
        _mm_storeu_si128(to + 2, _mm_unpacklo_epi16(a8, b8));
    }
}

static void interleave_lines(int64_t count, int64_t width, int64_t k, const lm_bf16 *x,
                             int64_t x_col, lm_bf16_pair *out) {
    bool whole = count == width && k % 2 == 0;
    if (whole && width == 12)
        interleave_12(k, x, x_col, out);
    else if (whole && width == 32)
        interleave(32, 32, k / 2 * 2, x, x_col, out);
    else
        interleave(count, width, k, x, x_col, out);
}

void lm_avx512bf16_pack_bf16_from_bf16(int64_t count, int64_t width, int64_t k, const lm_bf16 *x,
                                       int64_t x_row, int64_t x_col, lm_bf16_pair *out) {
    if (x_row == 1)
        interleave_lines(count, width, k, x, x_col, out);
    else if (x_col == 1 &&
             lm_bf16_is_pairs(x, x_row, k)) /* pairs lie as they are: four bytes each */
        lm_avx512_pack_f32(count, width, k / 2, (const float *)(const void *)x, x_row / 2, 1,
                           (float *)(void *)out);
    else
        lm_scalar_pack_bf16_from_bf16(count, width, k, x, x_row, x_col, out);
}

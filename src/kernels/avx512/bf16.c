/* bf16 without the instructions for it: rounding with integer arithmetic; panels of pairs. */
#include "kernels/avx512/isa.h"
#include "kernels/avx512/transpose.h"
#include "kernels/scalar/scalar.h"

/* Each to nearest even as bf16, in the low half of its lane: lm_bf16_from_f32 on vectors. */
static inline __m512i round_lanes(__m512 x) {
    const __m512i exponent = _mm512_set1_epi32(0x7f800000), half = _mm512_set1_epi32(0x7fff);
    __m512i bits = _mm512_castps_si512(x);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, half), odd);
    __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    __mmask16 tiny = _mm512_testn_epi32_mask(bits, exponent); /* zero or denormal */
    rounded = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
    rounded = _mm512_mask_and_epi32(rounded, tiny, bits, _mm512_set1_epi32((int)0x80000000u));
    return _mm512_srli_epi32(rounded, 16);
}
static inline __m512i round_two(__m512 first, __m512 second) {
    __m256i low = _mm512_cvtepi32_epi16(round_lanes(first));
    return _mm512_inserti64x4(_mm512_castsi256_si512(low),
                              _mm512_cvtepi32_epi16(round_lanes(second)), 1);
}

#define PACK_BF16_FROM_F32 lm_avx512_pack_bf16_from_f32
#define BF16_FROM_F32      lm_avx512_bf16_from_f32
#include "kernels/avx512/pack_bf16.inc"

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

void lm_avx512_pack_bf16_from_bf16(int64_t count, int64_t width, int64_t k, const lm_bf16 *x,
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

/* The sixteen virtual lanes of kernels.h, in one 512-bit register. */
#ifndef LM_KERNELS_AVX512_V16_H
#define LM_KERNELS_AVX512_V16_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/bf16.h"
#include "kernels/avx2/fold.h"

typedef __m512 v16;
#define V16_IS_ONE_REGISTER 1

/* The first n < 16 lanes. */
static inline __mmask16 v16_mask(int64_t n) {
    return (__mmask16)((1u << n) - 1u);
}

static inline v16 v16_load(const float *x) {
    return _mm512_loadu_ps(x);
}
static inline void v16_store(float *x, v16 a) {
    _mm512_storeu_ps(x, a);
}
/* n < 16: nothing beyond is read (zeros) or written. */
static inline v16 v16_load_n(const float *x, int64_t n) {
    return _mm512_maskz_loadu_ps(v16_mask(n), x);
}
static inline void v16_store_n(float *x, int64_t n, v16 a) {
    _mm512_mask_storeu_ps(x, v16_mask(n), a);
}
/* Lanes below n <= 16 from a, the others from b. */
static inline v16 v16_first(int64_t n, v16 a, v16 b) {
    return _mm512_mask_blend_ps(v16_mask(n), b, a);
}

static inline v16 v16_set1(float x) {
    return _mm512_set1_ps(x);
}
static inline v16 v16_zero(void) {
    return _mm512_setzero_ps();
}
static inline v16 v16_add(v16 a, v16 b) {
    return _mm512_add_ps(a, b);
}
static inline v16 v16_sub(v16 a, v16 b) {
    return _mm512_sub_ps(a, b);
}
static inline v16 v16_mul(v16 a, v16 b) {
    return _mm512_mul_ps(a, b);
}
static inline v16 v16_div(v16 a, v16 b) {
    return _mm512_div_ps(a, b);
}
static inline v16 v16_sqrt(v16 a) {
    return _mm512_sqrt_ps(a);
}
static inline v16 v16_fma(v16 a, v16 b, v16 c) {
    return _mm512_fmadd_ps(a, b, c);
}
static inline v16 v16_fnma(v16 a, v16 b, v16 c) { /* c - ab */
    return _mm512_fnmadd_ps(a, b, c);
}
static inline v16 v16_fms(v16 a, v16 b, v16 c) { /* ab - c */
    return _mm512_fmsub_ps(a, b, c);
}
static inline v16 v16_neg(v16 a) {
    return _mm512_xor_ps(a, _mm512_set1_ps(-0.0f));
}
static inline v16 v16_abs(v16 a) {
    return _mm512_andnot_ps(_mm512_set1_ps(-0.0f), a);
}

/* max1 of scalar/reduce.h: x where x > m or x is a NaN, else m. */
static inline v16 v16_max(v16 m, v16 x) {
    return _mm512_mask_mov_ps(_mm512_max_ps(x, m), _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
}
/* The same where neither is a NaN. */
static inline v16 v16_larger(v16 m, v16 x) {
    return _mm512_max_ps(x, m);
}
/* a > b ? x : y and so on; false when either is a NaN. */
static inline v16 v16_if_gt(v16 a, v16 b, v16 x, v16 y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_GT_OQ), y, x);
}
static inline v16 v16_if_le(v16 a, v16 b, v16 x, v16 y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LE_OQ), y, x);
}
static inline bool v16_all_le(v16 a, v16 b) {
    return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ) == 0xffff;
}
/* a 2^n, inf and 0 where it leaves the range. */
#define V16_SCALEF
static inline v16 v16_scalef(v16 a, v16 n) {
    return _mm512_scalef_ps(a, n);
}
/* x limited to low .. high, a NaN left alone. */
static inline v16 v16_limit(v16 x, float low, float high) {
    return _mm512_min_ps(v16_set1(high), _mm512_max_ps(v16_set1(low), x));
}

static inline v16 v16_at_least(v16 x, float low) {
    return _mm512_max_ps(v16_set1(low), x);
}

/* 16 bf16; the first n < 16 of them. */
#define V16_HAS_LOAD_BF16_N
static inline v16 v16_load_bf16(const lm_bf16 *x) {
    __m256i halves = _mm256_loadu_si256((const __m256i *)(const void *)x);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}
static inline v16 v16_load_bf16_n(const lm_bf16 *x, int64_t n) {
    __m256i halves = _mm256_maskz_loadu_epi16(v16_mask(n), x);
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves), 16));
}
/* Each rounded to bf16 (base/bf16.h), as fp32. */
static inline v16 v16_round_bf16(v16 x) {
    const __m512i exponent = _mm512_set1_epi32(0x7f800000), half = _mm512_set1_epi32(0x7fff);
    __m512i bits = _mm512_castps_si512(x);
    __m512i odd = _mm512_and_si512(_mm512_srli_epi32(bits, 16), _mm512_set1_epi32(1));
    __m512i rounded = _mm512_add_epi32(_mm512_add_epi32(bits, half), odd);
    __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
    __mmask16 tiny = _mm512_testn_epi32_mask(bits, exponent); /* zero or denormal */
    rounded = _mm512_mask_or_epi32(rounded, nan, bits, _mm512_set1_epi32(0x400000));
    rounded = _mm512_mask_and_epi32(rounded, tiny, bits, _mm512_set1_epi32((int)0x80000000u));
    return _mm512_castsi512_ps(_mm512_and_si512(rounded, _mm512_set1_epi32((int)0xffff0000u)));
}
/* Lanes 0 and 1 change places, 2 and 3, and so on. */
static inline v16 v16_swap(v16 a) {
    return _mm512_permute_ps(a, 0xb1);
}
/* 16 integers as floats. */
static inline v16 v16_load_u16(const uint16_t *x) {
    __m256i bits = _mm256_loadu_si256((const __m256i *)(const void *)x);
    return _mm512_cvtepi32_ps(_mm512_cvtepu16_epi32(bits));
}

/* The largest lane by max1. */
static inline float v16_max_lanes(v16 a) {
    a = v16_max(a, _mm512_shuffle_f32x4(a, a, 0x4e));
    a = v16_max(a, _mm512_shuffle_f32x4(a, a, 0xb1));
    a = v16_max(a, _mm512_permute_ps(a, 0x4e));
    return _mm512_cvtss_f32(v16_max(a, _mm512_permute_ps(a, 0xb1)));
}
/* The tree: lane j += lane j+8, += j+4, += j+2, += j+1. */
static inline float v16_sum(v16 a) {
    __m256 b = _mm256_add_ps(_mm512_castps512_ps256(a), _mm512_extractf32x8_ps(a, 1));
    __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    c = _mm_add_ps(c, _mm_movehl_ps(c, c));
    c = _mm_add_ss(c, _mm_movehdup_ps(c));
    return _mm_cvtss_f32(c);
}

/* Lane i is v16_sum(r[i]), or v16_max_lanes(r[i]): a step folds two vectors into one, where the
 * halves of each lie side by side. Written out, so that gcc keeps all of it in registers. */
/* Lanes j of r[i], r[i+8]; j + 8. */
#define V16_FOLD_8(fold, i)                                     \
    v16 a##i = fold(_mm512_shuffle_f32x4(r[i], r[i + 8], 0x44), \
                    _mm512_shuffle_f32x4(r[i], r[i + 8], 0xee))
/* Of i, i+8, k, k+8; j + 4. */
#define V16_FOLD_4(fold, i, k) \
    v16 b##i = fold(_mm512_shuffle_f32x4(a##i, a##k, 0x88), _mm512_shuffle_f32x4(a##i, a##k, 0xdd))
/* Each 128 bits: of i, k; j + 2. */
#define V16_FOLD_2(fold, i, k) \
    v16 c##i = fold(_mm512_shuffle_ps(b##i, b##k, 0x44), _mm512_shuffle_ps(b##i, b##k, 0xee))
/* d is 0 2 1 3, 8 10 9 11, 4 6 5 7, 12 14 13 15 */
#define V16_FOLD_ROWS(fold)                                                         \
    V16_FOLD_8(fold, 0);                                                            \
    V16_FOLD_8(fold, 4);                                                            \
    V16_FOLD_4(fold, 0, 4);                                                         \
    V16_FOLD_8(fold, 2);                                                            \
    V16_FOLD_8(fold, 6);                                                            \
    V16_FOLD_4(fold, 2, 6);                                                         \
    V16_FOLD_2(fold, 0, 2);                                                         \
    V16_FOLD_8(fold, 1);                                                            \
    V16_FOLD_8(fold, 5);                                                            \
    V16_FOLD_4(fold, 1, 5);                                                         \
    V16_FOLD_8(fold, 3);                                                            \
    V16_FOLD_8(fold, 7);                                                            \
    V16_FOLD_4(fold, 3, 7);                                                         \
    V16_FOLD_2(fold, 1, 3);                                                         \
    v16 d = fold(_mm512_shuffle_ps(c0, c1, 0x88), _mm512_shuffle_ps(c0, c1, 0xdd)); \
    d = _mm512_permute_ps(d, 0xd8);                                                 \
    return _mm512_shuffle_f32x4(d, d, 0xd8)
#define V16_HAS_ROWS
static inline v16 v16_sum_rows(const v16 r[16]) {
    V16_FOLD_ROWS(v16_add);
}
static inline v16 v16_max_rows(const v16 r[16]) {
    V16_FOLD_ROWS(v16_max);
}
static inline v16 v16_larger_rows(const v16 r[16]) {
    V16_FOLD_ROWS(v16_larger);
}

/* The same of vectors in memory, s [16, 16]: halves that are loaded need no shuffles. */
#define V16_HAS_SUM_LINES
#define FOLD_LOW(i)  _mm256_load_ps(s + 16 * (i))
#define FOLD_HIGH(i) _mm256_load_ps(s + 16 * (i) + 8)
static inline v16 v16_sum_lines(const float *s) {
    FOLD_ROWS(_mm256_add_ps);
    return _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
}

/* ---- eight 64-bit integers ---- */
typedef __m512i u64x8;

static inline u64x8 u64x8_load(const uint64_t *x) {
    return _mm512_loadu_si512(x);
}
static inline u64x8 u64x8_set1(uint64_t x) {
    return _mm512_set1_epi64((long long)x);
}
static inline u64x8 u64x8_add(u64x8 a, u64x8 b) {
    return _mm512_add_epi64(a, b);
}
static inline u64x8 u64x8_xor(u64x8 a, u64x8 b) {
    return _mm512_xor_si512(a, b);
}
/* The product of the lower halves. */
static inline u64x8 u64x8_mul_low(u64x8 a, u64x8 b) {
    return _mm512_mul_epu32(a, b);
}
/* The upper half, shifted down. */
static inline u64x8 u64x8_high(u64x8 a) {
    return _mm512_srli_epi64(a, 32);
}
/* The lower halves: a's stay, b's above them. */
static inline u64x8 u64x8_join_low(u64x8 a, u64x8 b) {
    return _mm512_mask_blend_epi32(0xaaaa, a, _mm512_slli_epi64(b, 32));
}
/* a0 b0 a2 b2 a4 b4 a6 b6, then a1 b1 a3 b3 a5 b5 a7 b7. */
static inline void u64x8_store_pairs(uint16_t out[64], u64x8 a, u64x8 b) {
    _mm512_storeu_si512(out, _mm512_unpacklo_epi64(a, b));
    _mm512_storeu_si512(out + 32, _mm512_unpackhi_epi64(a, b));
}

#endif

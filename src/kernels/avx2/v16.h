/* The sixteen virtual lanes of kernels.h, in two 256-bit registers. */
#ifndef LM_KERNELS_AVX2_V16_H
#define LM_KERNELS_AVX2_V16_H

#include <immintrin.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bf16.h"
#include "kernels/avx2/fold.h"

typedef struct v16 {
    __m256 lo, hi;
} v16;
#define V16_IS_ONE_REGISTER 0

/* All ones in the lanes first..first+7 that are below n. */
static inline __m256i v16_mask(int64_t n, int first) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n - first),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline v16 v16_make(__m256 lo, __m256 hi) {
    v16 r = {lo, hi};
    return r;
}

static inline v16 v16_load(const float *x) {
    return v16_make(_mm256_loadu_ps(x), _mm256_loadu_ps(x + 8));
}
static inline void v16_store(float *x, v16 a) {
    _mm256_storeu_ps(x, a.lo);
    _mm256_storeu_ps(x + 8, a.hi);
}
/* n < 16: nothing beyond is read (zeros) or written. */
static inline v16 v16_load_n(const float *x, int64_t n) {
    return v16_make(_mm256_maskload_ps(x, v16_mask(n, 0)),
                    n > 8 ? _mm256_maskload_ps(x + 8, v16_mask(n, 8)) : _mm256_setzero_ps());
}
static inline void v16_store_n(float *x, int64_t n, v16 a) {
    _mm256_maskstore_ps(x, v16_mask(n, 0), a.lo);
    if (n > 8) _mm256_maskstore_ps(x + 8, v16_mask(n, 8), a.hi);
}
/* Lanes below n <= 16 from a, the others from b. */
static inline v16 v16_first(int64_t n, v16 a, v16 b) {
    return v16_make(_mm256_blendv_ps(b.lo, a.lo, _mm256_castsi256_ps(v16_mask(n, 0))),
                    _mm256_blendv_ps(b.hi, a.hi, _mm256_castsi256_ps(v16_mask(n, 8))));
}

static inline v16 v16_set1(float x) {
    return v16_make(_mm256_set1_ps(x), _mm256_set1_ps(x));
}
static inline v16 v16_zero(void) {
    return v16_make(_mm256_setzero_ps(), _mm256_setzero_ps());
}
static inline v16 v16_add(v16 a, v16 b) {
    return v16_make(_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi));
}
static inline v16 v16_sub(v16 a, v16 b) {
    return v16_make(_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi));
}
static inline v16 v16_mul(v16 a, v16 b) {
    return v16_make(_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi));
}
static inline v16 v16_div(v16 a, v16 b) {
    return v16_make(_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi));
}
static inline v16 v16_sqrt(v16 a) {
    return v16_make(_mm256_sqrt_ps(a.lo), _mm256_sqrt_ps(a.hi));
}
static inline v16 v16_fma(v16 a, v16 b, v16 c) {
    return v16_make(_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi));
}
static inline v16 v16_fnma(v16 a, v16 b, v16 c) { /* c - ab */
    return v16_make(_mm256_fnmadd_ps(a.lo, b.lo, c.lo), _mm256_fnmadd_ps(a.hi, b.hi, c.hi));
}
static inline v16 v16_fms(v16 a, v16 b, v16 c) { /* ab - c */
    return v16_make(_mm256_fmsub_ps(a.lo, b.lo, c.lo), _mm256_fmsub_ps(a.hi, b.hi, c.hi));
}
static inline v16 v16_neg(v16 a) {
    __m256 sign = _mm256_set1_ps(-0.0f);
    return v16_make(_mm256_xor_ps(a.lo, sign), _mm256_xor_ps(a.hi, sign));
}
static inline v16 v16_abs(v16 a) {
    __m256 sign = _mm256_set1_ps(-0.0f);
    return v16_make(_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi));
}

/* max1 of scalar/reduce.h: x where x > m or x is a NaN, else m. */
static inline __m256 v16_max8(__m256 m, __m256 x) {
    return _mm256_blendv_ps(_mm256_max_ps(x, m), x, _mm256_cmp_ps(x, x, _CMP_UNORD_Q));
}
static inline v16 v16_max(v16 m, v16 x) {
    return v16_make(v16_max8(m.lo, x.lo), v16_max8(m.hi, x.hi));
}
/* The same where neither is a NaN. */
static inline v16 v16_larger(v16 m, v16 x) {
    return v16_make(_mm256_max_ps(x.lo, m.lo), _mm256_max_ps(x.hi, m.hi));
}
/* a > b ? x : y and so on; false when either is a NaN. */
static inline v16 v16_if_gt(v16 a, v16 b, v16 x, v16 y) {
    return v16_make(_mm256_blendv_ps(y.lo, x.lo, _mm256_cmp_ps(a.lo, b.lo, _CMP_GT_OQ)),
                    _mm256_blendv_ps(y.hi, x.hi, _mm256_cmp_ps(a.hi, b.hi, _CMP_GT_OQ)));
}
static inline v16 v16_if_le(v16 a, v16 b, v16 x, v16 y) {
    return v16_make(_mm256_blendv_ps(y.lo, x.lo, _mm256_cmp_ps(a.lo, b.lo, _CMP_LE_OQ)),
                    _mm256_blendv_ps(y.hi, x.hi, _mm256_cmp_ps(a.hi, b.hi, _CMP_LE_OQ)));
}
static inline bool v16_all_le(v16 a, v16 b) {
    __m256 lo = _mm256_cmp_ps(a.lo, b.lo, _CMP_LE_OQ), hi = _mm256_cmp_ps(a.hi, b.hi, _CMP_LE_OQ);
    return _mm256_movemask_ps(_mm256_and_ps(lo, hi)) == 0xff;
}
/* a 2^n, n in the low bits of `shifted` (scalar/functions.h, exp1). */
static inline __m256 v16_scale2_8(__m256 a, __m256 shifted) {
    __m256i n = _mm256_slli_epi32(_mm256_castps_si256(shifted), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), n));
}
static inline v16 v16_scale2(v16 a, v16 shifted) {
    return v16_make(v16_scale2_8(a.lo, shifted.lo), v16_scale2_8(a.hi, shifted.hi));
}

/* 16 bf16. */
static inline __m256 v16_widen8(const uint16_t *x) {
    __m128i halves = _mm_loadu_si128((const __m128i *)(const void *)x);
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(halves), 16));
}
static inline v16 v16_load_bf16(const lm_bf16 *x) {
    return v16_make(v16_widen8(x), v16_widen8(x + 8));
}
/* Each rounded to bf16 (base/bf16.h), as fp32. */
static inline __m256 v16_round8(__m256 x) {
    __m256i bits = _mm256_castps_si256(x), one = _mm256_set1_epi32(1);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), one);
    __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    __m256i exponent = _mm256_and_si256(bits, _mm256_set1_epi32(0x7f800000));
    __m256i tiny = _mm256_cmpeq_epi32(exponent, _mm256_setzero_si256()); /* zero or denormal */
    __m256i sign = _mm256_and_si256(bits, _mm256_set1_epi32((int)0x80000000u));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    rounded = _mm256_blendv_epi8(rounded, sign, tiny);
    rounded = _mm256_blendv_epi8(rounded, quiet, nan);
    return _mm256_castsi256_ps(_mm256_and_si256(rounded, _mm256_set1_epi32((int)0xffff0000u)));
}
static inline v16 v16_round_bf16(v16 a) {
    return v16_make(v16_round8(a.lo), v16_round8(a.hi));
}
/* Lanes 0 and 1 change places, 2 and 3, and so on. */
static inline v16 v16_swap(v16 a) {
    return v16_make(_mm256_permute_ps(a.lo, 0xb1), _mm256_permute_ps(a.hi, 0xb1));
}
/* 16 integers as floats. */
static inline v16 v16_load_u16(const uint16_t *x) {
    __m128i lo = _mm_loadu_si128((const __m128i *)(const void *)x);
    __m128i hi = _mm_loadu_si128((const __m128i *)(const void *)(x + 8));
    return v16_make(_mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(lo)),
                    _mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(hi)));
}

/* The largest lane by max1. */
static inline float v16_max_lanes(v16 a) {
    __m256 b = v16_max8(a.lo, a.hi);
    b = v16_max8(b, _mm256_permute2f128_ps(b, b, 1));
    b = v16_max8(b, _mm256_permute_ps(b, 0x4e));
    return _mm256_cvtss_f32(v16_max8(b, _mm256_permute_ps(b, 0xb1)));
}
/* The tree: lane j += lane j+8, += j+4, += j+2, += j+1. */
static inline float v16_sum(v16 a) {
    __m256 b = _mm256_add_ps(a.lo, a.hi);
    __m128 c = _mm_add_ps(_mm256_castps256_ps128(b), _mm256_extractf128_ps(b, 1));
    c = _mm_add_ps(c, _mm_movehl_ps(c, c));
    c = _mm_add_ss(c, _mm_movehdup_ps(c));
    return _mm_cvtss_f32(c);
}

/* Lane i is v16_sum(r[i]), or v16_max_lanes(r[i]). */
#define FOLD_LOW(i)  r[i].lo
#define FOLD_HIGH(i) r[i].hi
#define V16_HAS_ROWS
static inline v16 v16_sum_rows(const v16 r[16]) {
    FOLD_ROWS(_mm256_add_ps);
    return v16_make(low, high);
}
static inline v16 v16_max_rows(const v16 r[16]) {
    FOLD_ROWS(v16_max8);
    return v16_make(low, high);
}
static inline v16 v16_larger_rows(const v16 r[16]) {
    FOLD_ROWS(_mm256_max_ps);
    return v16_make(low, high);
}

/* ---- eight 64-bit integers ---- */
typedef struct u64x8 {
    __m256i lo, hi;
} u64x8;

static inline u64x8 u64x8_make(__m256i lo, __m256i hi) {
    u64x8 r = {lo, hi};
    return r;
}
static inline u64x8 u64x8_load(const uint64_t *x) {
    return u64x8_make(_mm256_loadu_si256((const __m256i *)(const void *)x),
                      _mm256_loadu_si256((const __m256i *)(const void *)(x + 4)));
}
static inline u64x8 u64x8_set1(uint64_t x) {
    return u64x8_make(_mm256_set1_epi64x((long long)x), _mm256_set1_epi64x((long long)x));
}
static inline u64x8 u64x8_add(u64x8 a, u64x8 b) {
    return u64x8_make(_mm256_add_epi64(a.lo, b.lo), _mm256_add_epi64(a.hi, b.hi));
}
static inline u64x8 u64x8_xor(u64x8 a, u64x8 b) {
    return u64x8_make(_mm256_xor_si256(a.lo, b.lo), _mm256_xor_si256(a.hi, b.hi));
}
/* The product of the lower halves. */
static inline u64x8 u64x8_mul_low(u64x8 a, u64x8 b) {
    return u64x8_make(_mm256_mul_epu32(a.lo, b.lo), _mm256_mul_epu32(a.hi, b.hi));
}
/* The upper half, shifted down. */
static inline u64x8 u64x8_high(u64x8 a) {
    return u64x8_make(_mm256_srli_epi64(a.lo, 32), _mm256_srli_epi64(a.hi, 32));
}
/* The lower halves: a's stay, b's above them. */
static inline u64x8 u64x8_join_low(u64x8 a, u64x8 b) {
    return u64x8_make(_mm256_blend_epi32(a.lo, _mm256_slli_epi64(b.lo, 32), 0xaa),
                      _mm256_blend_epi32(a.hi, _mm256_slli_epi64(b.hi, 32), 0xaa));
}
/* a0 b0 a2 b2 a4 b4 a6 b6, then a1 b1 a3 b3 a5 b5 a7 b7. */
static inline void u64x8_store_pairs(uint16_t out[64], u64x8 a, u64x8 b) {
    __m256i *to = (__m256i *)(void *)out;
    _mm256_storeu_si256(to, _mm256_unpacklo_epi64(a.lo, b.lo));
    _mm256_storeu_si256(to + 1, _mm256_unpacklo_epi64(a.hi, b.hi));
    _mm256_storeu_si256(to + 2, _mm256_unpackhi_epi64(a.lo, b.lo));
    _mm256_storeu_si256(to + 3, _mm256_unpackhi_epi64(a.hi, b.hi));
}

#endif

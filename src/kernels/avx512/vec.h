/* One register of this ISA as the GEMM micro-kernel sees it (v16/gemm.inc). */
#ifndef LM_KERNELS_AVX512_VEC_H
#define LM_KERNELS_AVX512_VEC_H

#include <immintrin.h>
#include <stdint.h>

#include "base/bf16.h"

#define VEC                16
#define VEC_MASKS_ARE_FREE 1
typedef __m512 vec;
typedef __mmask16 vec_mask;

static inline vec_mask vec_mask_first(int64_t count) {
    return (vec_mask)((1u << count) - 1u);
}
static inline vec vec_load(const float *x) {
    return _mm512_loadu_ps(x);
}
static inline void vec_store(float *x, vec v) {
    _mm512_storeu_ps(x, v);
}
static inline vec vec_load_mask(const float *x, vec_mask k) {
    return _mm512_maskz_loadu_ps(k, x);
}
static inline void vec_store_mask(float *x, vec_mask k, vec v) {
    _mm512_mask_storeu_ps(x, k, v);
}
static inline vec vec_broadcast(float x) {
    return _mm512_set1_ps(x);
}
static inline vec vec_zero(void) {
    return _mm512_setzero_ps();
}
static inline vec vec_add(vec a, vec b) {
    return _mm512_add_ps(a, b);
}
static inline vec vec_fma(vec a, vec b, vec c) {
    return _mm512_fmadd_ps(a, b, c);
}

/* Pairs of bf16 (base/bf16.h), one a lane; their elements as fp32. */
typedef __m512i vec_pairs;

static inline vec_pairs vec_pairs_load(const lm_bf16_pair *x) {
    return _mm512_loadu_si512(x);
}
static inline vec_pairs vec_pairs_load_mask(const lm_bf16_pair *x, vec_mask k) {
    return _mm512_maskz_loadu_epi32(k, x);
}
static inline vec_pairs vec_pairs_broadcast(lm_bf16_pair x) {
    return _mm512_set1_epi32((int)x);
}
static inline vec vec_pairs_first(vec_pairs x) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(x, 16));
}
static inline vec vec_pairs_second(vec_pairs x) {
    return _mm512_castsi512_ps(_mm512_and_si512(x, _mm512_set1_epi32((int)0xffff0000u)));
}

#endif

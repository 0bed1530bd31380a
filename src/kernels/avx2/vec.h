/* One register of this ISA as the GEMM micro-kernel sees it (v16/gemm.inc). */
#ifndef LM_KERNELS_AVX2_VEC_H
#define LM_KERNELS_AVX2_VEC_H

#include <immintrin.h>
#include <stdint.h>

#include "base/bf16.h"

#define VEC                8
#define VEC_MASKS_ARE_FREE 0
typedef __m256 vec;
typedef __m256i vec_mask;

static inline vec_mask vec_mask_first(int64_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
static inline vec vec_load(const float *x) {
    return _mm256_loadu_ps(x);
}
static inline void vec_store(float *x, vec v) {
    _mm256_storeu_ps(x, v);
}
static inline vec vec_load_mask(const float *x, vec_mask k) {
    return _mm256_maskload_ps(x, k);
}
static inline void vec_store_mask(float *x, vec_mask k, vec v) {
    _mm256_maskstore_ps(x, k, v);
}
static inline vec vec_broadcast(float x) {
    return _mm256_set1_ps(x);
}
static inline vec vec_zero(void) {
    return _mm256_setzero_ps();
}
static inline vec vec_add(vec a, vec b) {
    return _mm256_add_ps(a, b);
}
static inline vec vec_fma(vec a, vec b, vec c) {
    return _mm256_fmadd_ps(a, b, c);
}

/* Pairs of bf16 (base/bf16.h), one a lane; their elements as fp32. */
typedef __m256i vec_pairs;

static inline vec_pairs vec_pairs_load(const lm_bf16_pair *x) {
    return _mm256_loadu_si256((const __m256i *)(const void *)x);
}
static inline vec vec_pairs_first(vec_pairs x) {
    return _mm256_castsi256_ps(_mm256_slli_epi32(x, 16));
}
static inline vec vec_pairs_second(vec_pairs x) {
    return _mm256_castsi256_ps(_mm256_and_si256(x, _mm256_set1_epi32((int)0xffff0000u)));
}

#endif

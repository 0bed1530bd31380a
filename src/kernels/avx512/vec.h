/* One register of this ISA as the GEMM micro-kernel sees it (v16/gemm.inc). */
#ifndef LM_KERNELS_AVX512_VEC_H
#define LM_KERNELS_AVX512_VEC_H

#include <immintrin.h>
#include <stdint.h>

#define VEC 16
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
static inline vec vec_fma(vec a, vec b, vec c) {
    return _mm512_fmadd_ps(a, b, c);
}

#endif

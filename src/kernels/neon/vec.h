/* One register of this ISA as the GEMM micro-kernel sees it (v16/gemm.inc). */
#ifndef LM_KERNELS_NEON_VEC_H
#define LM_KERNELS_NEON_VEC_H

#include <arm_neon.h>
#include <stdint.h>

#include "base/bf16.h"

#define VEC                4
#define VEC_MASKS_ARE_FREE 0
typedef float32x4_t vec;
typedef int vec_mask; /* how many lanes: there are no masked loads */

static inline vec_mask vec_mask_first(int64_t count) {
    return (vec_mask)count;
}
static inline vec vec_load(const float *x) {
    return vld1q_f32(x);
}
static inline void vec_store(float *x, vec v) {
    vst1q_f32(x, v);
}
static inline vec vec_load_mask(const float *x, vec_mask count) {
    float copy[4] = {x[0], count > 1 ? x[1] : 0.0f, count > 2 ? x[2] : 0.0f,
                     count > 3 ? x[3] : 0.0f};
    return vld1q_f32(copy);
}
static inline void vec_store_mask(float *x, vec_mask count, vec v) {
    float copy[4];
    vst1q_f32(copy, v);
    for (int i = 0; i < count; i++) x[i] = copy[i];
}
static inline vec vec_broadcast(float x) {
    return vdupq_n_f32(x);
}
static inline vec vec_zero(void) {
    return vdupq_n_f32(0.0f);
}
static inline vec vec_add(vec a, vec b) {
    return vaddq_f32(a, b);
}
static inline vec vec_fma(vec a, vec b, vec c) {
    return vfmaq_f32(c, a, b);
}

/* Pairs of bf16 (base/bf16.h), one a lane; their elements as fp32. */
typedef uint32x4_t vec_pairs;

static inline vec_pairs vec_pairs_load(const lm_bf16_pair *x) {
    return vld1q_u32(x);
}
static inline vec vec_pairs_first(vec_pairs x) {
    return vreinterpretq_f32_u32(vshlq_n_u32(x, 16));
}
static inline vec vec_pairs_second(vec_pairs x) {
    return vreinterpretq_f32_u32(vandq_u32(x, vdupq_n_u32(0xffff0000u)));
}

#endif

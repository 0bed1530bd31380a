/* The sixteen virtual lanes of kernels.h, in four 128-bit registers. */
#ifndef LM_KERNELS_NEON_V16_H
#define LM_KERNELS_NEON_V16_H

#include <arm_neon.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/bf16.h"

typedef struct v16 {
    float32x4_t q[4];
} v16;
#define V16_IS_ONE_REGISTER 0

/* f is an expression of i, the register's number; the compiler unrolls the four. */
#define V16_BUILD(f)                          \
    v16 r;                                    \
    for (int i = 0; i < 4; i++) r.q[i] = (f); \
    return r

static inline v16 v16_load(const float *x) {
    V16_BUILD(vld1q_f32(x + 4 * i));
}
static inline void v16_store(float *x, v16 a) {
    for (int i = 0; i < 4; i++) vst1q_f32(x + 4 * i, a.q[i]);
}
/* n < 16: nothing beyond is read (zeros) or written. */
static inline v16 v16_load_n(const float *x, int64_t n) {
    float copy[16] = {0};
    memcpy(copy, x, (size_t)n * sizeof *x);
    return v16_load(copy);
}
static inline void v16_store_n(float *x, int64_t n, v16 a) {
    float copy[16];
    v16_store(copy, a);
    memcpy(x, copy, (size_t)n * sizeof *x);
}
/* Lanes below n <= 16 from a, the others from b. */
static inline v16 v16_first(int64_t n, v16 a, v16 b) {
    const int32x4_t lane = {0, 1, 2, 3};
    V16_BUILD(vbslq_f32(vcltq_s32(lane, vdupq_n_s32((int32_t)n - 4 * i)), a.q[i], b.q[i]));
}

static inline v16 v16_set1(float x) {
    V16_BUILD(vdupq_n_f32(x));
}
static inline v16 v16_zero(void) {
    V16_BUILD(vdupq_n_f32(0.0f));
}
static inline v16 v16_add(v16 a, v16 b) {
    V16_BUILD(vaddq_f32(a.q[i], b.q[i]));
}
static inline v16 v16_sub(v16 a, v16 b) {
    V16_BUILD(vsubq_f32(a.q[i], b.q[i]));
}
static inline v16 v16_mul(v16 a, v16 b) {
    V16_BUILD(vmulq_f32(a.q[i], b.q[i]));
}
static inline v16 v16_div(v16 a, v16 b) {
    V16_BUILD(vdivq_f32(a.q[i], b.q[i]));
}
static inline v16 v16_sqrt(v16 a) {
    V16_BUILD(vsqrtq_f32(a.q[i]));
}
static inline v16 v16_neg(v16 a) {
    V16_BUILD(vnegq_f32(a.q[i]));
}
static inline v16 v16_abs(v16 a) {
    V16_BUILD(vabsq_f32(a.q[i]));
}
static inline v16 v16_fma(v16 a, v16 b, v16 c) {
    V16_BUILD(vfmaq_f32(c.q[i], a.q[i], b.q[i]));
}
static inline v16 v16_fnma(v16 a, v16 b, v16 c) { /* c - ab */
    V16_BUILD(vfmsq_f32(c.q[i], a.q[i], b.q[i]));
}
static inline v16 v16_fms(v16 a, v16 b, v16 c) { /* ab - c */
    return v16_fma(a, b, v16_neg(c));
}

/* max1 of scalar/reduce.h: x where x > m or x is a NaN, else m. */
static inline v16 v16_max(v16 m, v16 x) {
    V16_BUILD(vbslq_f32(vorrq_u32(vcgtq_f32(x.q[i], m.q[i]), vmvnq_u32(vceqq_f32(x.q[i], x.q[i]))),
                        x.q[i], m.q[i]));
}
/* The same where neither is a NaN. */
static inline v16 v16_larger(v16 m, v16 x) {
    V16_BUILD(vmaxq_f32(x.q[i], m.q[i]));
}
/* a > b ? x : y and so on; false when either is a NaN. */
static inline v16 v16_if_gt(v16 a, v16 b, v16 x, v16 y) {
    V16_BUILD(vbslq_f32(vcgtq_f32(a.q[i], b.q[i]), x.q[i], y.q[i]));
}
static inline v16 v16_if_le(v16 a, v16 b, v16 x, v16 y) {
    V16_BUILD(vbslq_f32(vcleq_f32(a.q[i], b.q[i]), x.q[i], y.q[i]));
}
static inline bool v16_all_le(v16 a, v16 b) {
    uint32x4_t le[4];
    for (int i = 0; i < 4; i++) le[i] = vcleq_f32(a.q[i], b.q[i]);
    return vminvq_u32(vandq_u32(vandq_u32(le[0], le[1]), vandq_u32(le[2], le[3]))) == ~0u;
}
/* a 2^n, n in the low bits of `shifted` (scalar/functions.h, exp1). */
static inline v16 v16_scale2(v16 a, v16 shifted) {
    V16_BUILD(vreinterpretq_f32_u32(vaddq_u32(
        vreinterpretq_u32_f32(a.q[i]), vshlq_n_u32(vreinterpretq_u32_f32(shifted.q[i]), 23))));
}

/* 16 bf16. */
static inline v16 v16_load_bf16(const lm_bf16 *x) {
    V16_BUILD(vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(x + 4 * i), 16)));
}
/* Each rounded to bf16 (base/bf16.h), as fp32. */
static inline float32x4_t v16_round4(float32x4_t x) {
    uint32x4_t bits = vreinterpretq_u32_f32(x), magnitude = vshlq_n_u32(bits, 1);
    uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    uint32x4_t tiny = vcltq_u32(magnitude, vdupq_n_u32(0x01000000)); /* zero or denormal */
    uint32x4_t nan = vcgtq_u32(magnitude, vdupq_n_u32(0xff000000));
    rounded = vbslq_u32(tiny, vandq_u32(bits, vdupq_n_u32(0x80000000)), rounded);
    rounded = vbslq_u32(nan, vorrq_u32(bits, vdupq_n_u32(0x400000)), rounded);
    return vreinterpretq_f32_u32(vandq_u32(rounded, vdupq_n_u32(0xffff0000u)));
}
static inline v16 v16_round_bf16(v16 a) {
    V16_BUILD(v16_round4(a.q[i]));
}
/* Lanes 0 and 1 change places, 2 and 3, and so on. */
static inline v16 v16_swap(v16 a) {
    V16_BUILD(vrev64q_f32(a.q[i]));
}
/* 16 integers as floats. */
static inline v16 v16_load_u16(const uint16_t *x) {
    V16_BUILD(vcvtq_f32_u32(vmovl_u16(vld1_u16(x + 4 * i))));
}

/* The largest lane by max1: fmaxv, too, returns a NaN when there is one. */
static inline float v16_max_lanes(v16 a) {
    return vmaxvq_f32(vmaxq_f32(vmaxq_f32(a.q[0], a.q[1]), vmaxq_f32(a.q[2], a.q[3])));
}
/* The tree: lane j += lane j+8, += j+4, += j+2, += j+1. */
static inline float v16_sum(v16 a) {
    float32x4_t b = vaddq_f32(a.q[0], a.q[2]), c = vaddq_f32(a.q[1], a.q[3]);
    float32x4_t d = vaddq_f32(b, c);
    float32x2_t e = vadd_f32(vget_low_f32(d), vget_high_f32(d));
    return vget_lane_f32(e, 0) + vget_lane_f32(e, 1);
}

/* ---- eight 64-bit integers ---- */
typedef struct u64x8 {
    uint64x2_t q[4];
} u64x8;

#define U64X8_BUILD(f)                        \
    u64x8 r;                                  \
    for (int i = 0; i < 4; i++) r.q[i] = (f); \
    return r

static inline u64x8 u64x8_load(const uint64_t *x) {
    U64X8_BUILD(vld1q_u64(x + 2 * i));
}
static inline u64x8 u64x8_set1(uint64_t x) {
    U64X8_BUILD(vdupq_n_u64(x));
}
static inline u64x8 u64x8_add(u64x8 a, u64x8 b) {
    U64X8_BUILD(vaddq_u64(a.q[i], b.q[i]));
}
static inline u64x8 u64x8_xor(u64x8 a, u64x8 b) {
    U64X8_BUILD(veorq_u64(a.q[i], b.q[i]));
}
/* The product of the lower halves. */
static inline u64x8 u64x8_mul_low(u64x8 a, u64x8 b) {
    U64X8_BUILD(vmull_u32(vmovn_u64(a.q[i]), vmovn_u64(b.q[i])));
}
/* The upper half, shifted down. */
static inline u64x8 u64x8_high(u64x8 a) {
    U64X8_BUILD(vshrq_n_u64(a.q[i], 32));
}
/* The lower halves: a's stay, b's above them. */
static inline u64x8 u64x8_join_low(u64x8 a, u64x8 b) {
    U64X8_BUILD(vsliq_n_u64(a.q[i], b.q[i], 32));
}
/* a0 b0 a2 b2 a4 b4 a6 b6, then a1 b1 a3 b3 a5 b5 a7 b7. */
static inline void u64x8_store_pairs(uint16_t out[64], u64x8 a, u64x8 b) {
    for (int i = 0; i < 4; i++) {
        vst1q_u16(out + 8 * i, vreinterpretq_u16_u64(vzip1q_u64(a.q[i], b.q[i])));
        vst1q_u16(out + 32 + 8 * i, vreinterpretq_u16_u64(vzip2q_u64(a.q[i], b.q[i])));
    }
}

#endif

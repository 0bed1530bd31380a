/* The one order in which a row is summed: 16 virtual lanes, then a fixed tree (kernels.h). */
#ifndef LM_KERNELS_SCALAR_REDUCE_H
#define LM_KERNELS_SCALAR_REDUCE_H

#include <math.h>
#include <stdint.h>

/* fma(a, b, c): one rounding. libm's fmaf where the target has no instruction for it. */
static inline float fma1(float a, float b, float c) {
    return fmaf(a, b, c);
}

/* The larger of two, a NaN on either side winning. Which of two zeros is returned, and whether a
 * denormal is flushed, depends on the instruction the compiler picks: callers add +0 to the result,
 * which makes +0 of all of them. */
static inline float max1(float m, float x) {
    return x > m || x != x ? x : m;
}

static inline float sum16_tree(float lane[16]) {
    for (int width = 8; width >= 1; width /= 2)
        for (int j = 0; j < width; j++) lane[j] = lane[j] + lane[j + width];
    return lane[0];
}

static inline float max16_tree(float lane[16]) {
    for (int width = 8; width >= 1; width /= 2)
        for (int j = 0; j < width; j++) lane[j] = max1(lane[j], lane[j + width]);
    return lane[0];
}

static inline float sum16(int64_t n, const float *x) {
    float lane[16] = {0};
    for (int64_t i = 0; i < n; i++) lane[i & 15] = lane[i & 15] + x[i];
    return sum16_tree(lane);
}

static inline float dot16(int64_t n, const float *x, const float *y) {
    float lane[16] = {0};
    for (int64_t i = 0; i < n; i++) lane[i & 15] = fma1(x[i], y[i], lane[i & 15]);
    return sum16_tree(lane);
}

static inline float max16(int64_t n, const float *x) {
    float lane[16];
    for (int j = 0; j < 16; j++) lane[j] = -INFINITY;
    for (int64_t i = 0; i < n; i++) lane[i & 15] = max1(lane[i & 15], x[i]);
    return max16_tree(lane);
}

#endif

/* Small arithmetic that every room needs: minimum, maximum, division rounded up, checked sums and
 * products. */
#ifndef LM_BASE_NUMBERS_H
#define LM_BASE_NUMBERS_H

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline int64_t lm_min(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static inline int64_t lm_max(int64_t a, int64_t b) {
    return a > b ? a : b;
}
static inline uint64_t lm_u64_min(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}
static inline size_t lm_size_min(size_t a, size_t b) {
    return a < b ? a : b;
}
static inline size_t lm_size_max(size_t a, size_t b) {
    return a > b ? a : b;
}

/* x, but a NaN without its sign: the sign is the CPU's choice, and printf shows it as "-nan". */
static inline double lm_plain_nan(double x) {
    return isnan(x) ? (double)NAN : x;
}

/* ceil(a / b) and the least multiple of b that is not below a; a >= 0, b > 0, a + b - 1 fits. */
static inline int64_t lm_divide_up(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}
static inline int64_t lm_round_up(int64_t a, int64_t b) {
    return lm_divide_up(a, b) * b;
}

/* *out = a + b or a * b; false (and *out untouched) when that overflows. *out may be a or b. */
static inline bool lm_size_add(size_t a, size_t b, size_t *out) {
    size_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return false;
    *out = sum;
    return true;
}
static inline bool lm_size_mul(size_t a, size_t b, size_t *out) {
    size_t product;
    if (__builtin_mul_overflow(a, b, &product)) return false;
    *out = product;
    return true;
}
static inline bool lm_u64_add(uint64_t a, uint64_t b, uint64_t *out) {
    uint64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return false;
    *out = sum;
    return true;
}
static inline bool lm_u64_mul(uint64_t a, uint64_t b, uint64_t *out) {
    uint64_t product;
    if (__builtin_mul_overflow(a, b, &product)) return false;
    *out = product;
    return true;
}
static inline bool lm_count_add(int64_t a, int64_t b, int64_t *out) {
    int64_t sum;
    if (__builtin_add_overflow(a, b, &sum)) return false;
    *out = sum;
    return true;
}
static inline bool lm_count_mul(int64_t a, int64_t b, int64_t *out) {
    int64_t product;
    if (__builtin_mul_overflow(a, b, &product)) return false;
    *out = product;
    return true;
}

#endif

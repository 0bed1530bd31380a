/* bfloat16: the upper half of a binary32.
 * Rounding is to nearest, ties to even; a NaN stays a NaN (quiet bit set, sign and upper payload
 * kept); denormal inputs are flushed to a zero of the same sign, as the hardware conversion does.
 */
#ifndef LM_BASE_BF16_H
#define LM_BASE_BF16_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t lm_bf16;
/* Two neighbours: the first in the low half, the second in the high. An array of lm_bf16 may be
 * read as an array of pairs (both byte orders this runs on are little-endian). */
typedef uint32_t __attribute__((may_alias)) lm_bf16_pair;

/* Whether rows of k elements, `row` apart, can be read as arrays of whole pairs. */
static inline bool lm_bf16_is_pairs(const void *x, int64_t row, int64_t k) {
    return row % 2 == 0 && k % 2 == 0 && (uintptr_t)x % sizeof(lm_bf16_pair) == 0;
}

static inline float lm_bf16_to_f32(lm_bf16 x) {
    uint32_t bits = (uint32_t)x << 16;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static inline lm_bf16 lm_bf16_from_f32(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (lm_bf16)(bits >> 16 | 0x40u); /* NaN */
    if ((bits & 0x7f800000u) == 0) return (lm_bf16)(bits >> 16 & 0x8000u); /* zero, denormal */
    return (lm_bf16)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static inline lm_bf16_pair lm_bf16_pair_from_f32(float first, float second) {
    return (lm_bf16_pair)lm_bf16_from_f32(second) << 16 | lm_bf16_from_f32(first);
}

#endif

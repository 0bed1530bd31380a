/* IEEE 754 binary16, the half precision of files: 5 bits of exponent, 10 of significand. Nothing is
 * computed in it. By integers alone, so that flushed denormals and rounding modes play no part. */
#ifndef LM_BASE_F16_H
#define LM_BASE_F16_H

#include <stdint.h>
#include <string.h>

typedef uint16_t lm_f16;

#define LM_F16_MOST 65504.0f /* the largest finite one; from 65520 on, rounding gives infinity */

/* Exact. A NaN keeps its sign and payload. */
static inline float lm_f16_to_f32(lm_f16 h) {
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 0x1fu, low = h & 0x3ffu;
    uint32_t bits;
    if (exponent == 0x1fu) {
        bits = 0x7f800000u | low << 13;
    } else if (exponent > 0) {
        bits = (exponent + 112) << 23 | low << 13; /* the exponents' biases are 15 and 127 */
    } else if (low > 0) { /* low * 2^-24: its leading one moves to bit 10 */
        exponent = 113;
        for (; !(low & 0x400u); low <<= 1) exponent--;
        bits = exponent << 23 | (low & 0x3ffu) << 13;
    } else {
        bits = 0;
    }
    bits |= sign;
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

/* To nearest, ties to even; a NaN stays a NaN. */
static inline lm_f16 lm_f16_from_f32(float f) {
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000u, x = bits & 0x7fffffffu;
    if (x > 0x7f800000u) return (lm_f16)(sign | 0x7e00u | (x >> 13 & 0x1ffu));
    if (x >= 0x47800000u) return (lm_f16)(sign | 0x7c00u); /* 65536 and more */
    if (x < 0x33000000u) return (lm_f16)sign;              /* less than half of 2^-24 */
    uint32_t exponent = x >> 23, significand = (x & 0x7fffffu) | 0x800000u;
    /* how many of its 24 bits go: 13, and more below 2^-14, where the unit is 2^-24 */
    uint32_t shift = exponent >= 113 ? 13 : 126 - exponent;
    uint32_t half = 1u << (shift - 1), rest = significand & ((1u << shift) - 1);
    uint32_t h = significand >> shift;
    h += rest > half || (rest == half && (h & 1u));
    /* the leading one adds 1 to the exponent; a carry out of the significand goes on into it */
    return (lm_f16)(sign | (h + (exponent >= 113 ? (exponent - 113) << 10 : 0)));
}

#endif

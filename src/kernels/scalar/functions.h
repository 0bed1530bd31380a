/* exp, sigmoid and the normal distribution for rows of floats: the project's own polynomials, so
 * that their bits depend neither on a libm nor on the instruction set. Every ISA evaluates these
 * very steps, in this order. Bounds are tested against float64 in tests/kernels/test_accuracy.c.
 *
 *   exp1       relative error < 1 ulp (2^-23) wherever the result is a normal number; +inf above
 *              ln(FLT_MAX), 0 below ln(FLT_MIN) (denormals are flushed anyway)
 *   sigmoid1   relative error < 2.5 ulp; 0 below -88.7
 *   normal1    cdf and pdf: relative error < 6 ulp, in the lower tail too
 *   tanh1      relative error < 3 ulp
 *   gelu_tanh1, silu1   absolute error < 4 ulp of |x|; slopes, gelu_erf_slope1's too: < 4 ulp of 1
 *
 * The coefficients are minimax fits by Lawson's iteration on 400 Chebyshev nodes, rounded to
 * float. */
#ifndef LM_KERNELS_SCALAR_FUNCTIONS_H
#define LM_KERNELS_SCALAR_FUNCTIONS_H

#include <string.h>

#include "kernels/scalar/reduce.h"

/* exp(x) = 2^n exp(r), n = nearest integer to x/ln 2, r = x - n ln 2, |r| <= 0.34665. */
#define EXP_LOG2E  0x1.715476p+0f
#define EXP_MAGIC  0x1.8p+23f        /* adding it rounds to an integer, in the low mantissa bits */
#define EXP_LN2_HI 0x1.62e400p-1f    /* 14 bits: n * hi is exact */
#define EXP_LN2_LO 0x1.7f7d1cp-20f   /* ln 2 - hi */
#define EXP_MAX    0x1.62e42ep+6f    /* largest x with a finite exp */
#define EXP_MIN    (-0x1.5d589ep+6f) /* smallest x with exp(x) >= 2^-126 */
/* exp(r) = 1 + r + r^2 (c0 + c1 r + ... + c4 r^4), relative error 3.1e-9 = 2^-28.3. */
#define EXP_C0 0x1.fffffcp-2f
#define EXP_C1 0x1.555492p-3f
#define EXP_C2 0x1.5558f2p-5f
#define EXP_C3 0x1.1239f6p-7f
#define EXP_C4 0x1.6a2414p-10f

static inline float exp1(float x) {
    float shifted = fma1(x, EXP_LOG2E, EXP_MAGIC);
    float n = shifted - EXP_MAGIC;
    float r = fma1(n, -EXP_LN2_LO, fma1(n, -EXP_LN2_HI, x));
    float q = fma1(EXP_C4, r, EXP_C3);
    q = fma1(q, r, EXP_C2);
    q = fma1(q, r, EXP_C1);
    q = fma1(q, r, EXP_C0);
    float y = 1.0f + fma1(q, r * r, r);
    uint32_t exponent, bits; /* times 2^n, by adding n to the exponent field */
    memcpy(&exponent, &shifted, sizeof exponent);
    memcpy(&bits, &y, sizeof bits);
    bits += exponent << 23;
    memcpy(&y, &bits, sizeof y);
    y = x <= EXP_MAX ? y : x * INFINITY; /* +inf; a NaN stays one */
    return x < EXP_MIN ? 0.0f : y;
}

static inline float sigmoid1(float x) {
    return 1.0f / (1.0f + exp1(-x));
}

/* tanh(x) = x + x^3 (c0 + c1 x^2 + ... + c4 x^8) for |x| <= 0.625, relative error 4.4e-9; beyond,
 * (1 - e) / (1 + e) with e = exp(-2|x|) < 0.29, where the difference cancels nothing. */
#define TANH_SMALL 0.625f
#define TANH_C0    (-0x1.555532p-2f)
#define TANH_C1    0x1.110726p-3f
#define TANH_C2    (-0x1.b83c5ap-5f)
#define TANH_C3    0x1.52269cp-6f
#define TANH_C4    (-0x1.75e1cep-8f)

static inline float tanh1(float x) {
    float square = x * x;
    float p = fma1(TANH_C4, square, TANH_C3);
    p = fma1(p, square, TANH_C2);
    p = fma1(p, square, TANH_C1);
    p = fma1(p, square, TANH_C0);
    float e = exp1(fabsf(x) * -2.0f);
    float large = (1.0f - e) / (1.0f + e);
    large = x < 0.0f ? -large : large;
    return fabsf(x) <= TANH_SMALL ? fma1(x * square, p, x) : large;
}

/* gelu_tanh(x) = x sigmoid(2u), 2u = x (G + G 0.044715 x^2), G = 2 sqrt(2/pi). */
#define GELU_G  0x1.988454p+0f /* 2 sqrt(2/pi) */
#define GELU_G3 0x1.2444f2p-4f /* 2 sqrt(2/pi) 0.044715 */

static inline float gelu_tanh1(float x) {
    return x * sigmoid1(x * fma1(GELU_G3, x * x, GELU_G));
}

/* s + x s (1 - s) (2u)', (2u)' = G + 3 G 0.044715 x^2, with 1 - s = e s, e = exp(-2u): no
 * cancellation. Beyond |x| = 10 the slope is 1 or 0 to the last bit of 1; there x is clamped, so
 * that e stays finite (2u(10) = 87.3) and no infinity meets a zero. */
#define GELU_CLAMP 10.0f
#define GELU_3G3   0x1.b6676cp-3f /* 6 sqrt(2/pi) 0.044715 */

static inline float gelu_tanh_slope1(float x) {
    x = x > GELU_CLAMP ? GELU_CLAMP : x;
    x = x < -GELU_CLAMP ? -GELU_CLAMP : x;
    float square = x * x;
    float e = exp1(-(x * fma1(GELU_G3, square, GELU_G)));
    float s = 1.0f / (1.0f + e);
    float du = fma1(GELU_3G3, square, GELU_G);
    return fma1((x * s) * (e * s), du, s);
}

/* silu(x) = x sigmoid(x); its slope s + x s (1 - s), clamped where it is 0 or 1 anyway. */
#define SILU_CLAMP 80.0f

typedef struct silu {
    float value, slope;
} silu;

static inline silu silu1(float x) {
    float c = x > SILU_CLAMP ? SILU_CLAMP : x;
    c = c < -SILU_CLAMP ? -SILU_CLAMP : c;
    float e = exp1(-c);
    float s = 1.0f / (1.0f + e);
    silu result = {.value = x * s, .slope = fma1(c * s, e * s, s)};
    return result;
}

/* The standard normal distribution. With a = |x| and t = 4/(4+a),
 * Phi(-a) = exp(-a^2/2) (c1 t + c2 t^2 + ... + c10 t^10), relative error 7.5e-9 for a <= 13.3
 * (below that Phi underflows); Phi(a) = 1 - Phi(-a). erf(x) = 2 Phi(x sqrt 2) - 1. */
#define NORMAL_C1     0x1.989416p-4f
#define NORMAL_C2     0x1.97525cp-4f
#define NORMAL_C3     0x1.88c97ap-4f
#define NORMAL_C4     0x1.201388p-4f
#define NORMAL_C5     0x1.75ab82p-4f
#define NORMAL_C6     0x1.2dab12p-8f
#define NORMAL_C7     0x1.355bbcp-5f
#define NORMAL_C8     0x1.701490p-5f
#define NORMAL_C9     (-0x1.ebcf3cp-5f)
#define NORMAL_C10    0x1.079756p-6f
#define NORMAL_T      4.0f
#define NORMAL_CLAMP  16.0f          /* the density is 0 there, and a^2 still finite */
#define NORMAL_FACTOR 0x1.988454p-2f /* 1 / sqrt(2 pi) */

typedef struct normal {
    float x; /* clamped to +-16 */
    float cdf, pdf;
} normal;

static inline normal normal1(float x) {
    float a = fabsf(x);
    a = a > NORMAL_CLAMP ? NORMAL_CLAMP : a;
    float t = NORMAL_T / (NORMAL_T + a);
    float p = fma1(NORMAL_C10, t, NORMAL_C9);
    p = fma1(p, t, NORMAL_C8);
    p = fma1(p, t, NORMAL_C7);
    p = fma1(p, t, NORMAL_C6);
    p = fma1(p, t, NORMAL_C5);
    p = fma1(p, t, NORMAL_C4);
    p = fma1(p, t, NORMAL_C3);
    p = fma1(p, t, NORMAL_C2);
    p = fma1(p, t, NORMAL_C1);
    float square = a * a;
    float lost = fma1(a, a, -square); /* what rounding the square lost; exp(-lost/2) = 1 - lost/2 */
    float e = exp1(square * -0.5f);
    e = fma1(e, lost * -0.5f, e);
    float tail = e * (p * t);
    normal result = {.x = x < 0.0f ? -a : a, .cdf = x < 0.0f ? tail : 1.0f - tail};
    result.pdf = e * NORMAL_FACTOR;
    return result;
}

/* gelu'(x) = Phi(x) + x phi(x) */
static inline float gelu_erf_slope1(float x) {
    normal z = normal1(x);
    return fma1(z.x, z.pdf, z.cdf);
}

#endif

#include "base/elementary.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/error.h"

/* pi/2 = HALF_PI_HIGH + HALF_PI_LOW to 2^-107. */
#define LOG2_E       0x1.71547652b82fep+0
#define HALF_PI_HIGH 0x1.921fb54442d18p+0
#define HALF_PI_LOW  0x1.1a62633145c07p-54
#define TWO_OVER_PI  0x1.45f306dc9c883p-1

static double from_bits(uint64_t bits) {
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static uint64_t to_bits(double x) {
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static double two_to(int k) { /* -1022 <= k <= 1023 */
    return from_bits((uint64_t)(k + 1023) << 52);
}

/* Also inlined where fma is an instruction. */
static inline __attribute__((always_inline)) double exp_of(double x) {
    if (isnan(x)) return x;
    if (x > 709.8) return INFINITY;
    if (x < -745.2) return 0;
    /* x = k ln2 + r, |r| <= ln2/2; Taylor to r^13, whose remainder is below 1e-17. */
    double k = floor(fma(x, LOG2_E, 0.5));
    double r = fma(-k, LM_LN2_LOW, fma(-k, LM_LN2_HIGH, x));
    static const double inverse_factorial[] = {1.0 / 6227020800,
                                               1.0 / 479001600,
                                               1.0 / 39916800,
                                               1.0 / 3628800,
                                               1.0 / 362880,
                                               1.0 / 40320,
                                               1.0 / 5040,
                                               1.0 / 720,
                                               1.0 / 120,
                                               1.0 / 24,
                                               1.0 / 6,
                                               0.5,
                                               1.0,
                                               1.0};
    double sum = 0;
    for (size_t i = 0; i < sizeof inverse_factorial / sizeof *inverse_factorial; i++)
        sum = fma(sum, r, inverse_factorial[i]);
    /* Multiply by two factors: 2^k alone may be out of range when the product is not. */
    int half = (int)k / 2;
    return sum * two_to(half) * two_to((int)k - half);
}

double lm_exp(double x) {
    return exp_of(x);
}

/* On a plain x86-64 fma is a function call: 55 ns a number, for which instructions need 5. */
#if defined(__x86_64__)
__attribute__((target("fma"))) static void exp_each_fma(int64_t n, double *x, int64_t step) {
    for (int64_t i = 0; i < n; i++) x[i * step] = exp_of(x[i * step]);
}
#endif

void lm_exp_each(int64_t n, double *x, int64_t step) {
#if defined(__x86_64__)
    if (__builtin_cpu_supports("fma")) {
        exp_each_fma(n, x, step);
        return;
    }
#endif
    for (int64_t i = 0; i < n; i++) x[i * step] = exp_of(x[i * step]);
}

/* x = m 2^k with m in [sqrt(1/2), sqrt(2)); x positive and finite. Without a branch on m, which
 * would be mispredicted every other time. */
static double split_exponent(double x, int *k) {
    bool denormal = x < 0x1p-1022;
    uint64_t bits = to_bits(denormal ? x * 0x1p54 : x);
    int64_t shift = ((int64_t)(bits - to_bits(LM_SQRT_HALF)) >> 52);
    *k = (int)shift - (denormal ? 54 : 0);
    return from_bits(bits - ((uint64_t)shift << 52));
}

/* atanh(s)/s - 1 as a series in z = s^2, for z <= 0.0295: remainder below 1e-18. */
static double atanh_tail(double z) {
    double sum = 0;
    for (int n = 25; n >= 3; n -= 2) sum = fma(sum, z, 1.0 / n);
    return sum * z;
}

/* log(x) = *high + *low, to about 2^-57 relative; x positive and finite. log m = 2 atanh(s),
 * s = (m-1)/(m+1) carried in two parts. */
static void log_two_parts(double x, double *high, double *low) {
    int k;
    double m = split_exponent(x, &k);
    double numerator = m - 1; /* exact */
    double d = m + 1, d_low = m - (d - 1);
    double s = numerator / d;
    double s_low = (fma(-s, d, numerator) - s * d_low) / d;
    double small = fma(2 * s, atanh_tail(s * s), fma((double)k, LM_LN2_LOW, 2 * s_low));
    double a = k * LM_LN2_HIGH, b = 2 * s;
    double sum = a + b, b_part = sum - a;
    double sum_low = (a - (sum - b_part)) + (b - b_part);
    double rest = sum_low + small;
    *high = sum + rest;
    *low = rest - (*high - sum);
}

/* One part, and no fma, which would be a function call on targets without the instruction: the
 * attention layer computes one logarithm per query. */
double lm_log(double x) {
    if (isnan(x) || x < 0) return NAN;
    if (x == 0) return -INFINITY;
    if (isinf(x)) return x;
    int k;
    double m = split_exponent(x, &k), s = (m - 1) / (m + 1), z = s * s, z2 = z * z;
    double even = 1.0 / 25, odd = 1.0 / 23; /* the series of atanh_tail in two chains */
    even = even * z2 + 1.0 / 21, odd = odd * z2 + 1.0 / 19;
    even = even * z2 + 1.0 / 17, odd = odd * z2 + 1.0 / 15;
    even = even * z2 + 1.0 / 13, odd = odd * z2 + 1.0 / 11;
    even = even * z2 + 1.0 / 9, odd = odd * z2 + 1.0 / 7;
    even = even * z2 + 1.0 / 5, odd = odd * z2 + 1.0 / 3;
    return k * LM_LN2_HIGH + (2 * s + (2 * s * (z * (odd + z * even)) + k * LM_LN2_LOW));
}

double lm_pow(double x, double y) {
    double high, low;
    if (!(x > 0) || isinf(x) || isnan(y)) return NAN;
    log_two_parts(x, &high, &low);
    double product = y * high;
    double rest = fma(y, high, -product) + y * low;
    double e = lm_exp(product);
    return isinf(e) || e == 0 ? e : fma(e, rest, e);
}

double lm_powi(double x, int64_t n) {
    LM_ASSERT(n >= 0);
    double result = 1;
    for (; n > 0; n >>= 1) {
        if (n & 1) result *= x;
        x *= x;
    }
    return result;
}

/* x = n pi/2 + *r, |*r| <= pi/4; returns n mod 4. */
static int reduce_angle(double x, double *r) {
    double n = floor(fma(x, TWO_OVER_PI, 0.5));
    *r = fma(-n, HALF_PI_LOW, fma(-n, HALF_PI_HIGH, x));
    return (int)((int64_t)n & 3);
}

/* Taylor series on |r| <= pi/4, remainders below 1e-17. */
static double sin_series(double r) {
    double z = r * r, sum = 0,
           factorials[] = {
               1.0 / 355687428096000, -1.0 / 1307674368000, 1.0 / 6227020800, -1.0 / 39916800,
               1.0 / 362880,          -1.0 / 5040,          1.0 / 120,        -1.0 / 6};
    for (size_t i = 0; i < sizeof factorials / sizeof *factorials; i++)
        sum = fma(sum, z, factorials[i]);
    return fma(sum * z, r, r);
}
static double cos_series(double r) {
    double z = r * r, sum = 0,
           factorials[] = {
               1.0 / 20922789888000, -1.0 / 87178291200, 1.0 / 479001600, -1.0 / 3628800,
               1.0 / 40320,          -1.0 / 720,         1.0 / 24,        -0.5};
    for (size_t i = 0; i < sizeof factorials / sizeof *factorials; i++)
        sum = fma(sum, z, factorials[i]);
    return fma(sum, z, 1.0);
}

static double sin_quadrant(double x, int shift) {
    if (!(fabs(x) <= 0x1p52)) return NAN;
    double r;
    int quadrant = (reduce_angle(x, &r) + shift) & 3;
    double y = quadrant & 1 ? cos_series(r) : sin_series(r);
    return quadrant & 2 ? -y : y;
}

double lm_sin(double x) {
    return sin_quadrant(x, 0);
}
double lm_cos(double x) {
    return sin_quadrant(x, 1);
}

/* exp, log, sin, cos, pow in double by the project's own code, so that learning rates, bias
 * corrections, rotary angles and initial weights have the same bits with every libm and compiler.
 *
 * Only + - * / sqrt and fma of IEEE-754, in one order (compiled without contraction).
 * Stated bounds (tested against libm): relative error <= 2e-15 for exp, log (absolute near 1), pow
 * (|y log x| <= 64); absolute error <= 1e-15 for sin/cos with |x| <= 1e6.
 * For scalars that are needed now and then; kernels/ has versions for rows. */
#ifndef LM_BASE_ELEMENTARY_H
#define LM_BASE_ELEMENTARY_H

#include <stdint.h>

/* ln 2 = LM_LN2_HIGH + LM_LN2_LOW; the high part ends in enough zeros that k * LM_LN2_HIGH is exact
 * for every exponent k. These and LM_SQRT_HALF are public for vector code that repeats the steps of
 * lm_log. */
#define LM_LN2_HIGH  0x1.62e42fefa3800p-1
#define LM_LN2_LOW   0x1.ef35793c76730p-45
#define LM_SQRT_HALF 0x1.6a09e667f3bcdp-1

double lm_exp(double x);
/* lm_exp of n numbers that are `step` apart, in place: the same bits, faster. */
void lm_exp_each(int64_t n, double *x, int64_t step);
double lm_log(double x); /* x > 0; log(0) = -inf, log(<0) = NaN */
double lm_sin(double x); /* NaN beyond 2^52, where neighbouring x are a radian apart */
double lm_cos(double x);
double lm_pow(double x, double y);   /* x > 0: exp(y log x) with an extended-precision product */
double lm_powi(double x, int64_t n); /* x^n, n >= 0, by repeated squaring */

#endif

/* scalar/functions.h over sixteen lanes: the same steps in the same order. */
#ifndef LM_KERNELS_V16_FUNCTIONS_H
#define LM_KERNELS_V16_FUNCTIONS_H

#include "kernels/scalar/functions.h"
#include "kernels/v16/v16.h"

/* exp16 where EXP_MIN <= x <= EXP_MAX. */
static inline v16 exp_inside16(v16 x) {
    v16 shifted = v16_fma(x, v16_set1(EXP_LOG2E), v16_set1(EXP_MAGIC));
    v16 n = v16_sub(shifted, v16_set1(EXP_MAGIC));
    v16 r = v16_fnma(n, v16_set1(EXP_LN2_LO), v16_fnma(n, v16_set1(EXP_LN2_HI), x));
    v16 q = v16_fma(v16_set1(EXP_C4), r, v16_set1(EXP_C3));
    q = v16_fma(q, r, v16_set1(EXP_C2));
    q = v16_fma(q, r, v16_set1(EXP_C1));
    q = v16_fma(q, r, v16_set1(EXP_C0));
    v16 y = v16_add(v16_set1(1.0f), v16_fma(q, v16_mul(r, r), r));
#ifdef V16_SCALEF
    return v16_scalef(y, n);
#else
    return v16_scale2(y, shifted);
#endif
}

/* Where an instruction scales by 2^n and knows both ends of the range (V16_SCALEF), x is limited to
 * where n is small instead of compared with them: the same bits, for each of the 2^32 floats. */
static inline v16 exp16(v16 x) {
#ifdef V16_SCALEF
    return exp_inside16(v16_limit(x, -110, 100));
#else
    v16 y = exp_inside16(x);
    y = v16_if_le(x, v16_set1(EXP_MAX), y, v16_mul(x, v16_set1(INFINITY)));
    return v16_if_gt(v16_set1(EXP_MIN), x, v16_zero(), y);
#endif
}

/* exp16 where x <= EXP_MAX, or a NaN. */
static inline v16 exp_below16(v16 x) {
#ifdef V16_SCALEF
    return exp_inside16(v16_at_least(x, -110));
#else
    return v16_if_gt(v16_set1(EXP_MIN), x, v16_zero(), exp_inside16(x));
#endif
}

/* 1 / (1 + e) */
static inline v16 share16(v16 e) {
    return v16_div(v16_set1(1.0f), v16_add(v16_set1(1.0f), e));
}

static inline v16 sigmoid16(v16 x) {
    return share16(exp16(v16_neg(x)));
}

/* Whether backward's clamps would change nothing: nearly always, and then exp needs no limits. */
static inline bool all_within16(v16 x, float limit) {
    return v16_all_le(v16_abs(x), v16_set1(limit));
}

static inline v16 tanh16(v16 x) {
    v16 square = v16_mul(x, x), one = v16_set1(1.0f), a = v16_abs(x);
    v16 p = v16_fma(v16_set1(TANH_C4), square, v16_set1(TANH_C3));
    p = v16_fma(p, square, v16_set1(TANH_C2));
    p = v16_fma(p, square, v16_set1(TANH_C1));
    p = v16_fma(p, square, v16_set1(TANH_C0));
    v16 small = v16_fma(v16_mul(x, square), p, x);
    if (v16_all_le(a, v16_set1(TANH_SMALL))) return small; /* most of what soft caps meet */
    v16 e = exp16(v16_mul(a, v16_set1(-2.0f)));
    v16 large = v16_div(v16_sub(one, e), v16_add(one, e));
    large = v16_if_gt(v16_zero(), x, v16_neg(large), large);
    return v16_if_le(a, v16_set1(TANH_SMALL), small, large);
}

static inline v16 gelu_tanh_exponent16(v16 x) {
    return v16_mul(x, v16_fma(v16_set1(GELU_G3), v16_mul(x, x), v16_set1(GELU_G)));
}
APART v16 gelu_tanh_any16(v16 x) {
    return v16_mul(x, sigmoid16(gelu_tanh_exponent16(x)));
}

INLINE v16 gelu_tanh16(v16 x) {
    if (!all_within16(x, GELU_CLAMP)) return gelu_tanh_any16(x);
    return v16_mul(x, share16(exp_inside16(v16_neg(gelu_tanh_exponent16(x)))));
}

/* x limited to -limit..limit, a NaN left alone. */
static inline v16 clamp16(v16 x, float limit) {
    x = v16_if_gt(x, v16_set1(limit), v16_set1(limit), x);
    return v16_if_gt(v16_set1(-limit), x, v16_set1(-limit), x);
}

/* What forward and backward of an activation give. */
typedef struct both16 {
    v16 value, slope;
} both16;

INLINE both16 gelu_tanh_both16(v16 x) {
    bool within = all_within16(x, GELU_CLAMP);
    v16 c = x;
    if (!within) c = clamp16(x, GELU_CLAMP);
    v16 square = v16_mul(c, c);
    v16 u = v16_mul(c, v16_fma(v16_set1(GELU_G3), square, v16_set1(GELU_G)));
    v16 e = exp_inside16(v16_neg(u)), s = share16(e), cs = v16_mul(c, s);
    v16 du = v16_fma(v16_set1(GELU_3G3), square, v16_set1(GELU_G));
    both16 result = {.value = cs, .slope = v16_fma(v16_mul(cs, v16_mul(e, s)), du, s)};
    if (!within) result.value = gelu_tanh_any16(x);
    return result;
}

/* The slope of silu, and its value with sigmoid(x) clamped. */
INLINE both16 silu_both16(v16 x) {
    v16 c = x;
    if (!all_within16(x, SILU_CLAMP)) c = clamp16(x, SILU_CLAMP);
    v16 e = exp_inside16(v16_neg(c)), s = share16(e);
    both16 result = {.value = v16_mul(x, s), .slope = v16_fma(v16_mul(c, s), v16_mul(e, s), s)};
    return result;
}

typedef struct normal16 {
    v16 x, cdf, pdf;
} normal16;

/* |x| up to which exp(-x^2 / 2) needs no limits (-84.5 is above EXP_MIN), and x no clamp. */
#define NORMAL_INSIDE 13.0f

INLINE normal16 normal_both16(v16 x, bool inside) {
    v16 clamp = v16_set1(NORMAL_CLAMP), a = v16_abs(x);
    if (!inside) a = v16_if_gt(a, clamp, clamp, a);
    v16 t = v16_div(v16_set1(NORMAL_T), v16_add(v16_set1(NORMAL_T), a));
    v16 p = v16_fma(v16_set1(NORMAL_C10), t, v16_set1(NORMAL_C9));
    p = v16_fma(p, t, v16_set1(NORMAL_C8));
    p = v16_fma(p, t, v16_set1(NORMAL_C7));
    p = v16_fma(p, t, v16_set1(NORMAL_C6));
    p = v16_fma(p, t, v16_set1(NORMAL_C5));
    p = v16_fma(p, t, v16_set1(NORMAL_C4));
    p = v16_fma(p, t, v16_set1(NORMAL_C3));
    p = v16_fma(p, t, v16_set1(NORMAL_C2));
    p = v16_fma(p, t, v16_set1(NORMAL_C1));
    v16 square = v16_mul(a, a), lost = v16_fms(a, a, square), half = v16_set1(-0.5f);
    v16 u = v16_mul(square, half), e = inside ? exp_inside16(u) : exp16(u);
    e = v16_fma(e, v16_mul(lost, half), e);
    v16 tail = v16_mul(e, v16_mul(p, t)), zero = v16_zero();
    normal16 result = {.x = v16_if_gt(zero, x, v16_neg(a), a),
                       .cdf = v16_if_gt(zero, x, tail, v16_sub(v16_set1(1.0f), tail)),
                       .pdf = v16_mul(e, v16_set1(NORMAL_FACTOR))};
    return result;
}

APART v16 gelu_erf_any16(v16 x) {
    return v16_mul(x, normal_both16(x, false).cdf);
}

INLINE v16 gelu_erf16(v16 x) {
    if (!all_within16(x, NORMAL_INSIDE)) return gelu_erf_any16(x);
    return v16_mul(x, normal_both16(x, true).cdf);
}

APART v16 gelu_erf_slope_any16(v16 x) {
    normal16 z = normal_both16(x, false);
    return v16_fma(z.x, z.pdf, z.cdf);
}

INLINE both16 gelu_erf_both16(v16 x) {
    if (!all_within16(x, NORMAL_INSIDE))
        return (both16){.value = gelu_erf_any16(x), .slope = gelu_erf_slope_any16(x)};
    normal16 z = normal_both16(x, true);
    both16 result = {.value = v16_mul(x, z.cdf), .slope = v16_fma(z.x, z.pdf, z.cdf)};
    return result;
}

#endif

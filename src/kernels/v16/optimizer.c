#include "kernels/v16/v16.h"

/* Sixteen weights after their decay; u: where the update moves them, but for the sign. */
INLINE v16 decayed16(v16 p, v16 u, v16 decay, bool cautious) {
    v16 shrink = cautious ? v16_if_gt(v16_mul(u, p), v16_zero(), decay, v16_zero()) : decay;
    return v16_fnma(shrink, p, p);
}

INLINE v16 sign16(v16 x) {
    v16 zero = v16_zero(), one = v16_set1(1);
    return v16_if_gt(x, zero, one, v16_if_gt(zero, x, v16_neg(one), zero));
}

void ISA(sgd_f32)(int64_t n, const lm_sgd_coefficients *c, const float *g, float *p) {
    const v16 rate = v16_set1(c->lr), decay = v16_set1(c->decay), scale = v16_set1(c->grad_scale);
    const bool cautious = c->cautious;
    EACH_16(i, n, {
        v16 u = v16_mul(get(g + i, lanes), scale);
        put(p + i, lanes, v16_fnma(rate, u, decayed16(get(p + i, lanes), u, decay, cautious)));
    });
}

void ISA(momentum_f32)(int64_t n, const lm_sgd_coefficients *c, const float *g, float *b,
                       float *p) {
    const v16 rate = v16_set1(c->lr), decay = v16_set1(c->decay), scale = v16_set1(c->grad_scale);
    const v16 keep = v16_set1(c->momentum);
    const bool cautious = c->cautious, nesterov = c->nesterov;
    EACH_16(i, n, {
        v16 gs = v16_mul(get(g + i, lanes), scale);
        v16 bi = v16_fma(keep, get(b + i, lanes), gs);
        v16 u = nesterov ? v16_fma(keep, bi, gs) : bi;
        put(b + i, lanes, bi);
        put(p + i, lanes, v16_fnma(rate, u, decayed16(get(p + i, lanes), u, decay, cautious)));
    });
}

void ISA(mean_momentum_f32)(int64_t n, float momentum, float rest, float grad_scale, const float *g,
                            float *m, float *u) {
    v16 keep = v16_set1(momentum), new = v16_set1(rest), scale = v16_set1(grad_scale);
    EACH_16(i, n, {
        v16 gs = v16_mul(get(g + i, lanes), scale), mi = get(m + i, lanes);
        mi = v16_fma(new, v16_sub(gs, mi), mi);
        put(m + i, lanes, mi);
        put(u + i, lanes, v16_fma(keep, v16_sub(mi, gs), gs));
    });
}

void ISA(adam_f32)(int64_t n, const lm_adam_coefficients *c, const float *g, float *m, float *v,
                   float *p) {
    const v16 rest1 = v16_set1(c->rest1), rest2 = v16_set1(c->rest2), eps = v16_set1(c->eps);
    const v16 scale = v16_set1(c->grad_scale), decay = v16_set1(c->decay), lr = v16_set1(c->lr);
    const v16 correction1 = v16_set1(c->inv_correction1);
    const v16 correction2 = v16_set1(c->inv_correction2);
    const bool cautious = c->cautious;
    EACH_16(i, n, {
        v16 gs = v16_mul(get(g + i, lanes), scale);
        v16 mi = get(m + i, lanes), vi = get(v + i, lanes);
        mi = v16_fma(rest1, v16_sub(gs, mi), mi);
        vi = v16_fma(rest2, v16_sub(v16_mul(gs, gs), vi), vi);
        v16 step = v16_mul(lr, v16_mul(mi, correction1));
        v16 root = v16_add(v16_sqrt(v16_mul(vi, correction2)), eps);
        v16 decayed = decayed16(get(p + i, lanes), mi, decay, cautious);
        put(m + i, lanes, mi);
        put(v + i, lanes, vi);
        put(p + i, lanes, v16_sub(decayed, v16_div(step, root)));
    });
}

void ISA(adam_lazy_f32)(int64_t n, const lm_adam_coefficients *c, const float *g, float *v,
                        float *p) {
    const v16 rest2 = v16_set1(c->rest2), eps = v16_set1(c->eps), zero = v16_zero();
    const v16 scale = v16_set1(c->grad_scale), decay = v16_set1(c->decay), lr = v16_set1(c->lr);
    const v16 correction2 = v16_set1(c->inv_correction2);
    const bool cautious = c->cautious;
    EACH_16(i, n, {
        v16 gi = get(g + i, lanes), gs = v16_mul(gi, scale);
        v16 old = get(v + i, lanes), at = get(p + i, lanes);
        v16 vi = v16_fma(rest2, v16_sub(v16_mul(gs, gs), old), old);
        v16 root = v16_add(v16_sqrt(v16_mul(vi, correction2)), eps);
        v16 decayed = decayed16(at, gs, decay, cautious);
        v16 moved = v16_sub(decayed, v16_div(v16_mul(lr, gs), root));
        put(v + i, lanes, v16_if_gt(gi, zero, vi, v16_if_gt(zero, gi, vi, old)));
        put(p + i, lanes, v16_if_gt(gi, zero, moved, v16_if_gt(zero, gi, moved, at)));
    });
}

void ISA(ademamix_f32)(int64_t n, const lm_adam_coefficients *c, const float *g, float *m, float *s,
                       float *v, float *p) {
    const v16 rest1 = v16_set1(c->rest1), rest2 = v16_set1(c->rest2), eps = v16_set1(c->eps);
    const v16 rest3 = v16_set1(c->rest3), alpha = v16_set1(c->alpha);
    const v16 scale = v16_set1(c->grad_scale), decay = v16_set1(c->decay), lr = v16_set1(c->lr);
    const v16 correction1 = v16_set1(c->inv_correction1);
    const v16 correction2 = v16_set1(c->inv_correction2);
    const bool cautious = c->cautious;
    EACH_16(i, n, {
        v16 gs = v16_mul(get(g + i, lanes), scale);
        v16 mi = get(m + i, lanes), si = get(s + i, lanes), vi = get(v + i, lanes);
        mi = v16_fma(rest1, v16_sub(gs, mi), mi);
        si = v16_fma(rest3, v16_sub(gs, si), si);
        vi = v16_fma(rest2, v16_sub(v16_mul(gs, gs), vi), vi);
        v16 u = v16_fma(alpha, si, v16_mul(mi, correction1));
        v16 root = v16_add(v16_sqrt(v16_mul(vi, correction2)), eps);
        v16 decayed = decayed16(get(p + i, lanes), u, decay, cautious);
        put(m + i, lanes, mi);
        put(s + i, lanes, si);
        put(v + i, lanes, vi);
        put(p + i, lanes, v16_sub(decayed, v16_div(v16_mul(lr, u), root)));
    });
}

void ISA(schedule_free_f32)(int64_t n, const lm_adam_coefficients *c, const float *g, float *z,
                            float *v, float *p) {
    const v16 rest2 = v16_set1(c->rest2), eps = v16_set1(c->eps), lr = v16_set1(c->lr);
    const v16 scale = v16_set1(c->grad_scale), decay = v16_set1(c->decay);
    const v16 correction2 = v16_set1(c->inv_correction2), none = v16_zero();
    const v16 average = v16_set1(c->average_share), y = v16_set1(c->y_share);
    const bool cautious = c->cautious;
    EACH_16(i, n, {
        v16 gs = v16_mul(get(g + i, lanes), scale);
        v16 zi = get(z + i, lanes), vi = get(v + i, lanes), pi = get(p + i, lanes);
        vi = v16_fma(rest2, v16_sub(v16_mul(gs, gs), vi), vi);
        v16 shrink = cautious ? v16_if_gt(v16_mul(gs, pi), none, decay, none) : decay;
        v16 root = v16_add(v16_sqrt(v16_mul(vi, correction2)), eps);
        v16 d = v16_fma(shrink, pi, v16_div(v16_mul(lr, gs), root));
        put(v + i, lanes, vi);
        put(p + i, lanes, v16_fnma(y, d, v16_fma(average, v16_sub(zi, pi), pi)));
        put(z + i, lanes, v16_sub(zi, d));
    });
}

void ISA(lion_f32)(int64_t n, const lm_adam_coefficients *c, const float *g, float *m, float *p) {
    const v16 rest1 = v16_set1(c->rest1), rest2 = v16_set1(c->rest2), lr = v16_set1(c->lr);
    const v16 scale = v16_set1(c->grad_scale), decay = v16_set1(c->decay);
    const bool cautious = c->cautious;
    EACH_16(i, n, {
        v16 mi = get(m + i, lanes);
        v16 change = v16_sub(v16_mul(get(g + i, lanes), scale), mi);
        v16 u = sign16(v16_fma(rest1, change, mi));
        put(p + i, lanes, v16_fnma(lr, u, decayed16(get(p + i, lanes), u, decay, cautious)));
        put(m + i, lanes, v16_fma(rest2, change, mi));
    });
}

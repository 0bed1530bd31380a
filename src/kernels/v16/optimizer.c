#include "kernels/v16/v16.h"

static inline v16 decayed16(v16 p, v16 decay) {
    return v16_fnma(decay, p, p);
}

void ISA(sgd_f32)(int64_t n, float lr, float decay, float grad_scale, const float *g, float *p) {
    v16 rate = v16_set1(lr), shrink = v16_set1(decay), scale = v16_set1(grad_scale);
    EACH_16(i, n, {
        v16 gs = v16_mul(get(g + i, lanes), scale);
        put(p + i, lanes, v16_fnma(rate, gs, decayed16(get(p + i, lanes), shrink)));
    });
}

void ISA(momentum_f32)(int64_t n, float lr, float momentum, float decay, float grad_scale,
                       const float *g, float *b, float *p) {
    v16 rate = v16_set1(lr), shrink = v16_set1(decay), scale = v16_set1(grad_scale);
    v16 keep = v16_set1(momentum);
    EACH_16(i, n, {
        v16 bi = v16_fma(keep, get(b + i, lanes), v16_mul(get(g + i, lanes), scale));
        put(b + i, lanes, bi);
        put(p + i, lanes, v16_fnma(rate, bi, decayed16(get(p + i, lanes), shrink)));
    });
}

void ISA(adam_f32)(int64_t n, const lm_adam_coefficients *c, const float *g, float *m, float *v,
                   float *p) {
    v16 rest1 = v16_set1(c->rest1), rest2 = v16_set1(c->rest2);
    v16 scale = v16_set1(c->grad_scale), decay = v16_set1(c->decay), lr = v16_set1(c->lr);
    v16 correction1 = v16_set1(c->inv_correction1), correction2 = v16_set1(c->inv_correction2);
    v16 eps = v16_set1(c->eps);
    EACH_16(i, n, {
        v16 gs = v16_mul(get(g + i, lanes), scale);
        v16 mi = get(m + i, lanes), vi = get(v + i, lanes);
        mi = v16_fma(rest1, v16_sub(gs, mi), mi);
        vi = v16_fma(rest2, v16_sub(v16_mul(gs, gs), vi), vi);
        v16 step = v16_mul(lr, v16_mul(mi, correction1));
        v16 root = v16_add(v16_sqrt(v16_mul(vi, correction2)), eps);
        put(m + i, lanes, mi);
        put(v + i, lanes, vi);
        put(p + i, lanes, v16_sub(decayed16(get(p + i, lanes), decay), v16_div(step, root)));
    });
}

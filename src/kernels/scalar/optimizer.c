#include "kernels/scalar/scalar.h"

#include "kernels/scalar/reduce.h"

void lm_scalar_sgd_f32(int64_t n, float lr, float decay, float grad_scale, const float *g,
                       float *p) {
    for (int64_t i = 0; i < n; i++) {
        float decayed = fma1(-decay, p[i], p[i]);
        p[i] = fma1(-lr, g[i] * grad_scale, decayed);
    }
}

void lm_scalar_momentum_f32(int64_t n, float lr, float momentum, float decay, float grad_scale,
                            const float *g, float *b, float *p) {
    for (int64_t i = 0; i < n; i++) {
        float decayed = fma1(-decay, p[i], p[i]);
        b[i] = fma1(momentum, b[i], g[i] * grad_scale);
        p[i] = fma1(-lr, b[i], decayed);
    }
}

void lm_scalar_adam_f32(int64_t n, const lm_adam_coefficients *c, const float *g, float *m,
                        float *v, float *p) {
    for (int64_t i = 0; i < n; i++) {
        float gs = g[i] * c->grad_scale;
        m[i] = fma1(c->rest1, gs - m[i], m[i]);
        v[i] = fma1(c->rest2, gs * gs - v[i], v[i]);
        float decayed = fma1(-c->decay, p[i], p[i]);
        float step = c->lr * (m[i] * c->inv_correction1);
        p[i] = decayed - step / (sqrtf(v[i] * c->inv_correction2) + c->eps);
    }
}

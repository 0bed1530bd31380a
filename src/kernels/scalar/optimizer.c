#include "kernels/scalar/scalar.h"

#include "kernels/scalar/reduce.h"

/* The weight after its decay; u: where the update moves it, but for the sign. */
static float decayed1(float p, float u, float decay, bool cautious) {
    float shrink = cautious && !(u * p > 0) ? 0 : decay;
    return fma1(-shrink, p, p);
}

static float sign1(float x) {
    return x > 0 ? 1.0f : 0 > x ? -1.0f : 0.0f;
}

void lm_scalar_sgd_f32(int64_t n, const lm_sgd_coefficients *c, const float *g, float *p) {
    for (int64_t i = 0; i < n; i++) {
        float u = g[i] * c->grad_scale;
        p[i] = fma1(-c->lr, u, decayed1(p[i], u, c->decay, c->cautious));
    }
}

void lm_scalar_momentum_f32(int64_t n, const lm_sgd_coefficients *c, const float *g, float *b,
                            float *p) {
    for (int64_t i = 0; i < n; i++) {
        float gs = g[i] * c->grad_scale;
        b[i] = fma1(c->momentum, b[i], gs);
        float u = c->nesterov ? fma1(c->momentum, b[i], gs) : b[i];
        p[i] = fma1(-c->lr, u, decayed1(p[i], u, c->decay, c->cautious));
    }
}

void lm_scalar_mean_momentum_f32(int64_t n, float momentum, float rest, float grad_scale,
                                 const float *g, float *m, float *u) {
    for (int64_t i = 0; i < n; i++) {
        float gs = g[i] * grad_scale;
        m[i] = fma1(rest, gs - m[i], m[i]);
        u[i] = fma1(momentum, m[i] - gs, gs);
    }
}

void lm_scalar_adam_f32(int64_t n, const lm_adam_coefficients *c, const float *g, float *m,
                        float *v, float *p) {
    for (int64_t i = 0; i < n; i++) {
        float gs = g[i] * c->grad_scale;
        m[i] = fma1(c->rest1, gs - m[i], m[i]);
        v[i] = fma1(c->rest2, gs * gs - v[i], v[i]);
        float decayed = decayed1(p[i], m[i], c->decay, c->cautious);
        float step = c->lr * (m[i] * c->inv_correction1);
        p[i] = decayed - step / (sqrtf(v[i] * c->inv_correction2) + c->eps);
    }
}

void lm_scalar_adam_lazy_f32(int64_t n, const lm_adam_coefficients *c, const float *g, float *v,
                             float *p) {
    for (int64_t i = 0; i < n; i++) {
        float gs = g[i] * c->grad_scale;
        if (!(g[i] > 0) && !(0 > g[i])) continue;
        v[i] = fma1(c->rest2, gs * gs - v[i], v[i]);
        float decayed = decayed1(p[i], gs, c->decay, c->cautious);
        p[i] = decayed - c->lr * gs / (sqrtf(v[i] * c->inv_correction2) + c->eps);
    }
}

void lm_scalar_ademamix_f32(int64_t n, const lm_adam_coefficients *c, const float *g, float *m,
                            float *s, float *v, float *p) {
    for (int64_t i = 0; i < n; i++) {
        float gs = g[i] * c->grad_scale;
        m[i] = fma1(c->rest1, gs - m[i], m[i]);
        s[i] = fma1(c->rest3, gs - s[i], s[i]);
        v[i] = fma1(c->rest2, gs * gs - v[i], v[i]);
        float u = fma1(c->alpha, s[i], m[i] * c->inv_correction1);
        float decayed = decayed1(p[i], u, c->decay, c->cautious);
        p[i] = decayed - c->lr * u / (sqrtf(v[i] * c->inv_correction2) + c->eps);
    }
}

void lm_scalar_schedule_free_f32(int64_t n, const lm_adam_coefficients *c, const float *g, float *z,
                                 float *v, float *p) {
    for (int64_t i = 0; i < n; i++) {
        float gs = g[i] * c->grad_scale;
        v[i] = fma1(c->rest2, gs * gs - v[i], v[i]);
        float shrink = c->cautious && !(gs * p[i] > 0) ? 0 : c->decay;
        float step = c->lr * gs / (sqrtf(v[i] * c->inv_correction2) + c->eps);
        float d = fma1(shrink, p[i], step);
        p[i] = fma1(-c->y_share, d, fma1(c->average_share, z[i] - p[i], p[i]));
        z[i] = z[i] - d;
    }
}

void lm_scalar_lion_f32(int64_t n, const lm_adam_coefficients *c, const float *g, float *m,
                        float *p) {
    for (int64_t i = 0; i < n; i++) {
        float change = g[i] * c->grad_scale - m[i];
        float u = sign1(fma1(c->rest1, change, m[i]));
        p[i] = fma1(-c->lr, u, decayed1(p[i], u, c->decay, c->cautious));
        m[i] = fma1(c->rest2, change, m[i]);
    }
}

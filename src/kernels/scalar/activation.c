#include "kernels/scalar/scalar.h"

#include "kernels/scalar/functions.h"

void lm_scalar_gelu_tanh_forward_f32(int64_t n, const float *x, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = gelu_tanh1(x[i]);
}

void lm_scalar_gelu_tanh_backward_f32(int64_t n, const float *x, const float *dy, float *dx,
                                      float *y) {
    for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * gelu_tanh_slope1(x[i]);
    lm_scalar_gelu_tanh_forward_f32(n, x, y);
}

void lm_scalar_gelu_erf_forward_f32(int64_t n, const float *x, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = x[i] * normal1(x[i]).cdf;
}

void lm_scalar_gelu_erf_backward_f32(int64_t n, const float *x, const float *dy, float *dx,
                                     float *y) {
    for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * gelu_erf_slope1(x[i]);
    lm_scalar_gelu_erf_forward_f32(n, x, y);
}

void lm_scalar_swiglu_forward_f32(int64_t n, const float *gate, const float *up, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = (gate[i] * sigmoid1(gate[i])) * up[i];
}

void lm_scalar_swiglu_backward_f32(int64_t n, const float *gate, const float *up, const float *dy,
                                   float *dgate, float *dup, float *y) {
    lm_scalar_swiglu_forward_f32(n, gate, up, y);
    for (int64_t i = 0; i < n; i++) {
        silu z = silu1(gate[i]);
        float d = dy[i]; /* dgate may be dy, dup may be up */
        dgate[i] = (d * up[i]) * z.slope;
        dup[i] = d * z.value;
    }
}

/* A NaN stays one; adding 0 makes +0 of all zeros and denormals (reduce.h, max1). */
static float relu1(float x) {
    return (x < 0.0f ? 0.0f : x) + 0.0f;
}

void lm_scalar_relu2_forward_f32(int64_t n, const float *x, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = relu1(x[i]) * relu1(x[i]);
}

void lm_scalar_relu2_backward_f32(int64_t n, const float *x, const float *dy, float *dx, float *y) {
    for (int64_t i = 0; i < n; i++) dx[i] = dy[i] * (relu1(x[i]) + relu1(x[i]));
    lm_scalar_relu2_forward_f32(n, x, y);
}

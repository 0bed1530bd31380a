#include "kernels/scalar/scalar.h"

#include "kernels/scalar/reduce.h"

void lm_scalar_layernorm_forward_f32(int64_t rows, int64_t n, float eps, const float *x,
                                     const float *weight, const float *bias, float *y, float *mean,
                                     float *rstd) {
    for (int64_t i = 0; i < rows; i++, x += n, y += n) {
        float mu = sum16(n, x) / (float)n;
        float lane[16] = {0};
        for (int64_t j = 0; j < n; j++) {
            float d = x[j] - mu;
            lane[j & 15] = fma1(d, d, lane[j & 15]);
        }
        float var = sum16_tree(lane) / (float)n;
        float r = 1.0f / sqrtf(var + eps);
        for (int64_t j = 0; j < n; j++) {
            float xhat = (x[j] - mu) * r;
            y[j] = bias ? fma1(xhat, weight[j], bias[j]) : xhat * weight[j];
        }
        mean[i] = mu;
        rstd[i] = r;
    }
}

void lm_scalar_layernorm_backward_f32(int64_t rows, int64_t n, const float *x, const float *weight,
                                      const float *mean, const float *rstd, const float *dy,
                                      float *dx, float *dweight, float *dbias) {
    for (int64_t i = 0; i < rows; i++, x += n, dy += n, dx += n) {
        float mu = mean[i], r = rstd[i];
        float sum[16] = {0}, dot[16] = {0};
        for (int64_t j = 0; j < n; j++) {
            float xhat = (x[j] - mu) * r, g = dy[j] * weight[j];
            sum[j & 15] = sum[j & 15] + g;
            dot[j & 15] = fma1(g, xhat, dot[j & 15]);
        }
        float a = sum16_tree(sum) / (float)n, b = sum16_tree(dot) / (float)n;
        for (int64_t j = 0; j < n; j++) {
            float xhat = (x[j] - mu) * r, g = dy[j] * weight[j];
            dx[j] = fma1(r, fma1(-xhat, b, g - a), dx[j]);
            dweight[j] = fma1(dy[j], xhat, dweight[j]);
            if (dbias) dbias[j] = dbias[j] + dy[j];
        }
    }
}

void lm_scalar_rmsnorm_forward_f32(int64_t rows, int64_t n, float eps, const float *x,
                                   const float *weight, float *y, float *rstd) {
    for (int64_t i = 0; i < rows; i++, x += n, y += n) {
        float r = 1.0f / sqrtf(dot16(n, x, x) / (float)n + eps);
        for (int64_t j = 0; j < n; j++) y[j] = (x[j] * r) * weight[j];
        rstd[i] = r;
    }
}

void lm_scalar_rmsnorm_backward_f32(int64_t rows, int64_t n, const float *x, const float *weight,
                                    const float *rstd, const float *dy, float *dx, float *dweight) {
    for (int64_t i = 0; i < rows; i++, x += n, dy += n, dx += n) {
        float r = rstd[i];
        float dot[16] = {0};
        for (int64_t j = 0; j < n; j++)
            dot[j & 15] = fma1(dy[j] * weight[j], x[j] * r, dot[j & 15]);
        float b = sum16_tree(dot) / (float)n;
        for (int64_t j = 0; j < n; j++) {
            float xhat = x[j] * r, g = dy[j] * weight[j];
            dx[j] = fma1(r, fma1(-xhat, b, g), dx[j]);
            dweight[j] = fma1(dy[j], xhat, dweight[j]);
        }
    }
}

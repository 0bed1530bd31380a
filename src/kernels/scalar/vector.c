#include "kernels/scalar/scalar.h"

#include "kernels/scalar/reduce.h"

void lm_scalar_add_f32(int64_t n, const float *x, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = y[i] + x[i];
}

void lm_scalar_mul_f32(int64_t n, const float *x, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = y[i] * x[i];
}

void lm_scalar_scale_f32(int64_t n, float a, float *x) {
    for (int64_t i = 0; i < n; i++) x[i] = x[i] * a;
}

void lm_scalar_add_scaled_f32(int64_t n, float a, const float *x, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = fma1(a, x[i], y[i]);
}

void lm_scalar_lerp_f32(int64_t n, float a, const float *x, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = fma1(a, x[i] - y[i], y[i]);
}

float lm_scalar_dot_f32(int64_t n, const float *x, const float *y) {
    return dot16(n, x, y);
}

float lm_scalar_sum_squares_f32(int64_t n, const float *x) {
    return dot16(n, x, x);
}

void lm_scalar_dot_rows_bf16(int64_t rows, int64_t n, const lm_bf16 *x, int64_t x_row,
                             const lm_bf16 *y, int64_t y_row, float *out) {
    for (int64_t i = 0; i < rows; i++, x += x_row, y += y_row) {
        float lane[16] = {0};
        for (int64_t j = 0; j < n; j++)
            lane[j & 15] = fma1(lm_bf16_to_f32(x[j]), lm_bf16_to_f32(y[j]), lane[j & 15]);
        out[i] = sum16_tree(lane);
    }
}

void lm_scalar_sum_rows_f32(int64_t rows, int64_t n, const float *x, int64_t x_row, float *out) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++) out[j] = out[j] + x[i * x_row + j];
}

void lm_scalar_sum_rows_bf16(int64_t rows, int64_t n, const lm_bf16 *x, int64_t x_row, float *out) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++) out[j] = out[j] + lm_bf16_to_f32(x[i * x_row + j]);
}

void lm_scalar_scale_rows_f32(int64_t rows, int64_t n, const float *a, float *x, int64_t x_row) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++) x[i * x_row + j] = x[i * x_row + j] * a[i];
}

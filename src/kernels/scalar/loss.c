#include "kernels/scalar/scalar.h"

#include "kernels/scalar/functions.h"

void lm_scalar_column_max_f32(int64_t rows, int64_t n, const float *x, int64_t x_row, float *m) {
    for (int64_t i = 0; i < rows; i++, x += x_row)
        for (int64_t j = 0; j < n; j++) m[j] = max1(m[j], x[j]) + 0.0f;
}

void lm_scalar_column_exp_f32(int64_t rows, int64_t n, const float *x, int64_t x_row,
                              const float *m, float *y, int64_t y_row, float *l) {
    for (int64_t i = 0; i < rows; i++, x += x_row, y += y_row) {
        for (int64_t j = 0; j < n; j++) {
            y[j] = exp1(x[j] - m[j]);
            l[j] = l[j] + y[j];
        }
    }
}

void lm_scalar_column_add_exp_f32(int64_t rows, int64_t n, const float *x, int64_t x_row,
                                  const float *m, float *l) {
    for (int64_t i = 0; i < rows; i++, x += x_row)
        for (int64_t j = 0; j < n; j++) l[j] = l[j] + exp1(x[j] - m[j]);
}

void lm_scalar_column_gradient_f32(int64_t rows, int64_t n, float *x, int64_t x_row, const float *m,
                                   const float *a, float b, float inv_cap) {
    for (int64_t i = 0; i < rows; i++, x += x_row) {
        for (int64_t j = 0; j < n; j++) {
            float t = x[j] * inv_cap;
            x[j] = fma1(exp1(x[j] - m[j]), a[j], -b) * fma1(-t, t, 1.0f);
        }
    }
}

#include "base/numbers.h"
#include "kernels/scalar/scalar.h"

void lm_scalar_pack_bf16_from_f32_columns(int64_t begin, int64_t end, int64_t count, int64_t width,
                                          int64_t k, const float *x, int64_t x_row, int64_t x_col,
                                          lm_bf16_pair *out) {
    for (int64_t kk = 0; kk < k; kk += 2, out += width)
        for (int64_t i = begin; i < end; i++) {
            const float *xi = x + i * x_row + kk * x_col;
            out[i] = i >= count ? 0 : lm_bf16_pair_from_f32(xi[0], kk + 1 < k ? xi[x_col] : 0.0f);
        }
}

void lm_scalar_pack_bf16_from_bf16_columns(int64_t begin, int64_t end, int64_t count, int64_t width,
                                           int64_t k, const lm_bf16 *x, int64_t x_row,
                                           int64_t x_col, lm_bf16_pair *out) {
    for (int64_t kk = 0; kk < k; kk += 2, out += width)
        for (int64_t i = begin; i < end; i++) {
            const lm_bf16 *xi = x + i * x_row + kk * x_col;
            lm_bf16_pair second = i < count && kk + 1 < k ? xi[x_col] : 0;
            out[i] = i >= count ? 0 : second << 16 | xi[0];
        }
}

void lm_scalar_pack_bf16_from_f32(int64_t count, int64_t width, int64_t k, const float *x,
                                  int64_t x_row, int64_t x_col, lm_bf16_pair *out) {
    lm_scalar_pack_bf16_from_f32_columns(0, width, count, width, k, x, x_row, x_col, out);
}

void lm_scalar_pack_bf16_from_bf16(int64_t count, int64_t width, int64_t k, const lm_bf16 *x,
                                   int64_t x_row, int64_t x_col, lm_bf16_pair *out) {
    lm_scalar_pack_bf16_from_bf16_columns(0, width, count, width, k, x, x_row, x_col, out);
}

void lm_scalar_pack_wide_from_f32(int64_t count, int64_t width, int64_t k, const float *x,
                                  int64_t x_row, int64_t x_col, float *out) {
    for (int64_t p = 0; p < lm_round_up(k, 2); p++)
        for (int64_t i = 0; i < width; i++) {
            int64_t kk = p ^ 1;
            float wanted = i < count && kk < k ? x[i * x_row + kk * x_col] : 0.0f;
            out[p * width + i] = lm_bf16_to_f32(lm_bf16_from_f32(wanted));
        }
}

void lm_scalar_pack_wide_from_bf16(int64_t count, int64_t width, int64_t k, const lm_bf16 *x,
                                   int64_t x_row, int64_t x_col, float *out) {
    for (int64_t p = 0; p < lm_round_up(k, 2); p++)
        for (int64_t i = 0; i < width; i++) {
            int64_t kk = p ^ 1;
            out[p * width + i] =
                i < count && kk < k ? lm_bf16_to_f32(x[i * x_row + kk * x_col]) : 0.0f;
        }
}

void lm_scalar_wide_from_f32(int64_t rows, int64_t n, const float *x, int64_t x_row, float *y,
                             int64_t y_row) {
    for (int64_t i = 0; i < rows; i++)
        lm_scalar_pack_wide_from_f32(1, 1, n, x + i * x_row, 1, 1, y + i * y_row);
}

void lm_scalar_wide_from_bf16(int64_t rows, int64_t n, const lm_bf16 *x, int64_t x_row, float *y,
                              int64_t y_row) {
    for (int64_t i = 0; i < rows; i++)
        lm_scalar_pack_wide_from_bf16(1, 1, n, x + i * x_row, 1, 1, y + i * y_row);
}

void lm_scalar_bf16_from_f32(int64_t rows, int64_t n, const float *x, int64_t x_row, lm_bf16 *y,
                             int64_t y_row) {
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < n; j++) y[i * y_row + j] = lm_bf16_from_f32(x[i * x_row + j]);
}

void lm_scalar_f32_from_bf16(int64_t n, const lm_bf16 *x, float *y) {
    for (int64_t i = 0; i < n; i++) y[i] = lm_bf16_to_f32(x[i]);
}

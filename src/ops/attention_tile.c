#include "ops/attention_tile.h"

#include <math.h>
#include <string.h>

float lm_attention_scale(int64_t head_size) {
    return 1.0f / sqrtf((float)head_size);
}

enum { STRIP = 12 };
static int64_t strip_rows(int64_t rows, bool diagonal) {
    return diagonal && rows > STRIP ? STRIP : rows;
}

void lm_attention_multiply_scores(const lm_kernels *kernels, int64_t rows, int64_t cols, int64_t d,
                                  bool diagonal, const float *x, int64_t x_row, const float *yt,
                                  float *s) {
    int64_t strip = strip_rows(rows, diagonal);
    for (int64_t i = 0; i < rows; i += strip) {
        int64_t m = lm_attention_least(strip, rows - i);
        int64_t n = diagonal ? lm_attention_least((i + m + 15) / 16 * 16, cols) : cols;
        kernels->gemm_f32(m, n, d, x + i * x_row, x_row, 1, yt, TILE, NULL, 0, s + i * TILE, TILE);
    }
}

void lm_attention_multiply_rows(const lm_kernels *kernels, int64_t rows, int64_t cols, int64_t d,
                                bool diagonal, bool first, const float *p, const float *y, float *c,
                                int64_t c_row) {
    int64_t strip = strip_rows(rows, diagonal);
    for (int64_t i = 0; i < rows; i += strip) {
        int64_t m = lm_attention_least(strip, rows - i);
        int64_t k = diagonal ? lm_attention_least(i + m, cols) : cols;
        float *to = c + i * c_row;
        kernels->gemm_f32(m, d, k, p + i * TILE, TILE, 1, y, d, first ? NULL : to, c_row, to,
                          c_row);
    }
}

void lm_attention_multiply_columns(const lm_kernels *kernels, int64_t rows, int64_t cols, int64_t d,
                                   bool diagonal, bool first, const float *p, const float *y,
                                   float *c, int64_t c_row) {
    int64_t strip = strip_rows(cols, diagonal);
    for (int64_t j = 0; j < cols; j += strip) {
        int64_t m = lm_attention_least(strip, cols - j), from = diagonal ? j : 0;
        float *to = c + j * c_row;
        kernels->gemm_f32(m, d, rows - from, p + from * TILE + j, 1, TILE, y + from * d, d,
                          first ? NULL : to, c_row, to, c_row);
    }
}

float *lm_attention_take(float **scratch, int64_t floats) {
    float *piece = *scratch;
    *scratch += (floats + 15) / 16 * 16;
    return piece;
}

void lm_attention_copy_rows(int64_t rows, int64_t n, const float *x, int64_t x_row, float *out) {
    for (int64_t i = 0; i < rows; i++) memcpy(out + i * n, x + i * x_row, (size_t)n * sizeof *out);
}

size_t lm_attention_scratch_bytes(const lm_kernels *kernels, int64_t time, int64_t head_size) {
    (void)kernels;
    /* backward: delta [T]; s, dp, slope; kt, vt, k, q, dout. forward: m, l [T]; alpha; s; kt, v. */
    size_t t = lm_size_align((size_t)time * sizeof(float));
    size_t d = lm_size_align((size_t)(TILE * head_size) * sizeof(float));
    return 2 * t + 3 * TILE * TILE * sizeof(float) + 5 * d + LM_ALIGNMENT;
}

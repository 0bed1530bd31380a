#include "base/numbers.h"
#include "kernels/scalar/scalar.h"

#include "kernels/scalar/reduce.h"

void lm_scalar_gemm_f32(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row,
                        int64_t a_col, const float *b, int64_t b_row, const float *init,
                        int64_t init_row, float *c, int64_t c_row) {
    for (int64_t i = 0; i < m; i++) {
        float *ci = c + i * c_row;
        for (int64_t j = 0; j < n; j++) ci[j] = init ? init[i * init_row + j] : 0.0f;
        for (int64_t p = 0; p < k; p++) {
            float aip = a[i * a_row + p * a_col];
            const float *bp = b + p * b_row;
            for (int64_t j = 0; j < n; j++) ci[j] = fma1(aip, bp[j], ci[j]);
        }
    }
}

void lm_scalar_pack_f32(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_row,
                        int64_t x_col, float *out) {
    for (int64_t p = 0; p < k; p++) {
        for (int64_t i = 0; i < count; i++) out[p * width + i] = x[i * x_row + p * x_col];
        for (int64_t i = count; i < width; i++) out[p * width + i] = 0.0f;
    }
}

void lm_scalar_pack_lines_f32(int64_t panels, int64_t width, int64_t k, const float *x,
                              int64_t x_col, float *out, int64_t panel) {
    for (int64_t p = 0; p < panels; p++)
        lm_scalar_pack_f32(width, width, k, x + p * width, 1, x_col, out + p * panel);
}

static float first(lm_bf16_pair x) {
    return lm_bf16_to_f32((lm_bf16)(x & 0xffffu));
}
static float second(lm_bf16_pair x) {
    return lm_bf16_to_f32((lm_bf16)(x >> 16));
}

void lm_scalar_gemm_bf16(int64_t m, int64_t n, int64_t pairs, const lm_bf16_pair *a, int64_t a_row,
                         int64_t a_col, const lm_bf16_pair *b, int64_t b_row, const float *init,
                         int64_t init_row, float *c, int64_t c_row) {
    for (int64_t i = 0; i < m; i++) {
        float *ci = c + i * c_row;
        for (int64_t j = 0; j < n; j++) ci[j] = init ? init[i * init_row + j] : 0.0f;
        for (int64_t p = 0; p < pairs; p++) {
            lm_bf16_pair aip = a[i * a_row + p * a_col];
            const lm_bf16_pair *bp = b + p * b_row;
            for (int64_t j = 0; j < n; j++)
                ci[j] = fma1(first(aip), first(bp[j]), fma1(second(aip), second(bp[j]), ci[j]));
        }
    }
}

void lm_scalar_dots_f32(int64_t n, int64_t m, int64_t k, const float *x, int64_t x_row,
                        const float *w, int64_t w_row, const float *init, float *y, int64_t y_row) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < m; j++) {
            const float *xi = x + i * x_row, *wj = w + j * w_row;
            float lane[16] = {0};
            for (int64_t p = 0; p < lm_round_up(k, 16); p++)
                lane[p % 16] = fma1(p < k ? xi[p] : 0.0f, p < k ? wj[p] : 0.0f, lane[p % 16]);
            y[i * y_row + j] = (init ? init[j] : 0.0f) + sum16_tree(lane);
        }
}

/* Element p of a row, 0 beyond its k elements. */
static float element(const lm_bf16 *x, int64_t k, int64_t p) {
    return p < k ? lm_bf16_to_f32(x[p]) : 0.0f;
}

void lm_scalar_dots_bf16(int64_t n, int64_t m, int64_t k, const lm_bf16 *x, int64_t x_row,
                         const lm_bf16 *w, int64_t w_row, const float *init, float *y,
                         int64_t y_row) {
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < m; j++) {
            const lm_bf16 *xi = x + i * x_row, *wj = w + j * w_row;
            float lane[16] = {0};
            for (int64_t p = 0; p < lm_round_up(k, 32); p++) {
                float *sum = &lane[p / 2 % 16];
                int64_t at = p ^ 1; /* the second element of a pair comes first */
                *sum = fma1(element(xi, k, at), element(wj, k, at), *sum);
            }
            y[i * y_row + j] = (init ? init[j] : 0.0f) + sum16_tree(lane);
        }
}

/* Word q of row i of panels of `width` rows, `words` of each. */
static int64_t in_panels(int64_t width, int64_t words, int64_t i, int64_t q) {
    return (i / width * words + q) * width + i % width;
}

void lm_scalar_dots_panels_f32(int64_t n, int64_t m, int64_t links, int each, const float *x,
                               const float *w, const float *init, float *y, int64_t y_row) {
    const int64_t words = 16 * links * each;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < m; j++) {
            float lane[16] = {0};
            for (int64_t q = 0; q < words; q++) {
                float *sum = &lane[q / each % 16];
                *sum = fma1(x[in_panels(LM_DOTS_PANEL_ROWS, words, i, q)],
                            w[in_panels(16, words, j, q)], *sum);
            }
            y[i * y_row + j] = (init ? init[j] : 0.0f) + sum16_tree(lane);
        }
}

void lm_scalar_dots_panels_bf16(int64_t n, int64_t m, int64_t links, const lm_bf16_pair *x,
                                const lm_bf16_pair *w, const float *init, float *y, int64_t y_row) {
    const int64_t words = 16 * links;
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < m; j++) {
            float lane[16] = {0};
            for (int64_t q = 0; q < words; q++) {
                lm_bf16_pair a = x[in_panels(LM_DOTS_PANEL_ROWS, words, i, q)];
                lm_bf16_pair b = w[in_panels(16, words, j, q)];
                float *sum = &lane[q % 16];
                *sum = fma1(first(a), first(b), fma1(second(a), second(b), *sum));
            }
            y[i * y_row + j] = (init ? init[j] : 0.0f) + sum16_tree(lane);
        }
}

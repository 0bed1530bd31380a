#include "base/elementary.h"
#include "kernels/scalar/scalar.h"

#include "kernels/scalar/functions.h"

static int64_t valid_columns(int64_t first_valid, int64_t i, int64_t cols) {
    int64_t valid = first_valid + i;
    return valid < 0 ? 0 : valid > cols ? cols : valid;
}

void lm_scalar_attention_softmax_f32(int64_t rows, int64_t cols, int64_t first_valid, float scale,
                                     float *s, int64_t s_row, float *m, float *l, float *alpha) {
    for (int64_t i = 0; i < rows; i++, s += s_row) {
        int64_t valid = valid_columns(first_valid, i, cols);
        for (int64_t j = valid; j < cols; j++) s[j] = 0.0f;
        alpha[i] = 1.0f;
        if (valid == 0) continue;
        float max = max1(m[i], scale * max16(valid, s)) + 0.0f;
        alpha[i] = exp1(m[i] - max);
        for (int64_t j = 0; j < valid; j++) s[j] = exp1(fma1(s[j], scale, -max));
        l[i] = fma1(l[i], alpha[i], sum16(valid, s));
        m[i] = max;
    }
}

void lm_scalar_attention_finish_f32(int64_t rows, const float *m, float *l, float *lse) {
    for (int64_t i = 0; i < rows; i++) {
        lse[i] = (float)((double)m[i] + lm_log((double)l[i]));
        l[i] = 1.0f / l[i];
    }
}

void lm_scalar_attention_backward_f32(int64_t rows, int64_t cols, int64_t first_valid, float scale,
                                      float *s, int64_t s_row, float *dp, int64_t dp_row,
                                      const float *lse, const float *delta) {
    for (int64_t i = 0; i < rows; i++, s += s_row, dp += dp_row) {
        int64_t valid = valid_columns(first_valid, i, cols);
        for (int64_t j = 0; j < valid; j++) {
            float p = exp1(fma1(s[j], scale, -lse[i]));
            s[j] = p;
            dp[j] = (p * (dp[j] - delta[i])) * scale;
        }
        for (int64_t j = valid; j < cols; j++) s[j] = dp[j] = 0.0f;
    }
}

void lm_scalar_softcap_f32(int64_t n, float a, float cap, float *x, float *slope) {
    float steepest = a * cap;
    for (int64_t i = 0; i < n; i++) {
        float t = tanh1(a * x[i]);
        if (slope) slope[i] = steepest * fma1(-t, t, 1.0f);
        x[i] = cap * t;
    }
}

void lm_scalar_rope_f32(int64_t heads, int64_t row, int64_t size, const float *cos,
                        const float *sin, float *x) {
    int64_t half = size / 2;
    for (int64_t h = 0; h < heads; h++, x += row) {
        for (int64_t j = 0; j < half; j++) {
            float lo = x[j], hi = x[j + half];
            x[j] = fma1(lo, cos[j], -(hi * sin[j]));
            x[j + half] = fma1(hi, cos[j], lo * sin[j]);
        }
    }
}

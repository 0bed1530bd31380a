#include "kernels/scalar/reduce.h"
#include "kernels/v16/v16.h"

INLINE float row_sum(int64_t n, const float *x) {
    v16 sum = v16_zero();
    EACH_16(j, n, sum = first(lanes, v16_add(sum, get(x + j, lanes)), sum););
    return v16_sum(sum);
}

/* Sum of squares of x - mean, in lanes. */
INLINE float centred_squares(int64_t n, const float *x, v16 mean) {
    v16 sum = v16_zero();
    EACH_16(j, n, {
        v16 d = v16_sub(get(x + j, lanes), mean);
        sum = first(lanes, v16_fma(d, d, sum), sum);
    });
    return v16_sum(sum);
}

void ISA(layernorm_forward_f32)(int64_t rows, int64_t n, float eps, const float *x,
                                const float *weight, const float *bias, float *y, float *mean,
                                float *rstd) {
    for (int64_t i = 0; i < rows; i++, x += n, y += n) {
        mean[i] = row_sum(n, x) / (float)n;
        v16 mu = v16_set1(mean[i]);
        rstd[i] = 1.0f / sqrtf(centred_squares(n, x, mu) / (float)n + eps);
        v16 r = v16_set1(rstd[i]);
        EACH_16(j, n, {
            v16 xhat = v16_mul(v16_sub(get(x + j, lanes), mu), r), w = get(weight + j, lanes);
            put(y + j, lanes, bias ? v16_fma(xhat, w, get(bias + j, lanes)) : v16_mul(xhat, w));
        });
    }
}

void ISA(layernorm_backward_f32)(int64_t rows, int64_t n, const float *x, const float *weight,
                                 const float *mean, const float *rstd, const float *dy, float *dx,
                                 float *dweight, float *dbias) {
    for (int64_t i = 0; i < rows; i++, x += n, dy += n, dx += n) {
        v16 mu = v16_set1(mean[i]), r = v16_set1(rstd[i]);
        v16 sum = v16_zero(), dot = v16_zero();
        EACH_16(j, n, {
            v16 xhat = v16_mul(v16_sub(get(x + j, lanes), mu), r);
            v16 g = v16_mul(get(dy + j, lanes), get(weight + j, lanes));
            sum = first(lanes, v16_add(sum, g), sum);
            dot = first(lanes, v16_fma(g, xhat, dot), dot);
        });
        v16 a = v16_set1(v16_sum(sum) / (float)n), b = v16_set1(v16_sum(dot) / (float)n);
        EACH_16(j, n, {
            v16 xhat = v16_mul(v16_sub(get(x + j, lanes), mu), r), d = get(dy + j, lanes);
            v16 g = v16_mul(d, get(weight + j, lanes));
            v16 bracket = v16_fnma(xhat, b, v16_sub(g, a));
            put(dx + j, lanes, v16_fma(r, bracket, get(dx + j, lanes)));
            put(dweight + j, lanes, v16_fma(d, xhat, get(dweight + j, lanes)));
            if (dbias) put(dbias + j, lanes, v16_add(get(dbias + j, lanes), d));
        });
    }
}

void ISA(rmsnorm_forward_f32)(int64_t rows, int64_t n, float eps, const float *x,
                              const float *weight, float *y, float *rstd) {
    for (int64_t i = 0; i < rows; i++, x += n, y += n) {
        rstd[i] = 1.0f / sqrtf(ISA(sum_squares_f32)(n, x) / (float)n + eps);
        v16 r = v16_set1(rstd[i]);
        EACH_16(j, n,
                put(y + j, lanes, v16_mul(v16_mul(get(x + j, lanes), r), get(weight + j, lanes))););
    }
}

void ISA(rmsnorm_backward_f32)(int64_t rows, int64_t n, const float *x, const float *weight,
                               const float *rstd, const float *dy, float *dx, float *dweight) {
    for (int64_t i = 0; i < rows; i++, x += n, dy += n, dx += n) {
        v16 r = v16_set1(rstd[i]), dot = v16_zero();
        EACH_16(j, n, {
            v16 g = v16_mul(get(dy + j, lanes), get(weight + j, lanes));
            dot = first(lanes, v16_fma(g, v16_mul(get(x + j, lanes), r), dot), dot);
        });
        v16 b = v16_set1(v16_sum(dot) / (float)n);
        EACH_16(j, n, {
            v16 xhat = v16_mul(get(x + j, lanes), r), d = get(dy + j, lanes);
            v16 bracket = v16_fnma(xhat, b, v16_mul(d, get(weight + j, lanes)));
            put(dx + j, lanes, v16_fma(r, bracket, get(dx + j, lanes)));
            put(dweight + j, lanes, v16_fma(d, xhat, get(dweight + j, lanes)));
        });
    }
}

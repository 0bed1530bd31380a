#include <stdbool.h>

#include "base/numbers.h"
#include "kernels/v16/v16.h"

void ISA(add_f32)(int64_t n, const float *x, float *y) {
    EACH_16(i, n, put(y + i, lanes, v16_add(get(y + i, lanes), get(x + i, lanes))););
}

void ISA(mul_f32)(int64_t n, const float *x, float *y) {
    EACH_16(i, n, put(y + i, lanes, v16_mul(get(y + i, lanes), get(x + i, lanes))););
}

void ISA(add_scaled_f32)(int64_t n, float a, const float *x, float *y) {
    const v16 factor = v16_set1(a);
    EACH_16(i, n, put(y + i, lanes, v16_fma(factor, get(x + i, lanes), get(y + i, lanes))););
}

void ISA(lerp_f32)(int64_t n, float a, const float *x, float *y) {
    const v16 share = v16_set1(a);
    EACH_16(i, n, {
        v16 old = get(y + i, lanes);
        put(y + i, lanes, v16_fma(share, v16_sub(get(x + i, lanes), old), old));
    });
}

INLINE void scale_row(int64_t n, float a, float *x) {
    v16 factor = v16_set1(a);
    EACH_16(i, n, put(x + i, lanes, v16_mul(get(x + i, lanes), factor)););
}

void ISA(scale_f32)(int64_t n, float a, float *x) {
    scale_row(n, a, x);
}

void ISA(scale_rows_f32)(int64_t rows, int64_t n, const float *a, float *x, int64_t x_row) {
    for (int64_t i = 0; i < rows; i++) scale_row(n, a[i], x + i * x_row);
}

/* ---- sums over a row ------------------------------------------------------------------------- */
/* The lanes of dot16(x, y). */
INLINE v16 dot_lanes(bool bf16, int64_t n, const void *x, const void *y) {
    v16 sum = v16_zero();
    EACH_16(i, n, {
        v16 xi = get_either(bf16, x, i, lanes), yi = get_either(bf16, y, i, lanes);
        sum = first(lanes, v16_fma(xi, yi, sum), sum);
    });
    return sum;
}

float ISA(dot_f32)(int64_t n, const float *x, const float *y) {
    return v16_sum(dot_lanes(false, n, x, y));
}

float ISA(sum_squares_f32)(int64_t n, const float *x) {
    return v16_sum(dot_lanes(false, n, x, x));
}

/* Sixteen rows at a time, whose lanes fold together. */
void ISA(dot_rows_bf16)(int64_t rows, int64_t n, const lm_bf16 *x, int64_t x_row, const lm_bf16 *y,
                        int64_t y_row, float *out) {
    for (int64_t i = 0; i < rows; i += 16) {
        v16 sums[16];
        int64_t count = lm_min(rows - i, 16);
        for (int64_t r = 0; r < count; r++, x += x_row, y += y_row)
            sums[r] = dot_lanes(true, n, x, y);
        for (int64_t r = count; r < 16; r++) sums[r] = v16_zero();
        put(out + i, count, v16_sum_rows(sums));
    }
}

/* ---- sums over columns ----------------------------------------------------------------------- */
/* Sixty-four columns at a time, so that four chains run at once. */
INLINE void sum_rows(bool bf16, int64_t rows, int64_t n, const void *x, int64_t x_row, float *out) {
    int64_t j = 0;
    for (; j + 64 <= n; j += 64) {
        v16 s0 = v16_load(out + j), s1 = v16_load(out + j + 16);
        v16 s2 = v16_load(out + j + 32), s3 = v16_load(out + j + 48);
        int64_t from = j;
        for (int64_t i = 0; i < rows; i++, from += x_row) {
            s0 = v16_add(s0, get_either(bf16, x, from, 16));
            s1 = v16_add(s1, get_either(bf16, x, from + 16, 16));
            s2 = v16_add(s2, get_either(bf16, x, from + 32, 16));
            s3 = v16_add(s3, get_either(bf16, x, from + 48, 16));
        }
        v16_store(out + j, s0);
        v16_store(out + j + 16, s1);
        v16_store(out + j + 32, s2);
        v16_store(out + j + 48, s3);
    }
    int64_t rest = n - j;
    EACH_16(t, rest, {
        v16 s = get(out + j + t, lanes);
        for (int64_t i = 0; i < rows; i++)
            s = v16_add(s, get_either(bf16, x, i * x_row + j + t, lanes));
        put(out + j + t, lanes, s);
    });
}

void ISA(sum_rows_f32)(int64_t rows, int64_t n, const float *x, int64_t x_row, float *out) {
    sum_rows(false, rows, n, x, x_row, out);
}

void ISA(sum_rows_bf16)(int64_t rows, int64_t n, const lm_bf16 *x, int64_t x_row, float *out) {
    sum_rows(true, rows, n, x, x_row, out);
}

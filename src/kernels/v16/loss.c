#include "kernels/v16/functions.h"

/* Four vectors of columns at once, so that each row is whole lines; a maximum may be made +0 once,
 * at the end. */
void ISA(column_max_f32)(int64_t rows, int64_t n, const float *x, int64_t x_row, float *m) {
    if (rows == 0) return;
    for (; n >= 64; n -= 64, x += 64, m += 64) {
        v16 m0 = v16_load(m), m1 = v16_load(m + 16), m2 = v16_load(m + 32), m3 = v16_load(m + 48);
        const float *row = x;
        for (int64_t i = 0; i < rows; i++, row += x_row) {
            m0 = v16_max(m0, v16_load(row));
            m1 = v16_max(m1, v16_load(row + 16));
            m2 = v16_max(m2, v16_load(row + 32));
            m3 = v16_max(m3, v16_load(row + 48));
        }
        v16_store(m, v16_add(m0, v16_zero()));
        v16_store(m + 16, v16_add(m1, v16_zero()));
        v16_store(m + 32, v16_add(m2, v16_zero()));
        v16_store(m + 48, v16_add(m3, v16_zero()));
    }
    EACH_16(j, n, {
        v16 max = get(m + j, lanes);
        for (int64_t i = 0; i < rows; i++) max = v16_max(max, get(x + i * x_row + j, lanes));
        put(m + j, lanes, v16_add(max, v16_zero()));
    });
}

/* l_j += exp(x_j - m_j) for one row; what was added goes to y_j too, unless y is NULL. */
INLINE void add_exp(int64_t n, const float *x, const float *m, float *y, float *l) {
    EACH_16(j, n, {
        v16 p = exp16(v16_sub(get(x + j, lanes), get(m + j, lanes)));
        if (y) put(y + j, lanes, p);
        put(l + j, lanes, v16_add(get(l + j, lanes), p));
    });
}

void ISA(column_exp_f32)(int64_t rows, int64_t n, const float *x, int64_t x_row, const float *m,
                         float *y, int64_t y_row, float *l) {
    for (int64_t i = 0; i < rows; i++, x += x_row, y += y_row) add_exp(n, x, m, y, l);
}

void ISA(column_add_exp_f32)(int64_t rows, int64_t n, const float *x, int64_t x_row, const float *m,
                             float *l) {
    for (int64_t i = 0; i < rows; i++, x += x_row) add_exp(n, x, m, NULL, l);
}

void ISA(column_gradient_f32)(int64_t rows, int64_t n, float *x, int64_t x_row, const float *m,
                              const float *a, float b, float inv_cap) {
    v16 minus_b = v16_set1(-b), inv = v16_set1(inv_cap), one = v16_set1(1.0f);
    for (int64_t i = 0; i < rows; i++, x += x_row)
        EACH_16(j, n, {
            v16 xj = get(x + j, lanes), t = v16_mul(xj, inv);
            v16 d = v16_fma(exp16(v16_sub(xj, get(m + j, lanes))), get(a + j, lanes), minus_b);
            put(x + j, lanes, v16_mul(d, v16_fnma(t, t, one)));
        });
}

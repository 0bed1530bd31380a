#include "kernels/v16/v16.h"

/* One of each array after the other, count a constant. */
INLINE void stream(int64_t n, const float *x, int count, float *const *y) {
    volatile float one = 1; /* so that nothing is left out */
    v16 times = v16_set1(one), sum = v16_zero();
    float *to[LM_STREAMS_MOST];
    for (int k = 0; k < count; k++) to[k] = y[k];
    EACH_16(i, n, {
        sum = v16_add(sum, get(x + i, lanes));
        for (int k = 0; k < count; k++)
            put(to[k] + i, lanes, v16_mul(get(to[k] + i, lanes), times));
    });
    volatile float sink = v16_sum(sum);
    (void)sink;
}

/* As two streams: one is slower by half on a Zen 4 core. */
APART void read_halves(int64_t n, const float *x) {
    const int64_t half = n / 2;
    v16 a = v16_zero(), b = a;
    EACH_16(i, half, {
        a = v16_add(a, get(x + i, lanes));
        b = v16_add(b, get(x + half + i, lanes));
    });
    volatile float sink = v16_sum(v16_add(a, b)) + (n > 2 * half ? x[n - 1] : 0.0f);
    (void)sink;
}

void ISA(stream_f32)(int64_t n, const float *x, int count, float *const *y) {
    if (count == 0) read_halves(n, x);
    if (count == 1) stream(n, x, 1, y);
    if (count == 2) stream(n, x, 2, y);
    if (count == 3) stream(n, x, 3, y);
    if (count == 4) stream(n, x, 4, y);
}

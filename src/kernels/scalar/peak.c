#include "kernels/scalar/scalar.h"

/* Eight independent chains of multiply and add: what plain C can do at best here. (fmaf would be a
 * library call on targets without the instruction.) */
double lm_scalar_peak_f32(int64_t iterations) {
    enum { CHAINS = 8 };
    float x[CHAINS];
    for (int j = 0; j < CHAINS; j++) x[j] = (float)j;
    for (int64_t i = 0; i < iterations; i++)
        for (int j = 0; j < CHAINS; j++) x[j] = x[j] * 0.999f + 0.001f;
    volatile float sink = 0;
    for (int j = 0; j < CHAINS; j++) sink = sink + x[j];
    return 2.0 * CHAINS * (double)iterations;
}

/* Nothing is gained by pairs. */
double lm_scalar_peak_bf16(int64_t iterations) {
    return lm_scalar_peak_f32(iterations);
}

void lm_scalar_stream_f32(int64_t n, const float *x, int count, float *const *y) {
    volatile float one = 1; /* so that nothing is left out */
    float times = one, sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i];
        for (int k = 0; k < count; k++) y[k][i] *= times;
    }
    volatile float sink = sum;
    (void)sink;
}

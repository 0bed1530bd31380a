#include "kernels/scalar/scalar.h"

void lm_scalar_dropout_f32(int64_t n, const lm_rng *rng, uint64_t block, uint32_t threshold,
                           float scale, const float *x, const float *residual, float *y) {
    uint32_t words[4] = {0};
    for (int64_t i = 0; i < n; i++) {
        if (i % 8 == 0) lm_rng_block(rng, block + (uint64_t)(i / 8), words);
        uint32_t bits = words[i % 8 / 2] >> (i % 2 * 16) & 0xffffu;
        float kept = bits < threshold ? 0.0f : x[i] * scale;
        y[i] = residual ? residual[i] + kept : kept;
    }
}

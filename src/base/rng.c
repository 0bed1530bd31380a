#include "base/rng.h"

#include <math.h>

#include "base/elementary.h"

void lm_rng_block(const lm_rng *rng, uint64_t index, uint32_t out[4]) {
    uint32_t c[4] = {(uint32_t)index, (uint32_t)(index >> 32), rng->step, rng->purpose};
    uint32_t k0 = (uint32_t)rng->seed, k1 = (uint32_t)(rng->seed >> 32);
    for (int round = 0; round < LM_PHILOX_ROUNDS; round++) {
        uint64_t p0 = (uint64_t)LM_PHILOX_M0 * c[0], p1 = (uint64_t)LM_PHILOX_M1 * c[2];
        uint32_t next[4] = {(uint32_t)(p1 >> 32) ^ c[1] ^ k0, (uint32_t)p1,
                            (uint32_t)(p0 >> 32) ^ c[3] ^ k1, (uint32_t)p0};
        for (int i = 0; i < 4; i++) c[i] = next[i];
        k0 += LM_PHILOX_W0;
        k1 += LM_PHILOX_W1;
    }
    for (int i = 0; i < 4; i++) out[i] = c[i];
}

/* The upper 53 bits of two words, scaled by 2^-53: in [0, 1). */
static double unit(uint32_t high, uint32_t low) {
    uint64_t bits = ((uint64_t)high << 32 | low) >> 11;
    return (double)bits * 0x1p-53;
}

double lm_rng_uniform(const lm_rng *rng, uint64_t index) {
    uint32_t w[4];
    lm_rng_block(rng, index, w);
    return unit(w[0], w[1]);
}

double lm_rng_normal(const lm_rng *rng, uint64_t index) {
    uint32_t w[4];
    lm_rng_block(rng, index, w);
    double u = 1.0 - unit(w[0], w[1]); /* in (0, 1], so that the logarithm is finite */
    double angle = 6.283185307179586 * unit(w[2], w[3]);
    return sqrt(-2.0 * lm_log(u)) * lm_cos(angle);
}

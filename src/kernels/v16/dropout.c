#include "base/numbers.h"
#include "kernels/v16/v16.h"

/* The sixty-four decisions that eight blocks of base/rng.h make, in the order of elements. Each
 * block has a 64-bit lane: a product of 32-bit halves is one instruction, and halves that are not
 * used need no clearing, because products do not read them. */
static inline void dropout_bits(const lm_rng *rng, uint64_t block, uint16_t bits[64]) {
    /* u64x8_store_pairs puts the lanes of even number first */
    static const uint64_t order[8] = {0, 4, 1, 5, 2, 6, 3, 7};
    u64x8 m0 = u64x8_set1(LM_PHILOX_M0), m1 = u64x8_set1(LM_PHILOX_M1);
    u64x8 c0 = u64x8_add(u64x8_load(order), u64x8_set1(block)), c1 = u64x8_high(c0);
    u64x8 c2 = u64x8_set1(rng->step), c3 = u64x8_set1(rng->purpose);
    uint32_t k0 = (uint32_t)rng->seed, k1 = (uint32_t)(rng->seed >> 32);
    for (int round = 0; round < LM_PHILOX_ROUNDS; round++) {
        u64x8 p0 = u64x8_mul_low(m0, c0), p1 = u64x8_mul_low(m1, c2);
        c0 = u64x8_xor(u64x8_xor(u64x8_high(p1), c1), u64x8_set1(k0));
        c2 = u64x8_xor(u64x8_xor(u64x8_high(p0), c3), u64x8_set1(k1));
        c1 = p1;
        c3 = p0;
        k0 += LM_PHILOX_W0;
        k1 += LM_PHILOX_W1;
    }
    u64x8_store_pairs(bits, u64x8_join_low(c0, c1), u64x8_join_low(c2, c3));
}

static inline v16 dropout_keep(const uint16_t *bits, v16 threshold, v16 scale, v16 x) {
    return v16_if_gt(threshold, v16_load_u16(bits), v16_zero(), v16_mul(x, scale));
}

void ISA(dropout_f32)(int64_t n, const lm_rng *rng, uint64_t block, uint32_t threshold, float scale,
                      const float *x, const float *residual, float *y) {
    v16 below = v16_set1((float)threshold), factor = v16_set1(scale);
    for (int64_t i = 0; i < n; i += 64, block += 8) {
        uint16_t bits[64];
        int64_t count = lm_min(n - i, 64);
        dropout_bits(rng, block, bits);
        EACH_16(j, count, {
            v16 kept = dropout_keep(bits + j, below, factor, get(x + i + j, lanes));
            if (residual) kept = v16_add(get(residual + i + j, lanes), kept);
            put(y + i + j, lanes, kept);
        });
    }
}

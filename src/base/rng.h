/* Counter-based random numbers: a pure function of (seed, purpose, step, index).
 *
 * Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC
 * 2011): key = the 64-bit seed, counter = {index low, index high, step, purpose}. Nothing is
 * stored, so nothing needs saving: dropout masks are recomputed in backward, a checkpoint holds no
 * RNG state. */
#ifndef LM_BASE_RNG_H
#define LM_BASE_RNG_H

#include <stdint.h>

/* What a stream of numbers is for. Every use has a purpose of its own, so that no two share
 * numbers. */
typedef enum lm_rng_purpose {
    LM_RNG_INIT = 1,     /* parameters; step = parameter row */
    LM_RNG_DATA = 2,     /* window permutation; step = epoch */
    LM_RNG_GENERATE = 3, /* sampling; step = the text, from 0 */
    LM_RNG_DROPOUT = 4,
    LM_RNG_BENCH = 5,    /* tokens to measure with; step = 0 */
    LM_RNG_OFFSETS = 6,  /* of windows; step = epoch */
    LM_RNG_SCRAMBLE = 7, /* of a sweep's points; step = dimension */
    LM_RNG_DRAW = 8,     /* a sweep's settings; step = dimension */
    LM_RNG_TEST = 100,
} lm_rng_purpose;

/* Constants of Philox4x32: two multipliers, two Weyl increments of the key. For one block,
 *     (c0, c1, c2, c3), (k0, k1) = (index low, index high, step, purpose), (seed low, seed high)
 *     ten times: c = (high(M1 c2) ^ c1 ^ k0, low(M1 c2), high(M0 c0) ^ c3 ^ k1, low(M0 c0)),
 *                k = (k0 + W0, k1 + W1)
 * where high and low are the halves of a 64-bit product. */
#define LM_PHILOX_M0     0xD2511F53u
#define LM_PHILOX_M1     0xCD9E8D57u
#define LM_PHILOX_W0     0x9E3779B9u
#define LM_PHILOX_W1     0xBB67AE85u
#define LM_PHILOX_ROUNDS 10

typedef struct lm_rng {
    uint64_t seed;
    uint32_t purpose, step;
} lm_rng;

/* Block `index` of the stream: four independent 32-bit words. Matches the published test vectors.
 */
void lm_rng_block(const lm_rng *rng, uint64_t index, uint32_t out[4]);
/* 53 bits, uniform in [0, 1). */
double lm_rng_uniform(const lm_rng *rng, uint64_t index);
/* Standard normal by Box-Muller on block `index`, with base/elementary.h: same bits everywhere. */
double lm_rng_normal(const lm_rng *rng, uint64_t index);

#endif

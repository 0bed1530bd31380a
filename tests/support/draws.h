/* Whole numbers drawn at random, the same ones every time a test runs.
 *
 *     static lm_draws draws = {.seed = 31};
 *     data[lm_draw(&draws, size)] ^= 1; */
#ifndef LM_TESTS_SUPPORT_DRAWS_H
#define LM_TESTS_SUPPORT_DRAWS_H

#include <stddef.h>

#include "base/rng.h"

typedef struct lm_draws {
    uint64_t seed, drawn;
} lm_draws;

/* The next number: at least 0, below n. 0 without drawing one when n is 0. */
static inline size_t lm_draw(lm_draws *draws, size_t n) {
    const lm_rng rng = {.seed = draws->seed, .purpose = LM_RNG_TEST};
    return n ? (size_t)(lm_rng_uniform(&rng, draws->drawn++) * (double)n) : 0;
}

#endif

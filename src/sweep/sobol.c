#include "sweep/sobol.h"

#include "base/error.h"
#include "base/rng.h"

static const struct row {
    uint32_t polynomial; /* coefficients, highest first: degree + 1 bits */
    uint32_t m[9];       /* the first `degree` direction numbers */
} rows[] = {
#include "sweep/sobol.inc"
};

/* Direction number k of a dimension, k >= 1, as m_k 2^(32 - k):
 *     m_k = 2 a_1 m_(k-1) ^ ... ^ 2^(s-1) a_(s-1) m_(k-s+1) ^ 2^s m_(k-s) ^ m_(k-s)
 * with the coefficients a of the polynomial, of degree s. */
static void find_directions(int dimension, uint32_t v[33]) {
    const struct row *row = &rows[dimension - 1];
    uint32_t m[33];
    int degree = 31 - __builtin_clz(row->polynomial);
    for (int k = 1; k <= 32; k++) {
        m[k] = k <= degree ? row->m[k - 1] : m[k - degree];
        for (int i = 1; k > degree && i <= degree; i++)
            if (row->polynomial >> (degree - i) & 1) m[k] ^= m[k - i] << i;
        v[k] = m[k] << (32 - k);
    }
}

uint32_t lm_sobol(uint32_t index, int dimension) {
    LM_ASSERT(dimension >= 0 && dimension < LM_SOBOL_DIMENSIONS);
    uint32_t v[33], gray = index ^ index >> 1, x = 0;
    if (dimension > 0) find_directions(dimension, v);
    for (int k = 1; k <= 32; k++)
        if (gray >> (k - 1) & 1) x ^= dimension > 0 ? v[k] : 1u << (32 - k);
    return x;
}

uint32_t lm_sobol_scramble(uint32_t x, uint64_t seed, int dimension) {
    lm_rng rng = {.seed = seed, .purpose = LM_RNG_SCRAMBLE, .step = (uint32_t)dimension};
    uint32_t out = 0, words[4];
    for (int k = 0; k < 32; k++) {
        /* The node of a binary tree that the first k digits lead to. */
        uint64_t node = ((uint64_t)1 << k) | (k > 0 ? (uint64_t)(x >> (32 - k)) : 0);
        lm_rng_block(&rng, node, words);
        out |= ((x >> (31 - k) ^ words[0]) & 1) << (31 - k);
    }
    return out;
}

double lm_sobol_point(uint32_t index, int dimension, uint64_t seed) {
    return lm_sobol_scramble(lm_sobol(index, dimension), seed, dimension) * 0x1p-32;
}

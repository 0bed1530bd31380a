/* Points that fill the unit cube evenly: Sobol's sequence (1967) with the direction numbers of Joe
 * & Kuo ("Constructing Sobol sequences with better two-dimensional projections", SIAM J. Sci.
 * Comput. 30, 2008), scrambled by Owen's nested permutations (1995). A point is a function of its
 * number alone. */
#ifndef LM_SWEEP_SOBOL_H
#define LM_SWEEP_SOBOL_H

#include <stdint.h>

enum { LM_SOBOL_DIMENSIONS = 64 };

/* Coordinate `dimension` of point `index`, times 2^32. In Gray code's order, so that every 2^k
 * points from a multiple of 2^k on are those of the classical order. */
uint32_t lm_sobol(uint32_t index, int dimension);

/* Owen's scrambling: whether a binary digit of x is flipped depends on the digits before it, by
 * random numbers of (seed, dimension). Any 2^k points from a multiple of 2^k on keep what makes
 * them even, and each coordinate is uniform in [0, 2^32). */
uint32_t lm_sobol_scramble(uint32_t x, uint64_t seed, int dimension);

/* Both, as a number in [0, 1). */
double lm_sobol_point(uint32_t index, int dimension, uint64_t seed);

#endif

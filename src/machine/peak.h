/* The machine's own peak: the yardstick every speed is a share of.
 * The arithmetic loop comes from kernels/ as a function pointer, so that this room knows no ISA. */
#ifndef LM_MACHINE_PEAK_H
#define LM_MACHINE_PEAK_H

#include "machine/pool.h"

/* Does at least `iterations` rounds of independent fused multiply-adds; returns the number of
 * floating-point operations done (a multiply-add counts as two). */
typedef double lm_peak_loop(int64_t iterations);

/* FLOP/s of the loop on all threads of the pool at once: the best of a few bursts that together
 * take about `seconds`. */
double lm_peak_flops(lm_pool *pool, lm_peak_loop *loop, double seconds);

#endif

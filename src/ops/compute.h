/* What every operation is given: the kernels of this CPU, the pool, and scratch for each worker.
 *
 *     lm_compute compute = {.kernels = &k, .pool = pool};
 *     lm_compute_reserve(&compute, bytes_per_worker, err);   // the maximum over
 * lm_*_scratch_bytes()
 *     ...
 *     lm_compute_free(&compute);                             // frees the scratch only
 *
 * An operation uses the scratch only while it runs: nothing in it survives to the next one. */
#ifndef LM_OPS_COMPUTE_H
#define LM_OPS_COMPUTE_H

#include "base/arena.h"
#include "kernels/kernels.h"
#include "machine/peak.h"
#include "machine/pool.h"
#include "ops/phase.h"

/* Of the operands of matrix products; sums, and everything else, are fp32. LM_BF16 rounds operands
 * to nearest even as they are packed: the same bits on every ISA, twice as fast where the hardware
 * has dot products of bf16. */
typedef enum lm_precision { LM_FP32, LM_BF16, LM_PRECISION_COUNT } lm_precision;
const char *lm_precision_name(int precision); /* "fp32", "bf16"; NULL past the end */

typedef struct lm_compute {
    const lm_kernels *kernels;
    lm_pool *pool;
    lm_precision precision;
    lm_arena scratch;          /* threads * scratch_per_worker bytes */
    size_t scratch_per_worker; /* bytes, a multiple of LM_ALIGNMENT */
    lm_phase_clock *phases;    /* NULL: nobody asks where the time goes */
} lm_compute;

lm_status lm_compute_reserve(lm_compute *c, size_t bytes_per_worker, lm_error *err);
void lm_compute_free(lm_compute *c);

/* The loop whose speed is this machine's peak at the precision of c (machine/peak.h). */
lm_peak_loop *lm_compute_peak_loop(const lm_compute *c);

/* This worker's scratch; asserts that bytes fit. */
void *lm_compute_scratch(const lm_compute *c, int worker, size_t bytes);

#endif

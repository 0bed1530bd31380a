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
#include "machine/pool.h"
#include "ops/phase.h"

typedef struct lm_compute {
    const lm_kernels *kernels;
    lm_pool *pool;
    lm_arena scratch;          /* threads * scratch_per_worker bytes */
    size_t scratch_per_worker; /* bytes, a multiple of LM_ALIGNMENT */
    lm_phase_clock *phases;    /* NULL: nobody asks where the time goes */
} lm_compute;

lm_status lm_compute_reserve(lm_compute *c, size_t bytes_per_worker, lm_error *err);
void lm_compute_free(lm_compute *c);

/* This worker's scratch; asserts that bytes fit. */
void *lm_compute_scratch(const lm_compute *c, int worker, size_t bytes);

#endif

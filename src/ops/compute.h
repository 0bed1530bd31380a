/* What every operation is given: the kernels of this CPU, the pool, and scratch for each worker.
 *
 *     lm_compute compute = {.kernels = &k, .pool = pool};
 *     // bytes: the most that any lm_*_scratch_bytes() of the operations to come says
 *     if (lm_compute_reserve(&compute, bytes, err) != LM_OK) goto out;
 *     ...
 *     lm_compute_free(&compute);                             // frees the scratch only
 *
 * An operation uses the scratch only while it runs: nothing in it survives to the next one. Linear
 * layers and the loss head need what a matrix product needs, lm_gemm_scratch_bytes(). */
#ifndef LM_OPS_COMPUTE_H
#define LM_OPS_COMPUTE_H

#include "base/arena.h"
#include "kernels/kernels.h"
#include "machine/caches.h"
#include "machine/peak.h"
#include "machine/pool.h"
#include "ops/phase.h"

/* The precision of the operands of matrix products; sums, and everything else, are fp32. LM_BF16
 * rounds operands to nearest even as they are packed: the same bits on every ISA, and twice as fast
 * where the hardware has dot products of bf16. */
typedef enum lm_precision { LM_FP32, LM_BF16, LM_PRECISION_COUNT } lm_precision;
const char *lm_precision_name(int precision); /* "fp32", "bf16"; NULL past the end */

/* The largest blocks that products are cut into (gemm.c). They change speed, never a bit: whatever
 * they are, products use the same scratch. */
typedef struct lm_gemm_blocks {
    int64_t m, k; /* of A: rows, and words of four bytes along k; at most LM_GEMM_MOST_M, _K */
    int64_t n;    /* of B: columns, all workers together */
} lm_gemm_blocks;
enum { LM_GEMM_MOST_M = 192, LM_GEMM_MOST_K = 1024 };
/* Those that suit the caches, `threads` workers sharing them. All >= 1. */
lm_gemm_blocks lm_gemm_blocks_for(const lm_caches *caches, int threads);

typedef struct lm_compute {
    const lm_kernels *kernels;
    lm_pool *pool;
    lm_precision precision;
    lm_arena scratch;          /* threads * scratch_per_worker bytes */
    size_t scratch_per_worker; /* bytes, a multiple of LM_ALIGNMENT */
    lm_gemm_blocks blocks;     /* zeros: those of lm_caches_usual */
    lm_phase_clock *phases;    /* NULL: nobody asks where the time goes */
} lm_compute;

/* Scratch for all workers, so many bytes each. A second call must follow lm_compute_free. */
lm_status lm_compute_reserve(lm_compute *c, size_t bytes_per_worker, lm_error *err);
void lm_compute_free(lm_compute *c);

/* c->blocks, or those of usual caches. */
lm_gemm_blocks lm_compute_blocks(const lm_compute *c);

/* For operations inside a task of the pool: the calling worker alone, with the scratch of this
 * worker. A view, which owns nothing and is not freed. */
lm_compute lm_compute_alone(const lm_compute *c, int worker);

/* The loop whose speed is this machine's peak at the precision of c (machine/peak.h). */
lm_peak_loop *lm_compute_peak_loop(const lm_compute *c);

/* This worker's scratch, to take pieces from; they are not zeroed. */
lm_arena lm_compute_scratch(const lm_compute *c, int worker);

#endif

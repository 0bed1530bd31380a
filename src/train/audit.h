/* The audit trail: a running digest of what a run was trained on and what became of its weights.
 *
 *     d_0 = 0;  d_t = xxh64(d_{t-1}, xxh64(window 1 of step t), xxh64(window 2), ...)
 *     w_t = xxh64(the weights after step t)
 *
 * d_t stands in every line of metrics.jsonl and in every checkpoint, w_t in the lines of every
 * log.digest_every steps. Two runs of equal d_t have seen the same data up to step t, and with
 * equal w_t they hold the same weights; `lmtrain diff` finds the first step at which two runs part.
 * Same bits for any number of threads and any instruction set. */
#ifndef LM_TRAIN_AUDIT_H
#define LM_TRAIN_AUDIT_H

#include "base/digest.h"
#include "base/error.h"
#include "machine/pool.h"

typedef struct lm_audit {
    int64_t count;     /* weights */
    uint64_t *digests; /* of their pieces */
} lm_audit;

/* For `count` weights. */
lm_status lm_audit_create(lm_audit *a, int64_t count, lm_error *err);
void lm_audit_free(lm_audit *a); /* zero-initialised or twice is fine */

/* Of a window of n tokens; d_t by d_{t-1} and those of a step's windows [n], in their order; w_t.
 * They allocate nothing. */
uint64_t lm_audit_window(const int32_t *tokens, int64_t n);
uint64_t lm_audit_step(uint64_t before, const uint64_t *windows, int64_t n);
uint64_t lm_audit_weights(lm_audit *a, const float *weights, lm_pool *pool);

#endif

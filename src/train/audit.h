/* The audit trail: a running digest of what a run was trained on and what became of its weights.
 *
 *     d_0 = 0;  d_t = xxh64(d_{t-1}, the batch of step t, [digest of the weights after step t])
 *
 * d_t stands in every line of metrics.jsonl and in every checkpoint. Two runs of equal digests up to
 * a step have seen the same data and, as of the last step whose weights entered, hold the same
 * weights; `lmtrain diff` finds the first step at which they part. Same bits for any number of
 * threads and any instruction set. */
#ifndef LM_TRAIN_AUDIT_H
#define LM_TRAIN_AUDIT_H

#include "base/digest.h"
#include "base/error.h"
#include "machine/pool.h"

typedef struct lm_audit {
    lm_digest step;    /* of the step at hand */
    int64_t count;     /* weights */
    uint64_t *digests; /* of pieces of them */
} lm_audit;

/* For `count` weights. */
lm_status lm_audit_create(lm_audit *a, int64_t count, lm_error *err);
void lm_audit_free(lm_audit *a); /* zero-initialised or twice is fine */

/* A step: begin with d_{t-1}, every micro-batch, the weights or not, and d_t. Allocates nothing. */
void lm_audit_begin(lm_audit *a, uint64_t before);
void lm_audit_batch(lm_audit *a, const int32_t *tokens, int64_t n);
void lm_audit_weights(lm_audit *a, const float *weights, lm_pool *pool);
uint64_t lm_audit_end(const lm_audit *a);

#endif

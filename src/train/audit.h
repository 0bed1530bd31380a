/* The audit trail: a running digest of what a run was trained on and what became of its weights.
 *
 *     d_0 = 0;  d_t = xxh64(d_{t-1}, the batch of step t, [digest of the weights after step t])
 *
 * d_t stands in every line of metrics.jsonl and in every checkpoint. Two runs whose digests are
 * equal up to a step have seen the same data, and held the same weights at the last step up to
 * there whose weights entered the digest; `lmtrain diff` finds the first step at which two runs
 * part. Same bits for any number of threads and any instruction set. */
#ifndef LM_TRAIN_AUDIT_H
#define LM_TRAIN_AUDIT_H

#include "base/digest.h"
#include "base/error.h"
#include "machine/pool.h"

typedef struct lm_audit {
    lm_digest step;    /* d_t, being made */
    int64_t count;     /* weights */
    uint64_t *digests; /* of their pieces */
} lm_audit;

/* For `count` weights. */
lm_status lm_audit_create(lm_audit *a, int64_t count, lm_error *err);
void lm_audit_free(lm_audit *a); /* zero-initialised or twice is fine */

/* For each step: begin with d_{t-1}, add every micro-batch in order, then the weights if this step
 * has them; end returns d_t. They allocate nothing. */
void lm_audit_begin(lm_audit *a, uint64_t before);
void lm_audit_batch(lm_audit *a, const int32_t *tokens, int64_t n);
void lm_audit_weights(lm_audit *a, const float *weights, lm_pool *pool);
uint64_t lm_audit_end(const lm_audit *a);

#endif

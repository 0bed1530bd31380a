#include "train/audit.h"

#include <stdlib.h>

#include "base/bytes.h"
#include "base/numbers.h"

/* Weights per piece, which is a task: long enough that a digest costs no more than reading them.
 * The digest depends on it. */
#define PIECE ((int64_t)1 << 16)

static int64_t pieces(const lm_audit *a) {
    return lm_divide_up(a->count, PIECE);
}

lm_status lm_audit_create(lm_audit *a, int64_t count, lm_error *err) {
    *a = (lm_audit){.count = count};
    a->digests = calloc((size_t)pieces(a) + 1, sizeof *a->digests);
    return a->digests ? LM_OK : lm_error_no_memory(err, NULL);
}

void lm_audit_free(lm_audit *a) {
    free(a->digests);
    *a = (lm_audit){0};
}

static void add_number(lm_digest *d, uint64_t x) {
    unsigned char bytes[8];
    lm_write_u64(bytes, x);
    lm_digest_add(d, bytes, sizeof bytes);
}

uint64_t lm_audit_window(const int32_t *tokens, int64_t n) {
    return lm_digest_of(tokens, (size_t)n * sizeof *tokens);
}

uint64_t lm_audit_step(uint64_t before, const uint64_t *windows, int64_t n) {
    lm_digest d;
    lm_digest_init(&d);
    add_number(&d, before);
    for (int64_t i = 0; i < n; i++) add_number(&d, windows[i]);
    return lm_digest_end(&d);
}

typedef struct piece_task {
    lm_audit *audit;
    const float *weights;
} piece_task;

static void digest_piece(void *argument, int64_t task, int worker) {
    (void)worker;
    piece_task *t = argument;
    int64_t from = task * PIECE, length = lm_min(t->audit->count - from, PIECE);
    t->audit->digests[task] = lm_digest_of(t->weights + from, (size_t)length * sizeof(float));
}

uint64_t lm_audit_weights(lm_audit *a, const float *weights, lm_pool *pool) {
    piece_task t = {a, weights};
    lm_digest all;
    lm_pool_run(pool, pieces(a), digest_piece, &t);
    lm_digest_init(&all);
    for (int64_t i = 0; i < pieces(a); i++) add_number(&all, a->digests[i]);
    return lm_digest_end(&all);
}

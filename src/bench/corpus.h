/* Random tokens to train on: a shard in memory only, so that nothing is left behind, however the
 * process ends.
 *
 *     lm_bench_corpus c;
 *     lm_bench_corpus_make(&c, vocab, err);      // c.path is open to lm_corpus_open
 *     lm_bench_corpus_free(&c);                  // after a failed make too
 * / */
#ifndef LM_BENCH_CORPUS_H
#define LM_BENCH_CORPUS_H

#include <stdint.h>

#include "base/error.h"

typedef struct lm_bench_corpus {
    int fd;
    char path[64];
} lm_bench_corpus;

/* A million ids below vocab (at most 65536), the same ones every time. */
lm_status lm_bench_corpus_make(lm_bench_corpus *c, int64_t vocab, lm_error *err);
void lm_bench_corpus_free(lm_bench_corpus *c);

#endif

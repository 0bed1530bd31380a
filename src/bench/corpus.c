#include "bench/corpus.h"

#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/rng.h"

enum { TOKENS = 1 << 20, BLOCK = 4096 };

static lm_status fill(int fd, int64_t vocab, lm_error *err) {
    lm_rng rng = {.seed = 1, .purpose = LM_RNG_BENCH};
    for (uint64_t first = 0; first < TOKENS; first += BLOCK) {
        unsigned char bytes[2 * BLOCK]; /* little-endian uint16 */
        for (uint64_t i = 0; i < BLOCK; i++) {
            int64_t id = (int64_t)(lm_rng_uniform(&rng, first + i) * (double)vocab);
            bytes[2 * i] = (unsigned char)(id & 0xff);
            bytes[2 * i + 1] = (unsigned char)(id >> 8);
        }
        if (write(fd, bytes, sizeof bytes) != (ssize_t)sizeof bytes)
            return lm_error_set(err, LM_ERR_RUNTIME, "tokens for the benchmark: cannot write: %s",
                                lm_error_errno(errno));
    }
    return LM_OK;
}

lm_status lm_bench_corpus_make(lm_bench_corpus *c, int64_t vocab, lm_error *err) {
    LM_ASSERT(vocab > 0 && vocab <= 65536);
    c->fd = memfd_create("lmtrain-bench", MFD_CLOEXEC);
    if (c->fd < 0)
        return lm_error_set(err, LM_ERR_RUNTIME, "tokens for the benchmark: no memory file: %s",
                            lm_error_errno(errno));
    snprintf(c->path, sizeof c->path, "/proc/self/fd/%d", c->fd);
    return fill(c->fd, vocab, err);
}

void lm_bench_corpus_free(lm_bench_corpus *c) {
    if (c->fd >= 0) close(c->fd);
    c->fd = -1;
}

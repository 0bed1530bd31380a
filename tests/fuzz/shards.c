/* libFuzzer target for the readers of shards (raw, llm.c, NumPy, Megatron) and of manifests: make
 * fuzz T=shards. The first byte says how the rest is cut: x.bin alone, or x.bin with x.idx or
 * x.json beside it. */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/numbers.h"
#include "data/corpus.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/tmp/lmtrain-fuzz.XXXXXX", shard[64], beside_it[64];

static void remove_all(void) {
    unlink(shard);
    unlink(beside_it);
    rmdir(directory);
}

static void put(const char *path, const uint8_t *data, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    close(fd);
}

/* Whatever opens can be checked and read. */
static void read_all(const lm_corpus_options *how) {
    lm_error err;
    lm_corpus *c;
    if (lm_corpus_open(&c, shard, how, &err) != LM_OK) return;
    const lm_corpus_check check = {.everything = true};
    int64_t bound = lm_min(lm_corpus_most_vocab_size(c), 70000);
    lm_status status = lm_corpus_validate(c, bound, &check, &err);
    for (int64_t first = 0; first < lm_corpus_tokens(c); first += 100) {
        int32_t ids[101];
        int64_t n = lm_min(lm_corpus_tokens(c) - first, 101);
        bool good = lm_corpus_read(c, 0, first, n, ids, &err) == LM_OK;
        if (status == LM_OK && !good) abort();
        for (int64_t i = 0; good && i < n; i++)
            if (ids[i] < 0 || (status == LM_OK && ids[i] >= bound)) abort();
    }
    lm_corpus_close(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const lm_corpus_options hows[] = {{0}, {.vocab_size = 50257}, {.vocab_size = 70000}};
    static const char *const ends[] = {"", "/x.idx", "/x.json"};
    if (size < 2) return 0;
    if (!*shard) {
        if (!mkdtemp(directory)) abort();
        strcat(strcpy(shard, directory), "/x.bin");
        atexit(remove_all);
    }
    const char *end = ends[data[0] % 3];
    size_t beside = *end ? lm_size_min(size - 2, (size_t)data[1] * 4) : 0;
    unlink(beside_it);
    strcat(strcpy(beside_it, directory), end);
    if (*end) put(beside_it, data + 2, beside);
    put(shard, data + 2 + beside, size - 2 - beside);
    for (size_t i = 0; i < sizeof hows / sizeof *hows; i++) read_all(&hows[i]);
    return 0;
}

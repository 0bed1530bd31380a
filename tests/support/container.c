#include "tests/support/container.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/rng.h"
#include "checkpoint/checkpoint.h"
#include "tests/support/tempdir.h"

enum { END = 22, COMMENT = 30, MOST_ELEMENTS = 1 << 22 };

static lm_pool *pool;

static void must(bool held) {
    if (!held) abort();
}

static void make_pool(void) {
    lm_error err;
    if (!pool) must(lm_pool_create(&pool, 1, &err) == LM_OK);
}

void lm_test_container_make(lm_text *out) {
    lm_error err;
    lm_rng rng = {.seed = 3, .purpose = LM_RNG_TEST};
    float x[600];
    for (uint64_t i = 0; i < 600; i++) x[i] = (float)(0.02 * lm_rng_normal(&rng, i));
    lm_checkpoint_array arrays[] = {{"wte.weight", 2, {20, 30, 0, 0}, x},
                                    {"m/wte.weight", 1, {7, 0, 0, 0}, x},
                                    {"scalar", 0, {0}, x},
                                    {"nothing", 1, {0}, x}};
    char *directory = lm_test_tempdir(), *path = lm_file_join(directory, "seed.npz");
    make_pool();
    const lm_checkpoint_text text = {"tokenizer.json", "{\"model\": {}}", 13};
    must(lm_checkpoint_write(path, arrays, 4, &text, 1, "{\"step\": 1}", pool, NULL, &err) ==
         LM_OK);
    must(lm_file_read(path, 1 << 20, out, &err) == LM_OK);
    free(path);
    lm_test_tempdir_free(directory);
}

/* Every array into memory of its declared shape. */
static bool read_all(lm_checkpoint *c) {
    bool good = true;
    for (int64_t i = 0; good && i < lm_checkpoint_count(c); i++) {
        lm_error err;
        lm_checkpoint_array a = lm_checkpoint_entry_at(c, i)->array;
        int64_t n = 1;
        for (int d = 0; d < a.ndim; d++) n *= a.shape[d];
        if (n > MOST_ELEMENTS) return false;
        a.data = malloc((size_t)n * sizeof(float) + 1);
        must(a.data != NULL);
        good = lm_checkpoint_read(c, &a, 1, pool, &err) == LM_OK;
        free(a.data);
    }
    lm_error err;
    lm_text text = {0};
    bool found;
    good = good && lm_checkpoint_read_text(c, "tokenizer.json", &found, &text, &err) == LM_OK;
    lm_text_free(&text);
    return good;
}

bool lm_test_container_read(const unsigned char *data, size_t size) {
    lm_error err;
    lm_checkpoint *c = NULL;
    char path[64];
    make_pool();
    int fd = memfd_create("container", 0);
    must(fd >= 0 && (size == 0 || write(fd, data, size) == (ssize_t)size));
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    bool good = lm_checkpoint_open(&c, path, &err) == LM_OK;
    /* Either may find what the other does not look at. */
    bool verified = good && lm_checkpoint_verify(c, pool, &err) == LM_OK;
    bool read = good && read_all(c);
    lm_checkpoint_close(c);
    close(fd);
    return verified && read;
}

/* CRC of the last member, which should be meta.json, into its central entry and its local header.
 * Returns where it begins; `start` when it is not found. */
static size_t seal_last_member(unsigned char *data, size_t start, size_t end) {
    size_t at = start, last = 0;
    while (end - at >= 46 && lm_read_u32(data + at) == 0x02014B50u) {
        size_t size = (size_t)46 + lm_read_u16(data + at + 28) + lm_read_u16(data + at + 30);
        if (size > end - at) return start;
        last = at;
        at += size;
    }
    if (last < start || at == start) return start;
    uint64_t local = lm_read_u32(data + last + 42), raw = lm_read_u32(data + last + 24);
    if (local + 30 > start) return start;
    uint64_t body = local + 30 + lm_read_u16(data + last + 28);
    if (body > start || raw > start - body) return start;
    uint32_t crc = (uint32_t)crc32_z(0, data + body, raw);
    lm_write_u32(data + last + 16, crc);
    lm_write_u32(data + local + 14, crc);
    return (size_t)local;
}

void lm_test_container_seal(unsigned char *data, size_t size) {
    if (size < END + COMMENT) return;
    size_t end = size - END - COMMENT;
    uint64_t start = lm_read_u32(data + end + 16);
    if (start > end) return;
    size_t from = seal_last_member(data, (size_t)start, end);
    char digest[17];
    snprintf(digest, sizeof digest, "%016" PRIx64,
             lm_digest_of(data + from, size - COMMENT - from));
    memcpy(data + size - 16, digest, 16);
}

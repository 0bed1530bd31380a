/* libFuzzer target for documents out of files: make fuzz T=documents. The first byte says how the
 * rest is read: as JSON lines, or as text that a separator cuts as a plain search does; either may
 * be compressed. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "text/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char separator[] = "ab\nab";
enum { N = sizeof separator - 1 };

/* All documents, each with a 0xFF behind it, `step` bytes at a time. */
static lm_status read_all(const char *path, bool jsonl, size_t step, lm_source *s, lm_text *out) {
    lm_error err;
    char data[4096];
    bool more;
    size_t got = 0;
    const lm_source_how how = {
        .jsonl = jsonl, .field = "a.b", .separator = separator, .separator_size = N};
    lm_status status = lm_source_open(s, path, &how, NULL, &err);
    if (status != LM_OK || s->content != LM_CONTENT_TEXT) return status;
    while ((status = lm_source_next(s, &more, &err)) == LM_OK && more) {
        while ((status = lm_source_read(s, data, step, &got, &err)) == LM_OK && got > 0)
            lm_text_append(out, data, got);
        if (status != LM_OK) break;
        lm_text_append(out, "\xFF", 1);
    }
    return status;
}

static void search(const char *text, size_t size, lm_text *out) {
    while (size > 0) {
        const char *end = memmem(text, size, separator, N);
        size_t n = end ? (size_t)(end - text) : size;
        lm_text_append(out, text, n);
        lm_text_append(out, "\xFF", 1);
        n += end ? N : 0;
        text += n;
        size -= n;
    }
}

static void expect_same(const lm_text *a, const lm_text *b) {
    LM_ASSERT(a->length == b->length);
    LM_ASSERT(a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static int fd;
    static char path[64];
    static lm_source s;
    lm_text some = {0}, most = {0}, found = {0};
    if (size == 0) return 0;
    if (!fd) {
        fd = memfd_create("text", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    }
    bool jsonl = data[0] & 1;
    if (ftruncate(fd, 0) != 0 || pwrite(fd, data + 1, size - 1, 0) != (ssize_t)size - 1) abort();
    lm_status status = read_all(path, jsonl, 3, &s, &some);
    bool plain = s.stream && s.content == LM_CONTENT_TEXT &&
                 lm_stream_compression(s.stream) == LM_CONTENT_TEXT;
    lm_source_close(&s);
    LM_ASSERT(status == read_all(path, jsonl, 4096, &s, &most));
    lm_source_close(&s);
    if (status == LM_OK) expect_same(&some, &most);
    if (plain && !jsonl) {
        search((const char *)data + 1, size - 1, &found);
        expect_same(&some, &found);
    }
    lm_text_free(&some);
    lm_text_free(&most);
    lm_text_free(&found);
    return 0;
}

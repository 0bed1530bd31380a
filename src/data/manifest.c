#include "data/manifest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "data/format.h"

#define FORMAT   "lmtrain tokens"
#define MAX_SIZE ((size_t)1 << 20)

char *lm_manifest_path(const char *shard_path) {
    return lm_file_beside(shard_path, ".bin", ".json");
}

char *lm_manifest_tokenizer_path(const lm_manifest *m, const char *shard_path) {
    const char *slash = strrchr(shard_path, '/');
    lm_text path = {0};
    lm_text_append(&path, shard_path, slash ? (size_t)(slash - shard_path) + 1 : 0);
    lm_text_printf(&path, "%s", m->tokenizer.file);
    char *copy = path.failed ? NULL : strdup(lm_text_cstr(&path));
    lm_text_free(&path);
    return copy;
}

bool lm_manifest_same_tokenizer(const lm_manifest_tokenizer *a, const lm_manifest_tokenizer *b) {
    return strcmp(a->name, b->name) == 0 && a->digest == b->digest &&
           a->vocab_size == b->vocab_size;
}

static void get_format(lm_json_reader *r, lm_manifest *m) {
    char dtype[64];
    lm_json_get_string(r, "dtype", dtype, sizeof dtype);
    m->format = lm_format_of_dtype(dtype);
    if (m->format) return;
    lm_text expected = {0};
    lm_format_print_dtypes(&expected);
    lm_json_wrong(r, "dtype", lm_text_cstr(&expected));
    lm_text_free(&expected);
}

static void get_tokenizer(lm_json_reader *r, lm_manifest *m) {
    lm_manifest_tokenizer *t = &m->tokenizer;
    lm_json_get_string(r, "tokenizer", t->name, sizeof t->name);
    t->vocab_size = lm_json_get_count(r, "vocab_size", 1,
                                      m->format ? lm_ids_most_vocab_size(m->format->ids) : 1);
    t->document_token = -1;
    if (lm_json_has(r, "tokenizer_file")) {
        lm_json_get_string(r, "tokenizer_file", t->file, sizeof t->file);
        t->digest = lm_json_get_digest(r, "tokenizer_xxh64");
        if (strchr(t->file, '/') || !*t->file)
            lm_json_wrong(r, "tokenizer_file", "the name of a file beside the shard");
    }
    if (lm_json_has(r, "document_token"))
        t->document_token = lm_json_get_count(r, "document_token", 0, t->vocab_size - 1);
}

/* Nanoseconds of "SECONDS.NANOSECONDS" with nine digits behind the point. */
static int64_t get_time(lm_json_reader *r, const char *key) {
    char text[32], *end = text;
    lm_json_get_string(r, key, text, sizeof text);
    long long seconds = strtoll(text, &end, 10), nanoseconds = 0;
    bool good = end > text && *end == '.' && strspn(end + 1, "0123456789") == 9 && !end[10] &&
                seconds >= 0 && seconds < INT64_MAX / 1000000000;
    if (good) nanoseconds = strtoll(end + 1, NULL, 10);
    if (!good) {
        lm_json_wrong(r, key, "\"SECONDS.NANOSECONDS\" since 1970");
        return 0;
    }
    return seconds * 1000000000 + nanoseconds;
}

static lm_status parse(lm_manifest *m, const char *path, const lm_text *text, lm_error *err) {
    lm_json_reader r;
    lm_status status = lm_json_open(&r, path, lm_text_cstr(text), text->length, err);
    if (status != LM_OK) return status;
    lm_json_expect_string(&r, "format", FORMAT);
    lm_json_expect_count(&r, "version", 1);
    get_format(&r, m);
    get_tokenizer(&r, m);
    m->tokens = lm_json_get_count(&r, "tokens", 0, (int64_t)1 << 53);
    m->digest = lm_json_get_digest(&r, "xxh64");
    m->vouches = lm_json_has(&r, "modified");
    if (m->vouches) {
        m->size = (uint64_t)lm_json_get_count(&r, "size", 0, (int64_t)1 << 53);
        m->modified = get_time(&r, "modified");
        m->largest = lm_json_get_count(&r, "largest_id", 0, INT32_MAX - 1);
    }
    m->found = true;
    return lm_json_close(&r);
}

lm_status lm_manifest_read(lm_manifest *m, const char *shard_path, lm_error *err) {
    lm_status status = LM_OK;
    lm_text text = {0};
    memset(m, 0, sizeof *m);
    char *path = lm_manifest_path(shard_path);
    if (!path) return lm_error_no_memory(err, shard_path);
    if (!lm_file_exists(path)) goto out;
    m->other = lm_file_is_directory(path) || lm_file_size(path) > MAX_SIZE;
    if (m->other) goto out;
    if ((status = lm_file_read(path, MAX_SIZE, &text, err)) != LM_OK) goto out;
    m->other = !strstr(lm_text_cstr(&text), FORMAT);
    if (m->other) goto out;
    if ((status = parse(m, path, &text, err)) != LM_OK)
        lm_error_prefix(err, "the manifest of %s", shard_path);
out:
    lm_text_free(&text);
    free(path);
    return status;
}

void lm_manifest_print(const lm_manifest *m, lm_text *out) {
    const lm_manifest_tokenizer *t = &m->tokenizer;
    lm_json_writer w = {.out = out};
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_string(&w, "format", FORMAT);
    lm_json_integer(&w, "version", 1);
    lm_json_string(&w, "dtype", m->format->dtype);
    lm_json_string(&w, "tokenizer", t->name);
    if (*t->file) {
        lm_json_string(&w, "tokenizer_file", t->file);
        lm_json_digest(&w, "tokenizer_xxh64", t->digest);
    }
    if (t->document_token >= 0) lm_json_integer(&w, "document_token", t->document_token);
    lm_json_integer(&w, "vocab_size", t->vocab_size);
    lm_json_integer(&w, "tokens", m->tokens);
    lm_json_digest(&w, "xxh64", m->digest);
    if (m->vouches) {
        char time[48];
        snprintf(time, sizeof time, "%" PRId64 ".%09" PRId64, m->modified / 1000000000,
                 m->modified % 1000000000);
        lm_json_integer(&w, "size", (int64_t)m->size);
        lm_json_string(&w, "modified", time);
        lm_json_integer(&w, "largest_id", m->largest);
    }
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
}

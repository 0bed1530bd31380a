#include "data/corpus.h"

#include <glob.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/numbers.h"
#include "data/format.h"

/* ---- opening ----------------------------------------------------------------------------------*/

struct lm_corpus {
    lm_shard *shards;
    int64_t count, tokens;
    int64_t watch; /* -1: none */
    bool validated, watched;
    uint64_t digest;
};

static lm_status add_shard(lm_corpus *c, const char *path, lm_error *err) {
    lm_shard *grown = realloc(c->shards, (size_t)(c->count + 1) * sizeof *grown);
    if (!grown) return lm_error_no_memory(err, path);
    c->shards = grown;
    lm_shard *s = &grown[c->count];
    *s = (lm_shard){.path = strdup(path)};
    if (!s->path) return lm_error_no_memory(err, path);
    c->count++; /* from here on lm_corpus_close frees it */
    lm_status status = lm_file_map(&s->map, path, err);
    if (status != LM_OK) return status;
    if ((status = lm_manifest_read(&s->manifest, path, err)) != LM_OK) return status;
    s->format = lm_format_of(s);
    if ((status = s->format->open(s, err)) != LM_OK) return status;
    if (s->manifest.found && s->manifest.tokens != s->tokens)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: expected %" PRId64
                            " tokens (its manifest says so), found %" PRId64,
                            path, s->manifest.tokens, s->tokens);
    const lm_manifest *first = &c->shards[0].manifest;
    if (s->manifest.found != first->found || s->manifest.vocab_size != first->vocab_size ||
        strcmp(s->manifest.tokenizer, first->tokenizer) != 0)
        return lm_error_set(
            err, LM_ERR_RUNTIME,
            "%s: expected the tokenizer of the first shard, %s \"%s\", found \"%s\"", path,
            c->shards[0].path, first->tokenizer, s->manifest.tokenizer);
    c->tokens += s->tokens;
    return LM_OK;
}

static lm_status add_directory(lm_corpus *c, const char *path, lm_error *err) {
    lm_file_list list;
    lm_status status = lm_file_list_directory(&list, path, err);
    for (size_t i = 0; status == LM_OK && i < list.count; i++) {
        if (!lm_text_ends_with(list.names[i], ".bin")) continue;
        char *full = lm_file_join(path, list.names[i]);
        status = full ? add_shard(c, full, err) : lm_error_no_memory(err, path);
        free(full);
    }
    lm_file_list_free(&list);
    if (status == LM_OK && c->count == 0)
        status = lm_error_set(err, LM_ERR_RUNTIME,
                              "%s: expected *.bin shards in this directory, found none", path);
    return status;
}

static lm_status add_pattern(lm_corpus *c, const char *path, lm_error *err) {
    glob_t found = {0};
    lm_status status = LM_OK;
    int result = glob(path, GLOB_NOSORT, NULL, &found);
    if (result == GLOB_NOMATCH) {
        status = lm_error_set(err, LM_ERR_RUNTIME,
                              "%s: expected shards, found no file that matches", path);
    } else if (result != 0) {
        status =
            lm_error_set(err, LM_ERR_RUNTIME, "%s: cannot read what the pattern matches", path);
    }
    /* glob sorts by the locale: one order everywhere needs strcmp. */
    for (size_t i = 1; i < found.gl_pathc; i++) {
        char *name = found.gl_pathv[i];
        size_t j = i;
        for (; j > 0 && strcmp(found.gl_pathv[j - 1], name) > 0; j--)
            found.gl_pathv[j] = found.gl_pathv[j - 1];
        found.gl_pathv[j] = name;
    }
    for (size_t i = 0; status == LM_OK && i < found.gl_pathc; i++)
        status = add_shard(c, found.gl_pathv[i], err);
    globfree(&found);
    return status;
}

lm_status lm_corpus_open(lm_corpus **corpus, const char *path, lm_error *err) {
    *corpus = NULL;
    lm_corpus *c = calloc(1, sizeof *c);
    if (!c) return lm_error_no_memory(err, path);
    c->watch = -1;
    lm_status status;
    if (lm_file_is_directory(path)) {
        status = add_directory(c, path, err);
    } else if (!lm_file_exists(path) && strpbrk(path, "*?[")) {
        status = add_pattern(c, path, err);
    } else {
        status = add_shard(c, path, err);
    }
    if (status == LM_OK && c->tokens == 0)
        status =
            lm_error_set(err, LM_ERR_RUNTIME, "%s: expected tokens, found an empty corpus", path);
    if (status != LM_OK) {
        lm_corpus_close(c);
        return status;
    }
    *corpus = c;
    return LM_OK;
}

void lm_corpus_close(lm_corpus *c) {
    if (!c) return;
    for (int64_t i = 0; i < c->count; i++) {
        lm_file_unmap(&c->shards[i].map);
        free(c->shards[i].path);
    }
    free(c->shards);
    free(c);
}

/* ---- reading ----------------------------------------------------------------------------------*/

static const lm_shard *shard_at(const lm_corpus *c, int64_t i) {
    LM_ASSERT(i >= 0 && i < c->count);
    return &c->shards[i];
}

int64_t lm_corpus_tokens(const lm_corpus *c) {
    return c->tokens;
}
int64_t lm_corpus_shards(const lm_corpus *c) {
    return c->count;
}
const char *lm_corpus_shard_path(const lm_corpus *c, int64_t i) {
    return shard_at(c, i)->path;
}
int64_t lm_corpus_shard_tokens(const lm_corpus *c, int64_t i) {
    return shard_at(c, i)->tokens;
}

void lm_corpus_read(const lm_corpus *c, int64_t i, int64_t first, int64_t n, int32_t *tokens) {
    const lm_shard *s = shard_at(c, i);
    LM_ASSERT(first >= 0 && n >= 0 && n <= s->tokens - first);
    s->format->read(s, first, n, tokens);
}

const char *lm_corpus_format(const lm_corpus *c) {
    return c->shards[0].format->name;
}

int64_t lm_corpus_most_vocab_size(const lm_corpus *c) {
    int64_t most = 0;
    for (int64_t i = 0; i < c->count; i++)
        most = lm_max(most, c->shards[i].format->most_vocab_size);
    return most;
}

int64_t lm_corpus_vocab_size(const lm_corpus *c) {
    return c->shards[0].manifest.vocab_size;
}

const char *lm_corpus_tokenizer(const lm_corpus *c) {
    return c->shards[0].manifest.found ? c->shards[0].manifest.tokenizer : NULL;
}

/* ---- validation -------------------------------------------------------------------------------*/

#define BLOCK 4096 /* tokens read at a time */

static bool occurs(int64_t id, const int32_t *ids, int64_t n) {
    bool found = false;
    for (int64_t i = 0; i < n; i++) found |= ids[i] == id;
    return found;
}

static lm_status validate_ids(lm_corpus *c, const lm_shard *s, int64_t vocab_size, lm_error *err) {
    int32_t ids[BLOCK];
    for (int64_t first = 0; first < s->tokens; first += BLOCK) {
        int64_t n = lm_min(s->tokens - first, BLOCK);
        int32_t most = 0;
        s->format->read(s, first, n, ids);
        for (int64_t i = 0; i < n; i++) most = ids[i] > most ? ids[i] : most;
        if (c->watch >= 0 && !c->watched) c->watched = occurs(c->watch, ids, n);
        if (most < vocab_size) continue;
        int64_t i = 0;
        while (ids[i] < vocab_size) i++;
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: byte offset %" PRId64 ": expected token ids below %" PRId64
                            " (model.vocab_size), found %" PRId32,
                            s->path, s->format->byte_offset(first + i), vocab_size, ids[i]);
    }
    return LM_OK;
}

lm_status lm_corpus_validate(lm_corpus *c, int64_t vocab_size, lm_error *err) {
    lm_digest whole;
    lm_digest_init(&whole);
    c->watched = false;
    for (int64_t i = 0; i < c->count; i++) {
        const lm_shard *s = &c->shards[i];
        lm_status status = validate_ids(c, s, vocab_size, err);
        if (status != LM_OK) return status;
        uint64_t digest = lm_digest_of(s->map.data, s->map.size);
        if (s->manifest.found && s->manifest.digest != digest)
            return lm_error_set(err, LM_ERR_RUNTIME,
                                "%s: damaged: expected digest %016" PRIx64
                                " (its manifest says so), found %016" PRIx64,
                                s->path, s->manifest.digest, digest);
        unsigned char bytes[8];
        lm_write_u64(bytes, digest);
        lm_digest_add(&whole, bytes, sizeof bytes);
    }
    c->digest = lm_digest_end(&whole);
    c->validated = true;
    return LM_OK;
}

void lm_corpus_watch(lm_corpus *c, int64_t id) {
    c->watch = id;
    c->validated = false;
}

bool lm_corpus_watched(const lm_corpus *c) {
    LM_ASSERT(c->validated);
    return c->watched;
}

uint64_t lm_corpus_digest(const lm_corpus *c) {
    LM_ASSERT(c->validated);
    return c->digest;
}

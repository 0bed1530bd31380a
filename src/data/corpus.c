#include "data/corpus.h"

#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/numbers.h"
#include "data/format.h"
#include "data/parts.h"
#include "data/shard_set.h"

/* ---- opening ----------------------------------------------------------------------------------*/

/* Every shard stays open: raise the limit on open files as far as this process may. */
static void allow_open_files(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max) return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit); /* when it fails, opening a file may fail and says so */
}

static lm_status add_shard(lm_corpus *c, const char *path, lm_error *err) {
    lm_shard *grown = realloc(c->shards, (size_t)(c->count + 1) * sizeof *grown);
    if (!grown) return lm_error_no_memory(err, path);
    c->shards = grown;
    lm_shard *s = &grown[c->count];
    *s = (lm_shard){
        .path = strdup(path), .token_bytes = c->how.token_bytes, .vocab_size = c->how.vocab_size};
    if (!s->path) return lm_error_no_memory(err, path);
    if (++c->count == 100) allow_open_files(); /* from here on lm_corpus_close frees the shard */
    lm_status status = lm_shard_open(s, err);
    if (status != LM_OK) return status;
    if (s->manifest.found && s->manifest.tokens != s->tokens)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: expected %" PRId64
                            " tokens (its manifest says so), found %" PRId64,
                            path, s->manifest.tokens, s->tokens);
    const lm_manifest *first = &c->shards[0].manifest;
    if (s->manifest.found != first->found ||
        !lm_manifest_same_tokenizer(&s->manifest.tokenizer, &first->tokenizer))
        return lm_error_set(
            err, LM_ERR_RUNTIME,
            "%s: expected the tokenizer of the first shard, %s \"%s\", found \"%s\"%s", path,
            c->shards[0].path, first->tokenizer.name, s->manifest.tokenizer.name,
            strcmp(s->manifest.tokenizer.name, first->tokenizer.name) == 0 ? " of another file"
                                                                           : "");
    c->tokens += s->tokens;
    return LM_OK;
}

bool lm_corpus_is_shard_name(const char *name) {
    return name[0] != '.' && (lm_text_ends_with(name, ".bin") || lm_text_ends_with(name, ".npy"));
}

/* A manifest or an index. */
static bool stands_beside_shards(const char *name) {
    return lm_text_ends_with(name, ".idx") || lm_text_ends_with(name, ".json");
}

static lm_status check_finished(const char *directory, lm_error *err) {
    lm_text text = {0};
    lm_error ignored;
    char *path = lm_file_join(directory, LM_UNFINISHED_FILE);
    if (!path) return lm_error_no_memory(err, directory);
    lm_status status = LM_OK;
    if (lm_file_exists(path) && lm_file_read(path, 1 << 16, &text, &ignored) == LM_OK &&
        strstr(lm_text_cstr(&text), LM_UNFINISHED_FORMAT))
        status =
            lm_error_set(err, LM_ERR_RUNTIME,
                         "%s: expected a whole corpus, found an unfinished one (" LM_UNFINISHED_FILE
                         "): give its lmtrain tokenize again, which goes on where it was",
                         directory);
    lm_text_free(&text);
    free(path);
    return status;
}

static lm_status add_directory(lm_corpus *c, const char *path, lm_error *err) {
    lm_file_list list;
    lm_status status = check_finished(path, err);
    if (status != LM_OK) return status;
    status = lm_file_list_directory(&list, path, err);
    for (size_t i = 0; status == LM_OK && i < list.count; i++) {
        if (!lm_corpus_is_shard_name(list.names[i])) {
            c->skipped += !stands_beside_shards(list.names[i]);
            continue;
        }
        char *full = lm_file_join(path, list.names[i]);
        status = full ? add_shard(c, full, err) : lm_error_no_memory(err, path);
        free(full);
    }
    lm_file_list_free(&list);
    if (status == LM_OK && c->count == 0)
        status =
            lm_error_set(err, LM_ERR_RUNTIME,
                         "%s: expected *.bin or *.npy shards in this directory, found none", path);
    return status;
}

static bool is_in_pattern(const char *path) {
    const char *slash = strrchr(path, '/');
    return (slash ? slash[1] : path[0]) != '.' && !stands_beside_shards(path);
}

/* The directory of each shard that a pattern found. */
static lm_status check_all_finished(const lm_corpus *c, lm_error *err) {
    lm_status status = LM_OK;
    size_t before = SIZE_MAX;
    for (int64_t i = 0; status == LM_OK && i < c->count; i++) {
        const char *path = c->shards[i].path, *slash = strrchr(path, '/');
        size_t n = slash ? (size_t)(slash - path) : 0;
        if (n == before && strncmp(path, c->shards[i - 1].path, n + (slash != NULL)) == 0) continue;
        char *directory = slash ? strndup(path, n > 0 ? n : 1) : strdup(".");
        status = directory ? check_finished(directory, err) : lm_error_no_memory(err, path);
        free(directory);
        before = n;
    }
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
        if (is_in_pattern(found.gl_pathv[i])) {
            status = add_shard(c, found.gl_pathv[i], err);
        } else {
            c->skipped += !stands_beside_shards(found.gl_pathv[i]);
        }
    if (status == LM_OK && c->count == 0)
        status = lm_error_set(err, LM_ERR_RUNTIME,
                              "%s: expected shards, found only names that begin with a dot or end"
                              " in .idx or .json",
                              path);
    globfree(&found);
    return status == LM_OK ? check_all_finished(c, err) : status;
}

/* One shard. Megatron's users name x for x.bin and x.idx, and some the index. */
static lm_status add_file(lm_corpus *c, const char *path, lm_error *err) {
    size_t n = strlen(path);
    bool exists = lm_file_exists(path), index = lm_text_ends_with(path, ".idx");
    lm_text shard = {0};
    lm_status status = LM_OK;
    if (index || !exists) {
        lm_text_printf(&shard, "%.*s.bin", (int)(index ? n - strlen(".idx") : n), path);
        if (shard.failed) status = lm_error_no_memory(err, path);
    }
    if (status == LM_OK)
        status =
            add_shard(c, lm_file_exists(lm_text_cstr(&shard)) ? lm_text_cstr(&shard) : path, err);
    lm_text_free(&shard);
    return status;
}

static void name_format(lm_corpus *c) {
    char ids[LM_IDS_NAME_SIZE];
    const lm_shard *s = &c->shards[0];
    snprintf(c->format, sizeof c->format, "%s %s", s->format->name, lm_ids_name(s->ids, ids));
}

lm_status lm_corpus_open(lm_corpus **corpus, const char *path, const lm_corpus_options *how,
                         lm_error *err) {
    *corpus = NULL;
    lm_corpus *c = calloc(1, sizeof *c);
    if (!c) return lm_error_no_memory(err, path);
    c->how = *how;
    if (!(c->path = strdup(path))) {
        lm_corpus_close(c);
        return lm_error_no_memory(err, path);
    }
    c->watch = -1;
    c->bound = INT32_MAX;
    lm_status status;
    if (lm_file_is_directory(path)) {
        status = add_directory(c, path, err);
    } else if (!lm_file_exists(path) && strpbrk(path, "*?[")) {
        status = add_pattern(c, path, err);
    } else {
        status = add_file(c, path, err);
    }
    if (status == LM_OK && c->tokens == 0)
        status =
            lm_error_set(err, LM_ERR_RUNTIME, "%s: expected tokens, found an empty corpus", path);
    if (status != LM_OK) {
        lm_corpus_close(c);
        return status;
    }
    name_format(c);
    *corpus = c;
    return LM_OK;
}

void lm_corpus_close(lm_corpus *c) {
    if (!c) return;
    for (int64_t i = 0; i < c->count; i++) lm_shard_close(&c->shards[i]);
    free(c->shards);
    free(c->path);
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
int64_t lm_corpus_skipped(const lm_corpus *c) {
    return c->skipped;
}
const char *lm_corpus_path(const lm_corpus *c) {
    return c->path;
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

int64_t lm_corpus_shared_shard(const lm_corpus *c, const lm_corpus *other) {
    for (int64_t i = 0; i < c->count; i++)
        for (int64_t k = 0; k < other->count; k++) {
            const lm_shard_identity *a = &c->shards[i].identity, *b = &other->shards[k].identity;
            if (a->inode == b->inode && a->device == b->device) return i;
        }
    return -1;
}

lm_status lm_corpus_bad_id(const lm_shard *s, int64_t token, int64_t bound, const char *why,
                           lm_error *err) {
    unsigned char bytes[LM_IDS_MOST_BYTES];
    int64_t n;
    uint64_t offset = lm_shard_offset(s, token, &n);
    lm_status status = lm_shard_read_bytes(s, offset, bytes, (size_t)s->ids.bytes, err);
    if (status != LM_OK) return status;
    return lm_error_set(err, LM_ERR_RUNTIME,
                        "%s: byte offset %" PRIu64 ": expected token ids below %" PRId64
                        " (model.vocab_size), found %" PRId64 "%s",
                        s->path, offset, bound, lm_ids_value(s->ids, bytes), why);
}

lm_status lm_corpus_read(const lm_corpus *c, int64_t i, int64_t first, int64_t n, int32_t *tokens,
                         lm_error *err) {
    const lm_shard *s = shard_at(c, i);
    lm_status status = lm_shard_read(s, first, n, tokens, err);
    if (status != LM_OK || lm_ids_largest(tokens, n) < (uint64_t)c->bound) return status;
    int64_t k = 0;
    while (k + 1 < n && (uint64_t)(uint32_t)tokens[k] < (uint64_t)c->bound) k++;
    return lm_corpus_bad_id(s, first + k, c->bound,
                            c->validated ? ": it changed while it was read" : "", err);
}

uint64_t lm_corpus_byte(const lm_corpus *c, int64_t i, int64_t token) {
    int64_t n;
    return lm_shard_offset(shard_at(c, i), token, &n);
}

void lm_corpus_expect(const lm_corpus *c, int64_t i, int64_t first, int64_t n) {
    const lm_shard *s = shard_at(c, i);
    while (n > 0) {
        int64_t count;
        uint64_t offset = lm_shard_offset(s, first, &count);
        count = lm_min(count, n);
        lm_file_reader_expect(&s->file, offset, (uint64_t)(count * s->ids.bytes));
        first += count;
        n -= count;
    }
}

const char *lm_corpus_format(const lm_corpus *c) {
    return c->format;
}

int64_t lm_corpus_most_vocab_size(const lm_corpus *c) {
    int64_t most = 0;
    for (int64_t i = 0; i < c->count; i++)
        most = lm_max(most, lm_ids_most_vocab_size(c->shards[i].ids));
    return most;
}

int64_t lm_corpus_vocab_size(const lm_corpus *c) {
    return c->shards[0].manifest.tokenizer.vocab_size;
}

const lm_manifest_tokenizer *lm_corpus_tokenizer(const lm_corpus *c) {
    return c->shards[0].manifest.found ? &c->shards[0].manifest.tokenizer : NULL;
}

char *lm_corpus_tokenizer_path(const lm_corpus *c) {
    const lm_shard *s = &c->shards[0];
    LM_ASSERT(*s->manifest.tokenizer.file);
    return lm_manifest_tokenizer_path(&s->manifest, s->path);
}

#include "data/shard_set.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"

static void name_shard(const lm_shard_set *s, int64_t shard, char out[128]) {
    if (s->shard_tokens > 0)
        snprintf(out, 128, "%.64s-%05" PRId64 ".bin", s->name, shard);
    else
        snprintf(out, 128, "%.64s.bin", s->name);
}

char *lm_shard_set_path(const lm_shard_set *s, int64_t shard) {
    char name[128];
    name_shard(s, shard, name);
    return lm_file_join(s->directory, name);
}

/* Opens the shard behind those that are complete; `tokens` < 0: a new one. */
static lm_status open_writer(lm_shard_set *s, int64_t tokens, lm_error *err) {
    char *path = lm_shard_set_path(s, s->complete);
    if (!path) return lm_error_no_memory(err, s->directory);
    lm_status status = tokens < 0
                           ? lm_shard_writer_open(&s->writer, path, &s->tokenizer, err)
                           : lm_shard_writer_resume(&s->writer, path, &s->tokenizer, tokens, err);
    s->open = status == LM_OK;
    free(path);
    return status;
}

lm_status lm_shard_set_open(lm_shard_set *s, const char *directory, const char *name,
                            const lm_manifest_tokenizer *tokenizer, int64_t shard_tokens,
                            lm_error *err) {
    *s = (lm_shard_set){.directory = directory,
                        .name = name,
                        .tokenizer = *tokenizer,
                        .shard_tokens = shard_tokens};
    return open_writer(s, -1, err);
}

/* A shard that is full is complete only when another token comes: the last one is never empty. */
lm_status lm_shard_set_resume(lm_shard_set *s, const char *directory, const char *name,
                              const lm_manifest_tokenizer *tokenizer, int64_t shard_tokens,
                              int64_t tokens, lm_error *err) {
    *s = (lm_shard_set){.directory = directory,
                        .name = name,
                        .tokenizer = *tokenizer,
                        .shard_tokens = shard_tokens,
                        .tokens = tokens};
    if (shard_tokens > 0 && tokens > 0) s->complete = (tokens - 1) / shard_tokens;
    return open_writer(s, tokens > 0 ? tokens - s->complete * shard_tokens : -1, err);
}

void lm_shard_set_name_document_token(lm_shard_set *s, int64_t token) {
    s->tokenizer.document_token = token;
    s->writer.manifest.tokenizer.document_token = token;
}

static lm_status complete(lm_shard_set *s, lm_error *err) {
    lm_status status = lm_shard_writer_commit(&s->writer, err);
    s->open = false;
    if (status == LM_OK) s->complete++;
    return status;
}

lm_status lm_shard_set_put(lm_shard_set *s, const int32_t *tokens, int64_t n, lm_error *err) {
    while (n > 0) {
        int64_t here = s->tokens - s->complete * s->shard_tokens, count = n;
        lm_status status = LM_OK;
        if (s->shard_tokens > 0) {
            if (here == s->shard_tokens) {
                if ((status = complete(s, err)) != LM_OK) return status;
                if ((status = open_writer(s, -1, err)) != LM_OK) return status;
                here = 0;
            }
            count = lm_min(n, s->shard_tokens - here);
        }
        if ((status = lm_shard_writer_put(&s->writer, tokens, count, err)) != LM_OK) return status;
        s->tokens += count;
        tokens += count;
        n -= count;
    }
    return LM_OK;
}

lm_status lm_shard_set_sync(const lm_shard_set *s, lm_error *err) {
    return lm_shard_writer_sync(&s->writer, err);
}

lm_status lm_shard_set_commit(lm_shard_set *s, lm_error *err) {
    return complete(s, err);
}

void lm_shard_set_close(lm_shard_set *s, bool leave) {
    if (s->open && leave) lm_shard_writer_leave(&s->writer);
    if (s->open && !leave) lm_shard_writer_abort(&s->writer);
    s->open = false;
}

/* ---- what else is there -----------------------------------------------------------------------*/

/* Is it NAME.bin or NAME-DIGITS.bin? */
static bool belongs(const char *file, const char *name) {
    size_t n = strlen(name);
    if (strncmp(file, name, n) != 0) return false;
    file += n;
    if (file[0] == '-' && file[1] >= '0' && file[1] <= '9')
        file += 1 + strspn(file + 1, "0123456789");
    return strcmp(file, ".bin") == 0;
}

lm_status lm_shard_set_find(const char *directory, const char *name, char **path, lm_error *err) {
    lm_file_list list;
    lm_status status = lm_file_list_directory(&list, directory, err);
    *path = NULL;
    for (size_t i = 0; status == LM_OK && !*path && i < list.count; i++)
        if (belongs(list.names[i], name) && !(*path = lm_file_join(directory, list.names[i])))
            status = lm_error_no_memory(err, directory);
    lm_file_list_free(&list);
    return status;
}

static lm_status remove_with_manifest(const char *path, lm_error *err) {
    char *manifest = lm_manifest_path(path);
    if (!manifest) return lm_error_no_memory(err, path);
    lm_status status = lm_file_remove(path, err);
    if (status == LM_OK && lm_file_exists(manifest)) status = lm_file_remove(manifest, err);
    free(manifest);
    return status;
}

static bool is_ours(const lm_shard_set *s, const char *file) {
    char name[128];
    const char *digits = strrchr(file, '-');
    long long shard = s->shard_tokens > 0 && digits ? strtoll(digits + 1, NULL, 10) : 0;
    if (shard < 0 || shard >= s->complete) return false;
    name_shard(s, shard, name);
    return strcmp(file, name) == 0;
}

lm_status lm_shard_set_remove_others(const lm_shard_set *s, lm_error *err) {
    lm_file_list list;
    lm_status status = lm_file_list_directory(&list, s->directory, err);
    for (size_t i = 0; status == LM_OK && i < list.count; i++) {
        if (!belongs(list.names[i], s->name) || is_ours(s, list.names[i])) continue;
        char *path = lm_file_join(s->directory, list.names[i]);
        status = path ? remove_with_manifest(path, err) : lm_error_no_memory(err, s->directory);
        free(path);
    }
    lm_file_list_free(&list);
    return status;
}

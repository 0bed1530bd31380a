#include "data/shard_writer.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/numbers.h"
#include "data/format.h"

/* All but the file. */
static lm_status begin(lm_shard_writer *w, const char *path, const lm_manifest_tokenizer *tokenizer,
                       lm_error *err) {
    const int64_t vocab_size = tokenizer->vocab_size;
    LM_ASSERT(vocab_size >= 1);
    memset(w, 0, sizeof *w);
    w->file.fd = -1;
    w->manifest.found = true;
    w->manifest.format = lm_format_to_write(vocab_size);
    if (!w->manifest.format)
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: no format of shards holds a vocabulary of %" PRId64, path,
                            vocab_size);
    w->manifest.tokenizer = *tokenizer;
    lm_digest_init(&w->digest);
    return LM_OK;
}

lm_status lm_shard_writer_open(lm_shard_writer *w, const char *path,
                               const lm_manifest_tokenizer *tokenizer, lm_error *err) {
    lm_status status = begin(w, path, tokenizer, err);
    return status == LM_OK ? lm_file_writer_open(&w->file, path, err) : status;
}

static lm_status remove_manifest(const char *shard_path, lm_error *err) {
    char *path = lm_manifest_path(shard_path);
    if (!path) return lm_error_no_memory(err, shard_path);
    lm_status status = lm_file_exists(path) ? lm_file_remove(path, err) : LM_OK;
    free(path);
    return status;
}

/* Adds what is in the file already to the digest. */
static lm_status digest_again(lm_shard_writer *w, lm_error *err) {
    unsigned char block[1 << 16];
    lm_file_reader r;
    lm_status status = lm_file_reader_open(&r, w->file.temporary, err);
    if (status != LM_OK) return status;
    for (uint64_t at = 0; at < w->file.offset && status == LM_OK; at += sizeof block) {
        size_t n = (size_t)lm_u64_min(sizeof block, w->file.offset - at);
        if ((status = lm_file_reader_at(&r, at, block, n, err)) == LM_OK)
            lm_digest_add(&w->digest, block, n);
    }
    lm_file_reader_close(&r);
    return status;
}

lm_status lm_shard_writer_resume(lm_shard_writer *w, const char *path,
                                 const lm_manifest_tokenizer *tokenizer, int64_t tokens,
                                 lm_error *err) {
    lm_status status = begin(w, path, tokenizer, err);
    if (status != LM_OK || (status = remove_manifest(path, err)) != LM_OK) return status;
    w->manifest.tokens = tokens;
    uint64_t size = (uint64_t)tokens * (uint64_t)w->manifest.format->ids.bytes;
    status = lm_file_writer_resume(&w->file, path, size, err);
    if (status == LM_OK && (status = digest_again(w, err)) != LM_OK) lm_shard_writer_leave(w);
    return status;
}

lm_status lm_shard_writer_sync(const lm_shard_writer *w, lm_error *err) {
    return lm_file_writer_sync(&w->file, err);
}

void lm_shard_writer_leave(lm_shard_writer *w) {
    lm_file_writer_leave(&w->file);
}

lm_status lm_shard_writer_put(lm_shard_writer *w, const int32_t *tokens, int64_t n, lm_error *err) {
    enum { BLOCK = 4096 }; /* tokens */
    const lm_format *format = w->manifest.format;
    unsigned char buffer[BLOCK * LM_IDS_MOST_BYTES];
    while (n > 0) {
        int64_t count = lm_min(n, BLOCK);
        for (int64_t i = 0; i < count; i++) {
            LM_ASSERT(tokens[i] >= 0 && tokens[i] < w->manifest.tokenizer.vocab_size);
            w->manifest.largest = lm_max(w->manifest.largest, tokens[i]);
        }
        lm_ids_encode(format->ids, tokens, count, buffer);
        size_t bytes = (size_t)(count * format->ids.bytes);
        lm_status status = lm_file_writer_write(&w->file, buffer, bytes, err);
        if (status != LM_OK) return status;
        lm_digest_add(&w->digest, buffer, bytes);
        w->manifest.tokens += count;
        tokens += count;
        n -= count;
    }
    return LM_OK;
}

/* The shard is whole and has its name. */
static void vouch(lm_manifest *m, const char *path) {
    struct stat info;
    m->size = (uint64_t)m->tokens * (uint64_t)m->format->ids.bytes;
    if (stat(path, &info) != 0 || (uint64_t)info.st_size != m->size || info.st_mtim.tv_sec < 0)
        return;
    m->modified = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec;
    m->vouches = true;
}

lm_status lm_shard_writer_commit(lm_shard_writer *w, lm_error *err) {
    lm_text text = {0};
    char *path = lm_manifest_path(w->file.path), *shard = strdup(w->file.path);
    lm_status status = LM_OK;
    if (!path || !shard) {
        status = lm_error_no_memory(err, w->file.path);
        goto out;
    }
    if (lm_file_exists(path) && (status = lm_file_remove(path, err)) != LM_OK) goto out;
    if ((status = lm_file_writer_commit(&w->file, err)) != LM_OK) goto out;
    w->manifest.digest = lm_digest_end(&w->digest);
    vouch(&w->manifest, shard);
    lm_manifest_print(&w->manifest, &text);
    status = text.failed ? lm_error_no_memory(err, path)
                         : lm_file_replace(path, lm_text_cstr(&text), text.length, err);
out:
    if (status != LM_OK) lm_shard_writer_abort(w);
    lm_text_free(&text);
    free(path);
    free(shard);
    return status;
}

void lm_shard_writer_abort(lm_shard_writer *w) {
    lm_file_writer_abort(&w->file);
}

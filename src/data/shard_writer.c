#include "data/shard_writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

lm_status lm_shard_writer_open(lm_shard_writer *w, const char *path, const char *tokenizer,
                               int64_t vocab_size, lm_error *err) {
    LM_ASSERT(vocab_size >= 1 && vocab_size <= 65536);
    memset(w, 0, sizeof *w);
    w->manifest.found = true;
    w->manifest.vocab_size = vocab_size;
    snprintf(w->manifest.tokenizer, sizeof w->manifest.tokenizer, "%s", tokenizer);
    lm_digest_init(&w->digest);
    return lm_file_writer_open(&w->file, path, err);
}

lm_status lm_shard_writer_put(lm_shard_writer *w, const int32_t *tokens, int64_t n, lm_error *err) {
    unsigned char buffer[8192];
    while (n > 0) {
        int64_t count = n < (int64_t)sizeof buffer / 2 ? n : (int64_t)sizeof buffer / 2;
        for (int64_t i = 0; i < count; i++) {
            LM_ASSERT(tokens[i] >= 0 && tokens[i] < w->manifest.vocab_size);
            lm_write_u16(buffer + 2 * i, (uint16_t)tokens[i]);
        }
        size_t bytes = 2 * (size_t)count;
        lm_status status = lm_file_writer_write(&w->file, buffer, bytes, err);
        if (status != LM_OK) return status;
        lm_digest_add(&w->digest, buffer, bytes);
        w->manifest.tokens += count;
        tokens += count;
        n -= count;
    }
    return LM_OK;
}

lm_status lm_shard_writer_commit(lm_shard_writer *w, lm_error *err) {
    lm_text text = {0};
    char *path = lm_manifest_path(w->file.path);
    lm_status status = LM_OK;
    if (!path) {
        status = lm_error_no_memory(err, w->file.path);
        goto out;
    }
    if (lm_file_exists(path) && (status = lm_file_remove(path, err)) != LM_OK) goto out;
    if ((status = lm_file_writer_commit(&w->file, err)) != LM_OK) goto out;
    w->manifest.digest = lm_digest_end(&w->digest);
    lm_manifest_print(&w->manifest, &text);
    status = text.failed ? lm_error_no_memory(err, path)
                         : lm_file_replace(path, lm_text_cstr(&text), text.length, err);
out:
    if (status != LM_OK) lm_shard_writer_abort(w);
    lm_text_free(&text);
    free(path);
    return status;
}

void lm_shard_writer_abort(lm_shard_writer *w) {
    lm_file_writer_abort(&w->file);
}

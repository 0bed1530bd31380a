/* Writes token shards and their manifest.
 *
 *     lm_shard_writer w;
 *     lm_shard_writer_open(&w, "out/train.bin", "bytes", 256, err);
 *     lm_shard_writer_put(&w, tokens, n, err); ...
 *     lm_shard_writer_commit(&w, err);                 // out/train.bin, out/train.json, both
 * atomic
 *
 * Shard: little-endian uint16 ids, no header (the format nanoGPT writes). Manifest: JSON {"format",
 * "tokenizer", "vocab_size", "tokens", "dtype", "crc32"...}. */
#ifndef LM_DATA_SHARD_WRITER_H
#define LM_DATA_SHARD_WRITER_H

#include "base/file.h"

typedef struct lm_shard_writer {
    lm_file_writer file;
    char *tokenizer;
    int64_t vocab_size, tokens;
    uint64_t digest;
} lm_shard_writer;

lm_status lm_shard_writer_open(lm_shard_writer *w, const char *path, const char *tokenizer,
                               int64_t vocab_size, lm_error *err);
lm_status lm_shard_writer_put(lm_shard_writer *w, const int32_t *tokens, int64_t n, lm_error *err);
lm_status lm_shard_writer_commit(lm_shard_writer *w, lm_error *err);
void lm_shard_writer_abort(lm_shard_writer *w);

#endif

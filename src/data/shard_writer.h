/* Writes a token shard and its manifest.
 *
 *     lm_shard_writer w;
 *     lm_shard_writer_open(&w, "out/train.bin", &tokenizer, err);
 *     lm_shard_writer_put(&w, tokens, n, err);  ...
 *     lm_shard_writer_commit(&w, err);                 // out/train.bin, then out/train.json
 *
 * The shard is in the first format of the registry that holds the vocabulary (format.h).
 * Neither name holds anything new until commit; an old manifest is removed before its shard is
 * replaced, so that no moment has a manifest that disagrees. */
#ifndef LM_DATA_SHARD_WRITER_H
#define LM_DATA_SHARD_WRITER_H

#include "base/digest.h"
#include "base/file.h"
#include "data/manifest.h"

typedef struct lm_shard_writer {
    lm_file_writer file;
    lm_manifest manifest;
    lm_digest digest;
} lm_shard_writer;

/* A vocabulary that no format holds is LM_ERR_USAGE. */
lm_status lm_shard_writer_open(lm_shard_writer *w, const char *path,
                               const lm_manifest_tokenizer *tokenizer, lm_error *err);
/* Appends n ids, each in [0, vocab_size) (asserted). */
lm_status lm_shard_writer_put(lm_shard_writer *w, const int32_t *tokens, int64_t n, lm_error *err);
lm_status lm_shard_writer_commit(lm_shard_writer *w, lm_error *err);
/* As those of lm_file_writer (base/file.h); resume goes on behind the first `tokens`, whose digest
 * it computes anew, and removes the manifest if the shard was committed since. */
lm_status lm_shard_writer_sync(const lm_shard_writer *w, lm_error *err);
void lm_shard_writer_leave(lm_shard_writer *w);
lm_status lm_shard_writer_resume(lm_shard_writer *w, const char *path,
                                 const lm_manifest_tokenizer *tokenizer, int64_t tokens,
                                 lm_error *err);
void lm_shard_writer_abort(lm_shard_writer *w); /* after commit or twice: does nothing */

#endif

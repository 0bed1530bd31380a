/* Token corpora: shards of token ids, memory-mapped.
 *
 *     lm_corpus *c;
 *     lm_corpus_open(&c, "data/headers/train.bin", err);
 *     lm_corpus_validate(c, vocab_size, err);          // every id, before step 1
 *     lm_corpus_close(c);
 *
 * A path is one shard; a directory, whose *.bin files are the shards in strcmp order; or a pattern
 * with * ? [ as the shell has them. Files larger than memory stream from the page cache.
 *
 * Formats are rows in a registry (corpus.c). Today: raw little-endian uint16 ids without a header,
 * as nanoGPT writes them, with or without the manifest that lmtrain tokenize writes beside it
 * (train.bin, train.json; data/manifest.h). */
#ifndef LM_DATA_CORPUS_H
#define LM_DATA_CORPUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef struct lm_corpus lm_corpus;

/* Maps every shard. Sizes that are not whole tokens, an empty corpus, or a manifest that disagrees
 * with its shard are errors naming file, expected, found. */
lm_status lm_corpus_open(lm_corpus **c, const char *path, lm_error *err);
void lm_corpus_close(lm_corpus *c); /* NULL is fine */

int64_t lm_corpus_tokens(const lm_corpus *c);
int64_t lm_corpus_shards(const lm_corpus *c);
const char *lm_corpus_shard_path(const lm_corpus *c, int64_t shard);
int64_t lm_corpus_shard_tokens(const lm_corpus *c, int64_t shard);
/* Ids first .. first+n-1 of a shard, which must exist; overwrites tokens [n]. */
void lm_corpus_read(const lm_corpus *c, int64_t shard, int64_t first, int64_t n, int32_t *tokens);

/* From the manifests: 0 / NULL when there is none. */
int64_t lm_corpus_vocab_size(const lm_corpus *c);
const char *lm_corpus_tokenizer(const lm_corpus *c);

/* An id for lm_corpus_validate to look out for, as it reads everything anyway; -1, as at first: none. */
void lm_corpus_watch(lm_corpus *c, int64_t id);
/* Does it occur? Known after lm_corpus_validate (asserted). */
bool lm_corpus_watched(const lm_corpus *c);

/* Reads everything once: every id below vocab_size, else an error naming the shard, the byte
 * offset, the id and the bound; every digest as its manifest says. */
lm_status lm_corpus_validate(lm_corpus *c, int64_t vocab_size, lm_error *err);
/* Of the shards' token data in order, names apart, for the checkpoint's record: a resumed run must
 * see the same data. Known after lm_corpus_validate (asserted). */
uint64_t lm_corpus_digest(const lm_corpus *c);

#endif

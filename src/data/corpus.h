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
 * Each format is a file and a row in a registry (format.h). A manifest beside a shard names it;
 * without one the shard's contents tell. lmtrain tokenize writes the manifests (train.bin,
 * train.json; manifest.h). */
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

/* The first shard's format, for people: "raw uint16". */
const char *lm_corpus_format(const lm_corpus *c);
/* The largest vocabulary that the shards' formats can hold: every id is below it. */
int64_t lm_corpus_most_vocab_size(const lm_corpus *c);

/* What the manifests say: 0 and NULL when there are none. */
int64_t lm_corpus_vocab_size(const lm_corpus *c);
const char *lm_corpus_tokenizer(const lm_corpus *c);

/* lm_corpus_validate records whether this id occurs. -1 (the default): no id is watched. */
void lm_corpus_watch(lm_corpus *c, int64_t id);
/* Whether it occurs: known after lm_corpus_validate (asserted). */
bool lm_corpus_watched(const lm_corpus *c);

/* Reads everything once: every id below vocab_size, else an error naming the shard, the byte
 * offset, the id and the bound; every digest as its manifest says. */
lm_status lm_corpus_validate(lm_corpus *c, int64_t vocab_size, lm_error *err);
/* Digest of the shards' bytes in order, whatever their names: a checkpoint records it, since a
 * resumed run must see the same data. Known after lm_corpus_validate (asserted). */
uint64_t lm_corpus_digest(const lm_corpus *c);

#endif

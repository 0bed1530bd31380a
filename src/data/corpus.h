/* Token corpora: shards of token ids, memory-mapped.
 *
 *     lm_corpus *c;
 *     lm_corpus_open(&c, "data/headers/train", err);  // a shard, a directory of shards, or a glob
 * pattern lm_corpus_validate(c, vocab_size, err);         // every id, before step 1 lm_sampler s;
 * lm_sampler_init(&s, c, context_length, shuffle, seed, err); lm_sampler_window(&s, sample_index,
 * tokens);    // tokens [context_length + 1]
 *
 * Formats are rows in a registry (raw uint16 `.bin` as nanoGPT writes it, with or without the
 * manifest that lmtrain tokenize writes beside it); others come later. */
#ifndef LM_DATA_CORPUS_H
#define LM_DATA_CORPUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

typedef struct lm_corpus lm_corpus;

/* Maps every shard (files larger than memory stream from the page cache). Sizes that are not whole
 * tokens, an empty corpus, or a manifest that disagrees with its shard are errors naming file,
 * expected, found. */
lm_status lm_corpus_open(lm_corpus **c, const char *path, lm_error *err);
void lm_corpus_close(lm_corpus *c);
int64_t lm_corpus_tokens(const lm_corpus *c);
int64_t lm_corpus_shards(const lm_corpus *c);
/* From the manifest: 0 / NULL when there is none. */
int64_t lm_corpus_vocab_size(const lm_corpus *c);
const char *lm_corpus_tokenizer(const lm_corpus *c);
/* Every id below vocab_size, else an error naming the shard, the byte offset, the id and the bound.
 */
lm_status lm_corpus_validate(const lm_corpus *c, int64_t vocab_size, lm_error *err);
/* A digest of names-independent content (token count and token data), for the checkpoint's data
 * record: a resumed run must see the same data. Cheap: sampled or from the manifest's checksum. */
uint64_t lm_corpus_digest(const lm_corpus *c);

/* Data order is a pure function of (seed, sample index): per epoch a keyed permutation of the fixed
 * windows [i*T, i*T + T] of every shard, in O(1) memory (a Feistel network over the next power of
 * four, walked until it lands inside). A checkpoint stores a counter, not a loader. */
typedef struct lm_sampler {
    const lm_corpus *corpus;
    int64_t context_length, windows; /* windows an epoch */
    bool shuffle;
    uint64_t seed;
} lm_sampler;
lm_status lm_sampler_init(lm_sampler *s, const lm_corpus *c, int64_t context_length, bool shuffle,
                          uint64_t seed, lm_error *err);
/* The window of sample `index` (epoch index / windows) as ids: tokens [context_length + 1]
 * overwritten. */
void lm_sampler_window(const lm_sampler *s, int64_t index, int32_t *tokens);
/* Window `i` in file order, for evaluation. */
void lm_sampler_window_in_order(const lm_sampler *s, int64_t i, int32_t *tokens);

#endif

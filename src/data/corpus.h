/* Token corpora: shards of token ids.
 *
 *     lm_corpus *c;
 *     lm_corpus_open(&c, "data/headers/train.bin", &how, err);
 *     lm_corpus_validate(c, vocab_size, &check, err);  // every id, before step 1
 *     lm_corpus_read(c, shard, first, n, tokens, err); // and again as it is read
 *     lm_corpus_close(c);
 *
 * A path is one shard; a directory, whose *.bin and *.npy files are the shards in strcmp order; a
 * pattern with * ? [ as the shell has them; or what Megatron calls a prefix: x for x.bin and x.idx.
 * Names that begin with a dot are no shards.
 *
 * Shards are read at places (pread), not mapped: memory does not grow with the corpus, and a shard
 * that shrinks or cannot be read is an error that names it. Each shard stays open.
 *
 * Each format is a file and a row in a registry (format.h): raw uint16 and uint32, llm.c, NumPy,
 * Megatron. A manifest beside a shard names it; without one the shard's contents tell, never its
 * name. lmtrain tokenize writes the manifests (train.bin, train.json; manifest.h). */
#ifndef LM_DATA_CORPUS_H
#define LM_DATA_CORPUS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/error.h"
#include "data/manifest.h"

typedef struct lm_corpus lm_corpus;

/* What is known before raw ids without a manifest are opened, since they do not say how wide they
 * are: token_bytes when it is given, else 2 for vocabularies up to 65,536 and 4 above. */
typedef struct lm_corpus_options {
    int64_t token_bytes; /* 2 or 4; 0: not said */
    int64_t vocab_size;  /* 0: not known */
} lm_corpus_options;

/* Is a file of this name a shard of the directory that it is in? */
bool lm_corpus_is_shard_name(const char *name);

/* Opens every shard. Sizes that are not whole tokens, an empty corpus, a manifest that disagrees
 * with its shard, or shards whose lmtrain tokenize was stopped (of a directory or a pattern: one
 * shard alone is whole) are errors naming file, expected, found. */
lm_status lm_corpus_open(lm_corpus **c, const char *path, const lm_corpus_options *how,
                         lm_error *err);
void lm_corpus_close(lm_corpus *c); /* NULL is fine */

int64_t lm_corpus_tokens(const lm_corpus *c);
int64_t lm_corpus_shards(const lm_corpus *c);
const char *lm_corpus_shard_path(const lm_corpus *c, int64_t shard);
int64_t lm_corpus_shard_tokens(const lm_corpus *c, int64_t shard);
/* The first shard of c that `other` has too, the same file whatever its path; -1: none. */
int64_t lm_corpus_shared_shard(const lm_corpus *c, const lm_corpus *other);
/* Ids first .. first+n-1 of a shard, which must exist (asserted); overwrites tokens [n]. After
 * lm_corpus_validate every id is below its vocab_size, or the error names the shard, the byte
 * offset, the id and the bound: the shard changed while it was read. Any number of threads. */
lm_status lm_corpus_read(const lm_corpus *c, int64_t shard, int64_t first, int64_t n,
                         int32_t *tokens, lm_error *err);

/* The byte of the shard's file at which an id of it stands. */
uint64_t lm_corpus_byte(const lm_corpus *c, int64_t shard, int64_t token);
/* Asks the disk for ids that lm_corpus_read will soon read, and does not wait for them. */
void lm_corpus_expect(const lm_corpus *c, int64_t shard, int64_t first, int64_t n);

/* The first shard's format, for people: "raw uint16". Owned by c. */
const char *lm_corpus_format(const lm_corpus *c);
/* Files that stand among the shards (in a directory, or under a pattern) and are none: names that
 * begin with a dot or end in nothing that shards end in; manifests and indexes do not count. */
int64_t lm_corpus_skipped(const lm_corpus *c);
/* The path as it was asked for. Owned by c. */
const char *lm_corpus_path(const lm_corpus *c);
/* The largest vocabulary that the shards' formats can hold: every id is below it. */
int64_t lm_corpus_most_vocab_size(const lm_corpus *c);

/* What the manifests say: 0 and NULL when there are none. */
int64_t lm_corpus_vocab_size(const lm_corpus *c);
const lm_manifest_tokenizer *lm_corpus_tokenizer(const lm_corpus *c);
/* malloc'd path of that tokenizer's file, which it must have (asserted); NULL without memory. */
char *lm_corpus_tokenizer_path(const lm_corpus *c);

/* lm_corpus_validate records whether this id occurs. -1 (the default): no id is watched. */
void lm_corpus_watch(lm_corpus *c, int64_t id);
/* Whether it occurs: known after lm_corpus_validate (asserted). */
bool lm_corpus_watched(const lm_corpus *c);

typedef struct lm_corpus_check {
    int threads;     /* that read; 0: one */
    bool everything; /* read also what is vouched for */
    FILE *progress; /* where a check of more than half a second says how far it is; NULL: nowhere */
    void (*turn)(void *argument, bool within); /* lm_pool_set_between */
    void *turn_argument;
} lm_corpus_check;

/* Every id below vocab_size, else an error naming the shard, the byte offset, the id and the bound;
 * every digest as its manifest says. A shard is not read whose manifest vouches for it (the file
 * has the size and time that it had then), nor one that was checked before and has not
 * changed since: large shards without a manifest are remembered for all runs (remembered.h).
 * Otherwise it is read once, by all threads. */
lm_status lm_corpus_validate(lm_corpus *c, int64_t vocab_size, const lm_corpus_check *how,
                             lm_error *err);
/* Digest of the shards' bytes in order, whatever their names: a checkpoint records it, since a
 * resumed run must see the same data. Known after lm_corpus_validate (asserted). */
uint64_t lm_corpus_digest(const lm_corpus *c);
/* How many of the first shards have that digest together, at most all; 0: no number of them. So it
 * is told that shards were added. Known after lm_corpus_validate (asserted). */
int64_t lm_corpus_first_shards(const lm_corpus *c, uint64_t digest);

#endif

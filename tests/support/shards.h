/* Shards of made-up ids in tempdir. */
#ifndef LM_TESTS_SUPPORT_SHARDS_H
#define LM_TESTS_SUPPORT_SHARDS_H

#include "data/shard_writer.h"

/* The path of a file in tempdir, until shards_close. */
const char *shards_in(const char *name);
/* Writes one for a tokenizer without a file. */
lm_status shards_open(lm_shard_writer *w, const char *path, const char *tokenizer,
                      int64_t vocab_size, lm_error *err);
/* n ids of the tokenizer "bytes": first, first + 1, ... modulo vocab_size. */
void shards_put(const char *path, int64_t n, int32_t first, int64_t vocab_size);
/* A group's teardown; its setup is tempdir_open. */
int shards_close(void **state);

#endif

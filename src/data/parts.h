/* Inside the room: what an open corpus is. */
#ifndef LM_DATA_PARTS_H
#define LM_DATA_PARTS_H

#include "data/corpus.h"
#include "data/shard.h"

enum { LM_FORMAT_NAME_SIZE = 64 };

struct lm_corpus {
    lm_shard *shards;
    int64_t count, tokens;
    int64_t skipped; /* files that are no shards */
    char *path;      /* as it was asked for */
    lm_corpus_options how;
    char format[LM_FORMAT_NAME_SIZE]; /* of the first shard */
    int64_t watch;                    /* -1: none */
    int64_t bound;                    /* ids are below it, or reading them is an error */
    bool validated, watched;
    uint64_t digest;
};

/* The error about id number `token` of a shard, which is not below the bound. `why` follows it. */
lm_status lm_corpus_bad_id(const lm_shard *s, int64_t token, int64_t bound, const char *why,
                           lm_error *err);

#endif

/* Inside the room: reading all of a shard once, on all threads: its digest and its largest id. */
#ifndef LM_DATA_READ_ALL_H
#define LM_DATA_READ_ALL_H

#include "data/remembered.h"
#include "machine/pool.h"

typedef struct lm_read_all {
    lm_pool *pool;
    int64_t bound; /* reading ends at the first id that is not below it: an error that names it */
    int64_t watch; /* an id; -1: none */
    bool watched;  /* set when it occurs */
    uint64_t done; /* bytes read so far: of all shards that were read with this struct */
    void (*progress)(void *context); /* called now and then by the calling thread */
    void *context;
    unsigned char *buffer; /* workspace, which lm_read_all_free frees */
    struct lm_read_piece *pieces;
} lm_read_all;

lm_status lm_read_all_shard(lm_read_all *r, const lm_shard *s, lm_finding *f, lm_error *err);
void lm_read_all_free(lm_read_all *r); /* zero-initialised or twice is fine */

#endif

/* Inside the room: an open shard, read at places (pread), by any number of threads. Memory does not
 * grow with the file, and a file that shrinks is an error, not a signal. */
#ifndef LM_DATA_SHARD_H
#define LM_DATA_SHARD_H

#include <stdbool.h>

#include "base/file.h"
#include "data/ids.h"
#include "data/manifest.h"

/* Ids that stand back to back in the file: from id `token` of the shard on, at byte `offset`. */
typedef struct lm_shard_run {
    int64_t token;
    uint64_t offset;
} lm_shard_run;

/* Which file it was, and in which state. */
typedef struct lm_shard_identity {
    uint64_t device, inode, size;
    int64_t modified, changed; /* nanoseconds since 1970: mtime and ctime */
} lm_shard_identity;

typedef struct lm_shard {
    char *path;
    lm_file_reader file;
    lm_shard_identity identity; /* when it was opened */
    lm_manifest manifest;
    int64_t token_bytes; /* of raw ids without a manifest; 0: not said */
    int64_t vocab_size;  /* 0: not known */
    /* The format fills in the rest: */
    const lm_format *format;
    lm_ids ids;
    uint64_t start;     /* byte offset of the first id */
    int64_t tokens;     /* ids in the shard */
    lm_shard_run *runs; /* [n_runs] in order of token; NULL: one run, from start on */
    int64_t n_runs;
    uint64_t digest;       /* of its bytes; known when its corpus was validated */
    uint64_t index_digest; /* of a file beside the shard that says what it holds */
    bool has_index;
} lm_shard;

/* Opens the file and finds its format. s holds path and what was said; close it in any case. */
lm_status lm_shard_open(lm_shard *s, lm_error *err);
void lm_shard_close(lm_shard *s); /* zero-initialised or twice is fine */

/* Overwrites ids [n] with ids first .. first + n - 1, which the shard must have (asserted); they
 * are not held against any vocabulary, but see lm_ids_decode. */
lm_status lm_shard_read(const lm_shard *s, int64_t first, int64_t n, int32_t *ids, lm_error *err);
/* [offset, offset + size) of the file: what is missing was there when it was opened. */
lm_status lm_shard_read_bytes(const lm_shard *s, uint64_t offset, void *bytes, size_t size,
                              lm_error *err);
/* Where an id stands in the file; *n receives how many from there on stand back to back. */
uint64_t lm_shard_offset(const lm_shard *s, int64_t token, int64_t *n);
/* Is the file what it was when it was opened? */
bool lm_shard_is_unchanged(const lm_shard *s);

#endif

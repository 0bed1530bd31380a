/* Checkpoints: NumPy .npz files that any ZIP tool lists and numpy.load opens.
 *
 *     write:  lm_checkpoint_write(path, arrays, n, meta_json, pool, err)
 *     read:   lm_checkpoint_open(&c, path, err); lm_checkpoint_meta(c); lm_checkpoint_read(c,
 * arrays, n, pool, err); lm_checkpoint_close(c) resume: lm_checkpoint_newest(dir, ...) finds the
 * newest one that verifies
 *
 * (The layout of the container is drawn here by the implementation.)
 *
 * This room sees named arrays and one metadata text, never models. It is the only user of zlib. */
#ifndef LM_CHECKPOINT_CHECKPOINT_H
#define LM_CHECKPOINT_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "machine/pool.h"

#define LM_CHECKPOINT_MAX_DIMS 4

/* A float32 array to write from or read into. */
typedef struct lm_checkpoint_array {
    char name[64]; /* letters, digits and . _ - / ; unique within the file */
    int ndim;
    int64_t shape[LM_CHECKPOINT_MAX_DIMS];
    float *data; /* product(shape) elements, C order; not written to when writing a file */
} lm_checkpoint_array;

/* Write all arrays and meta_json (stored as "meta.json") to path: temporary name, fsync, rename,
 * fsync directory. Compression runs on all threads of pool. Same input, same bytes, whatever the
 * number of threads. *file_bytes (may be NULL) receives the size. */
lm_status lm_checkpoint_write(const char *path, const lm_checkpoint_array *arrays, int64_t n,
                              const char *meta_json, lm_pool *pool, uint64_t *file_bytes,
                              lm_error *err);

typedef struct lm_checkpoint lm_checkpoint;

/* Map the file and parse its structure without touching the weights. Every size, offset and count
 * is checked against the file; meta.json is read and its CRC verified. */
lm_status lm_checkpoint_open(lm_checkpoint **c, const char *path, lm_error *err);
void lm_checkpoint_close(lm_checkpoint *c);
const char *lm_checkpoint_meta(const lm_checkpoint *c); /* NUL-terminated JSON text */
int64_t lm_checkpoint_count(const lm_checkpoint *c);
/* Row i: name, ndim, shape (data NULL), and what it occupies in the file. */
typedef struct lm_checkpoint_entry {
    lm_checkpoint_array array;
    uint64_t stored_bytes, raw_bytes;
    uint32_t crc32;
} lm_checkpoint_entry;
const lm_checkpoint_entry *lm_checkpoint_entry_at(const lm_checkpoint *c, int64_t i);

/* Fill the given arrays by name; a missing name, another shape, or a failed CRC is an error that
 * names the file and the array. Arrays in the file that are not asked for are left alone. */
lm_status lm_checkpoint_read(lm_checkpoint *c, const lm_checkpoint_array *arrays, int64_t n,
                             lm_pool *pool, lm_error *err);
/* Decompress everything and check every CRC and digest. */
lm_status lm_checkpoint_verify(lm_checkpoint *c, lm_pool *pool, lm_error *err);

/* "step-0000001200.npz" in a directory of checkpoints. */
char *lm_checkpoint_path(const char *directory, int64_t step); /* malloc'd; NULL without memory */
/* The newest checkpoint in directory that verifies: *path malloc'd, NULL when there is none (which
 * is LM_OK). Damaged ones that were passed over are described in *skipped, a line each. */
lm_status lm_checkpoint_newest(const char *directory, lm_pool *pool, char **path, lm_text *skipped,
                               lm_error *err);
/* Delete all but the newest keep_last (>= 1) checkpoints and left-over temporaries. */
lm_status lm_checkpoint_retain(const char *directory, int64_t keep_last, lm_error *err);

#endif

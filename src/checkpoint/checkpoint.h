/* Checkpoints: NumPy .npz files that any ZIP tool lists and numpy.load opens.
 *
 *     write:   lm_checkpoint_write(path, arrays, n, meta_json, pool, NULL, err)
 *     read:    lm_checkpoint_open(&c, path, err);  lm_checkpoint_meta(c);
 *              lm_checkpoint_read(c, arrays, n, pool, err);  lm_checkpoint_close(c)
 *     resume:  lm_checkpoint_newest(directory, ...) finds the newest one that verifies
 *
 * The container, from the first byte to the last:
 *
 *     +-- a member an array, in the order given ---------------------------------------------+
 *     | local header "wte.weight.npy", deflate, sizes, CRC-32                                 |
 *     | one deflate stream:  stored block   .npy header: uint8, shape (4, d0, d1, ...)        |
 *     |                      chunk, chunk, ...   plane 0: the lowest byte of every float      |
 *     |                      chunk, chunk, ...   planes 1, 2                                  |
 *     |                      chunk, chunk, ...   plane 3: sign and exponent, which compresses |
 *     |                      an empty final block                                             |
 *     +-- member "meta.json", stored ---------------------------------------------------------+
 *     | the caller's object and, last, "arrays": for each name, dtype, shape, the stored size |
 *     | of every chunk (so that threads can read them at once), and xxh64: the digest of the  |
 *     | chunks' digests                                                                       |
 *     +-- central directory, [ZIP64 end,] end, comment "lmtrain whole=...": digest of the tail +
 *
 * A chunk is one plane of 256 Ki floats, compressed on its own (planes.h): writing and reading run
 * on all threads and need memory for a few chunks only. The comment's digest covers meta.json and
 * the directory, meta.json holds the digests of all arrays, and the rest is what these imply
 * (zip.h): it is the digest of the whole file. In NumPy, three lines make floats of planes:
 *
 *     z = np.load(path)
 *     w = np.ascontiguousarray(np.moveaxis(z["wte.weight"], 0, -1)).view("<f4")[..., 0]
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

/* Write all arrays and meta_json, the text of a JSON object without a key "arrays", to path:
 * temporary name, fsync, rename, fsync directory. Same input, same bytes, whatever the number of
 * threads. *file_bytes (may be NULL) receives the size. On failure the old file stays. */
lm_status lm_checkpoint_write(const char *path, const lm_checkpoint_array *arrays, int64_t n,
                              const char *meta_json, lm_pool *pool, uint64_t *file_bytes,
                              lm_error *err);

/* The memory that writing takes beside the arrays on so many threads, but for the index: some 100
 * bytes for each MiB of them. Reading and verifying take less. */
uint64_t lm_checkpoint_write_bytes(int threads);

typedef struct lm_checkpoint lm_checkpoint;

/* Open the file and check its structure without reading the weights: every size, offset and count
 * against the file, the directory's digest, and meta.json's CRC. */
lm_status lm_checkpoint_open(lm_checkpoint **c, const char *path, lm_error *err);
void lm_checkpoint_close(lm_checkpoint *c);             /* NULL is fine */
const char *lm_checkpoint_meta(const lm_checkpoint *c); /* the whole meta.json */

/* Row i of n: name, ndim, shape (data NULL), and what it occupies in the file. */
typedef struct lm_checkpoint_entry {
    lm_checkpoint_array array;
    uint64_t stored_bytes, raw_bytes;
    uint32_t crc32;
} lm_checkpoint_entry;
int64_t lm_checkpoint_count(const lm_checkpoint *c);
const lm_checkpoint_entry *lm_checkpoint_entry_at(const lm_checkpoint *c, int64_t i);

/* Fill the given arrays by name; a missing name, another shape or a wrong digest is an error that
 * names the file and the array. Arrays of the file that are not asked for are left alone. */
lm_status lm_checkpoint_read(lm_checkpoint *c, const lm_checkpoint_array *arrays, int64_t n,
                             lm_pool *pool, lm_error *err);
/* Decompress everything and check every digest and CRC. */
lm_status lm_checkpoint_verify(lm_checkpoint *c, lm_pool *pool, lm_error *err);

/* ---- a directory of checkpoints ---------------------------------------------------------------*/

/* "step-0000001200.npz" in a directory of checkpoints. */
char *lm_checkpoint_path(const char *directory, int64_t step); /* malloc'd; NULL without memory */
int64_t lm_checkpoint_step(const char *name);                  /* of such a name; -1: it is none */
/* Open, verify, close. err->damaged tells contents that are wrong from a file that could not be
 * read now. */
lm_status lm_checkpoint_check(const char *path, lm_pool *pool, lm_error *err);
/* The newest checkpoint in directory that verifies: *path malloc'd, NULL when there is none (which
 * is LM_OK). Damaged ones that were passed over are described in *skipped, a line each; one that
 * cannot be read for want of memory, say, is an error: it may be good. */
lm_status lm_checkpoint_newest(const char *directory, lm_pool *pool, char **path, lm_text *skipped,
                               lm_error *err);
/* A run goes on from `step`: what lies beyond is renamed to "<name>.aside", durably, so that it
 * never counts as the newest again. Named in *moved, a line each. */
lm_status lm_checkpoint_set_aside(const char *directory, int64_t step, lm_text *moved,
                                  lm_error *err);
/* Losses of checkpoints by step, so that each meta.json is read once. Zero-initialise. */
typedef struct lm_checkpoint_losses {
    struct lm_checkpoint_loss *list; /* rising steps */
    size_t count;
} lm_checkpoint_losses;
void lm_checkpoint_losses_free(lm_checkpoint_losses *l); /* zero-initialised or twice is fine */

/* What to keep. */
typedef struct lm_checkpoint_retention {
    int64_t newest;     /* its checkpoint is durable and verifies; later ones are left alone */
    int64_t keep_last;  /* >= 1: the newest ones */
    int64_t keep_every; /* and steps that are multiples of it; 0: none */
    int64_t keep_best;  /* and those of lowest loss, the oldest one of each loss; 0: none */
    double (*loss)(const char *meta); /* by meta.json; NaN: has none. Needed for keep_best only */
    lm_checkpoint_losses *known;      /* from call to call, of this directory; likewise */
} lm_checkpoint_retention;
/* Delete the others, those set aside of steps up to `newest`, and left-over temporaries; nothing
 * when that of `newest` is not there. One that cannot be deleted is an error when the others are
 * gone. With keep_best > 0 it reads the meta.json of `newest` and of those not in `known`, which
 * then holds what stays. */
lm_status lm_checkpoint_retain(const char *directory, const lm_checkpoint_retention *keep,
                               lm_error *err);
/* Remove what writers that were killed left behind, which may be what fills the disk. For the
 * holder of the run's lock only: another writer's temporary would go too. */
lm_status lm_checkpoint_remove_temporaries(const char *directory, lm_error *err);
/* Bytes of the checkpoints in directory, those set aside and temporaries included. */
uint64_t lm_checkpoint_bytes(const char *directory);

#endif

/* Checkpoints: NumPy .npz files that any ZIP tool lists and numpy.load opens.
 *
 *     write:   lm_checkpoint_write(path, arrays, n, texts, n_texts, meta_json, pool, NULL, err)
 *     read:    lm_checkpoint_open(&c, path, err);  lm_checkpoint_meta(c);
 *              lm_checkpoint_read(c, arrays, n, pool, err);  lm_checkpoint_close(c)
 *     resume:  lm_checkpoint_newest(directory, ...) finds the newest one that verifies
 *
 * The container, from the first byte to the last:
 *
 *     +-- one member per array, in the order given -------------------------------------------+
 *     | local header "wte.weight.npy", deflate, sizes, CRC-32                                 |
 *     | one deflate stream:  stored block   .npy header: uint8, shape (4, d0, d1, ...)        |
 *     |                      chunk, chunk, ...   plane 0: the lowest byte of every float      |
 *     |                      chunk, chunk, ...   planes 1, 2                                  |
 *     |                      chunk, chunk, ...   plane 3: sign and exponent, which compresses |
 *     |                      an empty final block                                             |
 *     +-- a member per text ("tokenizer.json"), stored, if there is any -----------------------+
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

/* A text to keep beside the arrays, as a member of its own. */
typedef struct lm_checkpoint_text {
    const char *name; /* "tokenizer.json": as for arrays, without their suffix .npy */
    const char *data; /* [size] */
    size_t size;
} lm_checkpoint_text;

/* Write all arrays, texts and meta_json, the text of a JSON object without keys "arrays" and
 * "texts", to path: temporary name, fsync, rename, fsync directory. Same input, same bytes,
 * whatever the number of threads. *file_bytes (may be NULL) receives the size. On failure the old
 * file stays. */
lm_status lm_checkpoint_write(const char *path, const lm_checkpoint_array *arrays, int64_t n,
                              const lm_checkpoint_text *texts, int64_t n_texts,
                              const char *meta_json, lm_pool *pool, uint64_t *file_bytes,
                              lm_error *err);

/* The same with arrays that are not all in memory at once: fetch sets *data to what the i-th one
 * holds, until it is called again. It is called once for each array, in their order. NULL: in
 * arrays[i].data. */
typedef struct lm_checkpoint_fetch {
    lm_status (*fetch)(void *argument, int64_t i, const float **data, lm_error *err);
    void *argument;
} lm_checkpoint_fetch;
lm_status lm_checkpoint_write_from(const char *path, const lm_checkpoint_array *arrays, int64_t n,
                                   const lm_checkpoint_fetch *fetch,
                                   const lm_checkpoint_text *texts, int64_t n_texts,
                                   const char *meta_json, lm_pool *pool, uint64_t *file_bytes,
                                   lm_error *err);

/* Memory that writing on so many threads takes beyond the arrays themselves. The index, about 100
 * bytes per MiB of arrays, comes on top. Reading and verifying take less. */
uint64_t lm_checkpoint_write_bytes(int threads);

/* Disk that a file of so many arrays, of `raw` bytes in all, and of `beside` bytes of texts and
 * meta_json takes at most; false when that does not fit 64 bits. */
bool lm_checkpoint_most_bytes(uint64_t raw, int64_t arrays, uint64_t beside, uint64_t *bytes);

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
/* Append the text of this name; *found false: the file has none. A wrong digest is an error. */
lm_status lm_checkpoint_read_text(const lm_checkpoint *c, const char *name, bool *found,
                                  lm_text *out, lm_error *err);
/* Decompress everything and check every digest and CRC. */
lm_status lm_checkpoint_verify(lm_checkpoint *c, lm_pool *pool, lm_error *err);

/* ---- a directory of checkpoints ---------------------------------------------------------------*/

/* "step-0000001200.npz" in a directory of checkpoints. */
#define LM_CHECKPOINT_MAX_STEP INT64_C(9999999999)             /* ten digits in the name */
char *lm_checkpoint_path(const char *directory, int64_t step); /* malloc'd; NULL without memory */
int64_t lm_checkpoint_step(const char *name); /* in such a name; -1: name is not one */
/* Open, verify, close. err->damaged: the contents are wrong; else the file could not be read
 * now. */
lm_status lm_checkpoint_check(const char *path, lm_pool *pool, lm_error *err);
/* Finds the newest checkpoint in directory that verifies: *path is malloc'd, or NULL when there is
 * none (which is LM_OK). *skipped receives one line per damaged checkpoint that was passed over. A
 * checkpoint that cannot be read now, for example for lack of memory, is an error, since it may be
 * good. */
lm_status lm_checkpoint_newest(const char *directory, lm_pool *pool, char **path, lm_text *skipped,
                               lm_error *err);
/* A run goes on from `step`: renames every later checkpoint to "<name>.aside" (".aside2" and so on
 * when there is one) and syncs the directory, so that none of them can be the newest again. Nothing
 * here removes them. *moved receives one new name per line. */
lm_status lm_checkpoint_set_aside(const char *directory, int64_t step, lm_text *moved,
                                  lm_error *err);
/* Losses of checkpoints by step, so that each meta.json is read once. Zero-initialise. */
typedef struct lm_checkpoint_losses {
    struct lm_checkpoint_loss *list; /* rising steps */
    size_t count;
} lm_checkpoint_losses;
void lm_checkpoint_losses_free(lm_checkpoint_losses *l); /* zero-initialised or twice is fine */

/* Which checkpoints to keep. */
typedef struct lm_checkpoint_retention {
    int64_t newest;     /* its checkpoint is durable and verifies; later ones are left alone */
    int64_t keep_last;  /* >= 1: the newest ones */
    int64_t keep_every; /* and steps that are multiples of it; 0: none */
    int64_t keep_step;  /* and that of this step; 0: none */
    int64_t keep_best;  /* and those of lowest loss, the oldest one of each loss; 0: none */
    /* Only for keep_best: the loss in a meta.json (NaN: it has none), and the losses read so far in
     * this directory, kept from call to call. */
    double (*loss)(const char *meta);
    lm_checkpoint_losses *known;
} lm_checkpoint_retention;
/* Deletes all other checkpoints up to `newest`, and left-over temporaries; deletes nothing when the
 * checkpoint of `newest` is not there. When one cannot be deleted, the others are deleted all the
 * same and the first failure is returned. With keep_best > 0, reads the meta.json of `newest` and
 * of every checkpoint that is not in `known`; afterwards `known` holds those that stay. */
lm_status lm_checkpoint_retain(const char *directory, const lm_checkpoint_retention *keep,
                               lm_error *err);
/* Removes the temporaries of writers that were killed, which may be what fills the disk. Only the
 * holder of the run's lock may call this: it would remove another writer's temporary too. */
lm_status lm_checkpoint_remove_temporaries(const char *directory, lm_error *err);
/* Bytes of all checkpoints in directory, including temporaries, without those set aside. */
uint64_t lm_checkpoint_bytes(const char *directory);

#endif

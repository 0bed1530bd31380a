/* A checkpoint that several processes write together, each its pieces, to one file that all of them
 * see: byte for byte the file that one process would write.
 *
 *     n = lm_checkpoint_pieces(arrays, n_arrays, NULL);      // how many there are
 *     lm_checkpoint_pieces(arrays, n_arrays, pieces);        // array, first, count
 *     ... every rank sets the rank of all, and the data of its own ...
 *     lm_checkpoint_write_together(comm, &file, pieces, n, pool, err);
 *
 * Where a chunk goes depends on the sizes of all before it, so each chunk is compressed twice: once
 * for its size, CRC and digest, which all ranks then have of all chunks, and again to be written.
 * What compresses well takes most of the time and little room; so much of it as fits
 * LM_TOGETHER_KEPT is kept from the first time to the second.
 *
 * Rank 0 makes the temporary file, writes headers, texts and the directory, which gives the file
 * its whole length, and syncs; only then the others open it, and all write their chunks. This order
 * matters on NFS. There two ranks write parts of one page of the file from two hosts. A client that
 * holds the whole page, or takes it to lie behind the end of the file, may send all of it, with
 * zeros where another client has written; otherwise it sends the bytes that it was given. So the
 * others open the file when it has its length, and rank 0 lets go of the pages with headers before
 * it writes chunks (lm_file_writer_share). Each rank syncs what it wrote itself, since another
 * client's fsync does not know of it, and closes the file before rank 0 renames it. */
#ifndef LM_CHECKPOINT_TOGETHER_H
#define LM_CHECKPOINT_TOGETHER_H

#include "checkpoint/checkpoint.h"
#include "comm/comm.h"

#define LM_TOGETHER_KEPT ((uint64_t)64 << 20) /* bytes in each rank, at most */

/* All planes of a chunk of an array: elements [first, first + count). */
typedef struct lm_checkpoint_piece {
    int64_t array, first, count;
    int rank;          /* which compresses and writes it */
    const float *data; /* [count], in that rank */
} lm_checkpoint_piece;

/* Elements of a piece, at most. */
#define LM_CHECKPOINT_PIECE ((int64_t)256 << 10)

/* Fills in array, first and count of all pieces, in the order of the arrays; returns how many there
 * are. pieces may be NULL. */
int64_t lm_checkpoint_pieces(const lm_checkpoint_array *arrays, int64_t n,
                             lm_checkpoint_piece *pieces);

/* What is written; arrays' data is not looked at. */
typedef struct lm_checkpoint_file {
    const lm_checkpoint_array *arrays; /* the same in all ranks */
    int64_t n;
    /* These are rank 0's: */
    const char *path;
    const lm_checkpoint_text *texts;
    int64_t n_texts;
    const char *meta_json;
} lm_checkpoint_file;

/* All ranks call it. A `shared` error leaves no file, and the old one stays; it may be tried again.
 * Any other is of the messages. */
lm_status lm_checkpoint_write_together(lm_comm *comm, const lm_checkpoint_file *file,
                                       const lm_checkpoint_piece *pieces, int64_t n, lm_pool *pool,
                                       lm_error *err);

/* Memory that this takes in each rank, of pieces of so many bytes. The index comes on top, as in
 * lm_checkpoint_write_bytes. */
uint64_t lm_checkpoint_together_bytes(int threads, uint64_t pieces);

/* All ranks call this: they write to a file beside `path` together, and rank 0 reads and removes
 * it. A `shared` error names a rank that does not see it, may not write to it, or wrote what others
 * have overwritten. */
lm_status lm_checkpoint_check_shared(lm_comm *comm, const char *path, lm_error *err);

#endif

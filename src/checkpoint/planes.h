/* Byte planes and their compression, a chunk at a time.
 *
 * A chunk is one byte plane (0: least significant ... 3: sign and exponent) of LM_PLANE_CHUNK
 * consecutive floats. Compressed, it is a run of whole, byte-aligned, non-final deflate blocks that
 * refer to nothing before them: chunks can be made and read in any order, and joined, with
 * lm_plane_trailer behind the last, they are one valid deflate stream (RFC 1951). */
#ifndef LM_CHECKPOINT_PLANES_H
#define LM_CHECKPOINT_PLANES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define LM_PLANES      4
#define LM_PLANE_CHUNK ((int64_t)256 << 10)
/* Room for a compressed chunk, which is at most its bytes in stored blocks, and for a decompressed
 * one: what coders write beyond their output included. */
#define LM_PLANE_BOUND ((size_t)LM_PLANE_CHUNK + 512)

/* The empty final block that ends a member's stream. */
#define LM_PLANE_TRAILER      "\x01\x00\x00\xff\xff"
#define LM_PLANE_TRAILER_SIZE 5

/* Memory for compressing and decompressing; each worker needs one of its own. */
typedef struct lm_plane_coder lm_plane_coder;
lm_plane_coder *lm_plane_coder_create(void); /* NULL without memory */
void lm_plane_coder_free(lm_plane_coder *c); /* NULL is fine */
size_t lm_plane_coder_bytes(void);           /* memory of one, to within about 16 KiB */

/* out[i] = byte `plane` of x[i]. */
void lm_plane_split(int64_t count, const float *x, int plane, unsigned char *out);
/* x[i] from planes[0..3][i]. */
void lm_plane_join(int64_t count, const unsigned char *const planes[LM_PLANES], float *x);

/* Compress size <= LM_PLANE_CHUNK bytes into out [LM_PLANE_BOUND]; returns the bytes written. Same
 * input, same output: Huffman codes when the bytes' entropy says that they pay (huffman.h), run
 * lengths by zlib when one byte dominates, stored blocks otherwise. */
size_t lm_plane_compress(lm_plane_coder *c, const unsigned char *in, size_t size,
                         unsigned char *out);
/* Decompress a chunk of exactly size <= LM_PLANE_CHUNK bytes into out [LM_PLANE_BOUND]; false when
 * it is not such a chunk. Any deflate blocks are read: zlib decodes what huffman.h cannot. */
bool lm_plane_decompress(lm_plane_coder *c, const unsigned char *in, size_t in_size,
                         unsigned char *out, size_t size);

#endif

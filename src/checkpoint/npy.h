/* The .npy header of an array of byte planes (NumPy format 1.0), and the arithmetic of shapes. */
#ifndef LM_CHECKPOINT_NPY_H
#define LM_CHECKPOINT_NPY_H

#include <stdbool.h>

#include "checkpoint/checkpoint.h"

/* *count = product(shape); false when a dimension is negative or the bytes do not fit 62 bits. */
bool lm_npy_count(const lm_checkpoint_array *a, int64_t *count);
/* Append the header of uint8, C order, shape (4, shape...): a multiple of 64 bytes. */
void lm_npy_header(const lm_checkpoint_array *a, lm_text *out);
/* Append the same as a stored block of deflate: the 5 bytes that say so, then the header. */
#define LM_NPY_BLOCK_FRONT 5u
void lm_npy_block(const lm_checkpoint_array *a, lm_text *out);
/* Chunks of one plane: those of LM_PLANE_CHUNK elements, the last one shorter. */
int64_t lm_npy_chunks(int64_t count);
int64_t lm_npy_chunk_length(int64_t count, int64_t chunk);

#endif

/* How an array lies in its member: a .npy header of byte planes as a stored block of deflate, then
 * every plane in chunks (drawn at the top of checkpoint.h). Shapes alone decide it. */
#ifndef LM_CHECKPOINT_LAYOUT_H
#define LM_CHECKPOINT_LAYOUT_H

#include <stdbool.h>

#include "checkpoint/checkpoint.h"

/* *count = product(shape); false when a dimension is negative or the product is above 2^60. */
bool lm_layout_count(const lm_checkpoint_array *a, int64_t *count);
/* Append the stored block: LM_LAYOUT_BLOCK_FRONT bytes that say so, then the .npy header of uint8,
 * shape (LM_PLANES, shape...). */
#define LM_LAYOUT_BLOCK_FRONT 5u
void lm_layout_block(const lm_checkpoint_array *a, lm_text *out);
/* Chunks of one plane: those of LM_PLANE_CHUNK elements, the last one shorter. */
int64_t lm_layout_chunks(int64_t count);
int64_t lm_layout_chunk_length(int64_t count, int64_t chunk);

#endif

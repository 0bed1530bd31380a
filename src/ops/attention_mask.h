/* The part of attention that knows windows, documents and soft caps, for forward and backward
 * alike. Inside the room.
 *
 * Token t of row b sees the tokens first_seen(b, t) .. t. first_seen never falls as t rises. So a
 * tile of queries sees a run of key tiles: from the one that holds the first token its first query
 * sees, to its own; and a tile of keys is seen by a run of query tiles. */
#ifndef LM_OPS_ATTENTION_MASK_H
#define LM_OPS_ATTENTION_MASK_H

#include <stdbool.h>

#include "ops/attention_tile.h"

/* max(0, t - window + 1, the beginning of t's document). */
int64_t lm_attention_first_seen(const lm_attention *a, int64_t b, int64_t t);

/* The first key tile that query tile `it` of row b sees. */
int64_t lm_attention_first_tile(const lm_attention *a, int64_t b, int64_t it);

/* Does query tile it >= jt see key tile jt? If not, later ones do not either. */
static inline bool lm_attention_sees(const lm_attention *a, int64_t b, int64_t it, int64_t jt) {
    return lm_attention_first_tile(a, b, it) <= jt;
}

/* The tile of query tile `it` and key tile jt <= it of row b. */
tile lm_attention_tile(const lm_attention *a, int64_t b, int64_t it, int64_t jt);

/* Applies soft cap, window and documents to s [rows, cols], row stride TILE, the products q.k of
 * tile t of row b, in place. With a soft cap, s = cap tanh(scale s / cap) up to the diagonal, and
 * `slope`, a tile like s (NULL: not needed), gets its derivative. Then the scores of tokens before
 * first_seen become so low that their probability is 0 beside any other. A query that sees nothing
 * in its first tile has wrong probabilities there, which the next tile's alpha of 0 removes.
 * Returns what the softmax must multiply scores with: scale, or 1 after a soft cap. */
float lm_attention_limit(const lm_kernels *kernels, const lm_attention *a, int64_t b, const tile *t,
                         float scale, float *s, float *slope);

#endif

/* What a query may see, and scores kept within bounds: the part of attention that knows of windows,
 * documents and soft caps, for forward and backward alike. Inside the room.
 *
 * Token t of row b sees the tokens first_seen(b, t) .. t. first_seen never falls as t rises, so that
 * a tile of queries sees a run of key tiles, from that of its first query's first token to its own,
 * and a tile of keys is seen by a run of query tiles. */
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

/* Bounds the products q.k of a tile of row b, s [rows, cols], row stride LM_ATTENTION_TILE, in place.
 * With a soft cap, s = cap tanh(scale s / cap) wherever it may be seen, and `slope`, a tile like s
 * (NULL: not needed), gets its derivative. Then a score before the first token that its query sees
 * becomes so low that its probability is 0 beside any other; a query that sees nothing of its first
 * tile has probabilities there until the next tile's alpha of 0 takes them away.
 * Returns what the softmax has to multiply scores with: scale, or 1 after a soft cap. */
float lm_attention_limit(const lm_kernels *kernels, const lm_attention *a, int64_t b, const tile *t,
                         float scale, float *s, float *slope);

#endif

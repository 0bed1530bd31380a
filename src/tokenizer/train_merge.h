/* Inside the room: which merges byte-pair encoding learns from counted pieces.
 *
 * Every piece begins as one symbol per byte. The pair of adjacent symbols that could be merged most
 * often becomes a new symbol, everywhere, from left to right in each piece; and so on until there
 * are n merges, or no pair is left that could be merged twice. The count of a pair is the number of
 * merges that it would make (Sennrich et al. 2016): in "aaaa" the pair (a, a) counts twice, not
 * three times. Of equal counts the pair with the smaller left id comes first, then the one with the
 * smaller right id; ids are those of the bytes, then 256, 257, ... for the merges. */
#ifndef LM_TOKENIZER_TRAIN_MERGE_H
#define LM_TOKENIZER_TRAIN_MERGE_H

#include "base/error.h"
#include "tokenizer/train_count.h"

typedef struct lm_merged_pair {
    int32_t left, right; /* ids */
} lm_merged_pair;

/* Overwrites merges [n], of which *learned were found. Memory: 8 bytes per byte of the pieces that
 * differ and at most 12 more for the places of the pairs. LM_ERR_RUNTIME without memory;
 * LM_ERR_USAGE when the pieces have more than LM_TRAIN_MOST_BYTES together. */
#define LM_TRAIN_MOST_BYTES ((uint64_t)1 << 31)
lm_status lm_merges_learn(const lm_piece_counts *pieces, lm_merged_pair *merges, int64_t n,
                          int64_t *learned, lm_error *err);

#endif

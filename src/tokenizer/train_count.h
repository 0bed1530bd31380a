/* Inside the room: how often each piece of a text occurs.
 *
 *     lm_piece_counts c = {0};
 *     if (!lm_piece_counts_add(&c, bytes, size, 1)) ...           // no memory
 *     for (uint64_t cursor = 0; lm_piece_counts_next(&c, &cursor, &piece);) ...
 *     lm_piece_counts_free(&c);
 *
 * Memory is bounded by the pieces that differ: a short one takes a slot, a longer one a slot and
 * its bytes. */
#ifndef LM_TOKENIZER_TRAIN_COUNT_H
#define LM_TOKENIZER_TRAIN_COUNT_H

#include "tokenizer/piece_key.h"
#include "tokenizer/scan.h"

typedef struct lm_counted_piece {
    const unsigned char *bytes; /* [size], of the table: until the table changes */
    size_t size;
    uint64_t count;
} lm_counted_piece;

typedef struct lm_piece_counts {
    struct short_slot *shorts; /* up to SHORT_KEY bytes */
    struct long_slot *longs;   /* more bytes */
    size_t short_slots, long_slots;
    uint64_t n_short, n_long; /* pieces that differ */
    unsigned char *bytes;     /* of the long ones, one behind the other */
    size_t used, capacity;
} lm_piece_counts;

/* One more piece `times` times; size > 0. false: no memory. */
bool lm_piece_counts_add(lm_piece_counts *c, const unsigned char *bytes, size_t size,
                         uint64_t times);
/* The pieces of text[0 .. size), a whole document or what lies between cuts (lm_scan_cut); 16 bytes
 * behind it can be read. Pieces of one byte are left out: there is nothing to merge in them. */
bool lm_piece_counts_add_text(lm_piece_counts *c, lm_scanner scan, const unsigned char *text,
                              size_t size);
/* Adds what `from` counts. */
bool lm_piece_counts_add_all(lm_piece_counts *c, const lm_piece_counts *from);
/* The next piece in no order that matters; *cursor begins as 0. false: there is none. */
bool lm_piece_counts_next(const lm_piece_counts *c, uint64_t *cursor, lm_counted_piece *piece);
void lm_piece_counts_clear(lm_piece_counts *c); /* keeps its memory */
void lm_piece_counts_free(lm_piece_counts *c);  /* zero-initialised or twice is fine */

#endif

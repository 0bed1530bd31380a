/* One tile of scores: its sizes, its products, and its operands, for forward and backward alike.
 * Inside the room.
 *
 * A tile is 64 queries by 64 keys: large enough that its products (64 x 64 x D) dwarf its softmax,
 * small enough that the tile (16 kB) and its keys and values stay in the first two caches. The
 * length of a key tile is part of the arithmetic (the online softmax goes from tile to tile), so it
 * is the same on every ISA.
 *
 * A diagonal tile is multiplied in strips of 12 rows (a register tile of the widest ISA), each as
 * far as its last row sees: 59% of the tile's work. So is a tile in which a window or a document
 * begins, each strip from the first key that one of its rows sees. What is left out would add
 * zeros. */
#ifndef LM_OPS_ATTENTION_TILE_H
#define LM_OPS_ATTENTION_TILE_H

#include <stdbool.h>
#include <stdint.h>

#include "ops/attention.h"

enum {
    TILE = LM_ATTENTION_TILE,
    LM_ATTENTION_STRIP = 12, /* even: a strip of k begins with a whole pair */
    LM_ATTENTION_STRIPS = (TILE + LM_ATTENTION_STRIP - 1) / LM_ATTENTION_STRIP,
};

/* So many query tiles of a head at a time meet the keys, so that what belongs to them (256 kB of
 * queries and outputs at D = 64, fp32, and in backward half as much again) stays in the second
 * cache while keys pass by. Keys are packed again for each such run, 1% of the work. */
enum { LM_ATTENTION_TOGETHER = 8, RUN = LM_ATTENTION_TOGETHER * TILE };

/* A run that meets so many key tiles copies its rows together: in place they lie a stride apart
 * that may put many of them into few sets of the caches. */
enum { LM_ATTENTION_COPIES = 8 };

static inline int64_t lm_attention_tiles(int64_t time) {
    return lm_divide_up(time, TILE);
}
/* Queries, or keys, of tile i: TILE but for the last. */
static inline int64_t lm_attention_tile_rows(int64_t time, int64_t i) {
    return lm_min(time - i * TILE, TILE);
}

typedef struct tile {
    int64_t it, jt;     /* which tile of queries, which of keys */
    int64_t query, key; /* the first of each */
    int64_t rows, cols; /* how many queries, how many keys */
    bool diagonal;      /* it = jt: a query sees the keys up to itself */
    bool masked;        /* some query does not see the first keys */
    /* of a masked tile, by strips of LM_ATTENTION_STRIP queries or keys: the first key that a query
     * of the strip sees, down to a multiple of 16, or `cols`; and the end of the queries that see a
     * key of the strip */
    uint8_t from[LM_ATTENTION_STRIPS], until[LM_ATTENTION_STRIPS];
} tile;

/* LM_ASSERTs that the arrays have the precision's type and that the heads divide. */
void lm_attention_assert_types(const lm_compute *compute, const lm_attention *a);

/* Operands are read in elements of four bytes: a float, or a pair of bf16 along the k of the
 * product; an odd k leaves half of the last pair empty. Where pairs are wide (kernels.h) an element
 * is one float of a pair. A row of D has lm_attention_elements(D). */
int64_t lm_attention_elements(const lm_compute *compute, int64_t k);

/* An operand: element (i, k) at `at` + i*row + k*col elements. */
typedef struct tile_operand {
    const void *at;
    int64_t row, col;
} tile_operand;

/* ---- operands: n queries or keys of x [n, D], row stride x_row --------------------------------
 * By rows, k = D, copied to row `at` of out [.., elements(D)]. */
void lm_attention_copy_rows(const lm_compute *compute, int64_t n, int64_t d, lm_array x,
                            int64_t x_row, void *out, int64_t at);
tile_operand lm_attention_tile_of_rows(const lm_compute *compute, int64_t d, const void *rows,
                                       int64_t at);
/* By rows, k = D: x in place, or where its pairs are wide or do not lie on even elements, a copy in
 * `copy` [n, D], D rounded up to an even number. */
tile_operand lm_attention_rows(const lm_compute *compute, int64_t n, int64_t d, lm_array x,
                               int64_t x_row, void *copy);
/* Asks for a part of key tile jt of x (keys or values), one of LM_ATTENTION_TOGETHER parts, early:
 * its rows lie far apart, which the hardware does not foresee. */
void lm_attention_ask_for(const lm_attention *a, lm_array x, int64_t part, int64_t jt);
/* Transposed, k = D: out [elements(D), TILE]. */
void lm_attention_pack_transposed(const lm_compute *compute, int64_t n, int64_t d, lm_array x,
                                  int64_t x_row, void *out);
/* As they lie, k = n: out [elements(n), D]. */
void lm_attention_pack_lines(const lm_compute *compute, int64_t n, int64_t d, lm_array x,
                             int64_t x_row, void *out);

/* The tile s [rows, cols], row stride TILE, as an operand: by rows with k = cols, by columns with k
 * = rows. At fp32 that is s in place, at bf16 s rounded into out [TILE, TILE]. By rows, column cols
 * of s may be set to zero, as the other half of a pair. */
tile_operand lm_attention_tile_by_rows(const lm_compute *compute, const tile *t, float *s,
                                       void *out);
tile_operand lm_attention_tile_by_columns(const lm_compute *compute, const tile *t, const float *s,
                                          void *out);

/* ---- products ---------------------------------------------------------------------------------
 * s [rows, cols] overwritten = x y^T (scores, or dP), row stride TILE; x by rows, yt transposed. In
 * a diagonal tile, what lies beyond the diagonal has no meaning; in a masked one, what lies before
 * `from` is 0. */
void lm_attention_multiply_scores(const lm_compute *compute, const tile *t, int64_t d,
                                  tile_operand x, const void *yt, float *s);

/* Sums: rows of D floats, `row` apart. */
typedef struct tile_sums {
    float *at;
    int64_t row;
} tile_sums;
static inline tile_sums lm_attention_sums_from(tile_sums sums, int64_t token) {
    return (tile_sums){sums.at + token * sums.row, sums.row};
}

/* c [rows, D] = p y, or += unless first; p by rows, y lines. */
void lm_attention_multiply_rows(const lm_compute *compute, const tile *t, int64_t d, bool first,
                                tile_operand p, const void *y, tile_sums c);
/* c [cols, D] = p^T y, or += unless first; p by columns, y lines. */
void lm_attention_multiply_columns(const lm_compute *compute, const tile *t, int64_t d, bool first,
                                   tile_operand p, const void *y, tile_sums c);

/* ---- outputs ----------------------------------------------------------------------------------
 * Where to add up `out` [T, D], row stride out_row: in `out` itself, or if that is bf16 in `room`
 * [T, D], from where lm_attention_store rounds it. */
tile_sums lm_attention_sums(lm_array out, int64_t out_row, int64_t d, float *room);
/* Puts rows of the sums into out, rounded if it is bf16; they may be there already. */
void lm_attention_store(const lm_compute *compute, int64_t rows, int64_t d, tile_sums sums,
                        lm_array out, int64_t out_row);

/* Scratch bytes per worker, for backward alone. */
size_t lm_attention_backward_scratch_bytes(int64_t time, int64_t head_size);

#endif

/* One tile of scores: its sizes, its products, and what a worker needs to hold it, for forward and
 * backward alike. Inside the room.
 *
 * 64 queries by 64 keys: large enough that a tile's GEMMs (64 x 64 x D) dwarf its softmax, small enough
 * that the tile (16 kB) and the keys and values it meets stay in the first two caches. The key tile is
 * part of the arithmetic (the online softmax goes from tile to tile), so it is the same on every ISA.
 *
 * A diagonal tile is multiplied in strips of 12 rows (what a register tile of the widest ISA holds),
 * each as far as its last row sees: 59% of the tile's work. What is left out would add zeros. */
#ifndef LM_OPS_ATTENTION_TILE_H
#define LM_OPS_ATTENTION_TILE_H

#include <stdbool.h>

#include "ops/attention.h"

enum { TILE = LM_ATTENTION_TILE };

static inline int64_t lm_attention_tiles(int64_t time) {
    return lm_divide_up(time, TILE);
}
static inline int64_t lm_attention_tile_rows(int64_t time, int64_t tile) {
    return lm_min(time - tile * TILE, TILE);
}

/* Both: that arrays are of the precision, and heads divide. */
void lm_attention_assert_types(const lm_compute *compute, const lm_attention *a);

/* 1 / sqrt(D) */
float lm_attention_scale(int64_t head_size);

/* Operands are read in elements of four bytes: a float, or a pair of bf16 along the k of the product,
 * of which an odd k leaves half one. So a row of D holds lm_attention_elements(D) of them. */
static inline int64_t lm_attention_elements(const lm_compute *compute, int64_t k) {
    return compute->precision == LM_BF16 ? lm_divide_up(k, 2) : k;
}

/* An operand: element (i, k) of a tile at `at` + i*row + k*col elements. */
typedef struct tile_operand {
    const void *at;
    int64_t row, col;
} tile_operand;

/* ---- operands of a tile, out of arrays [n, D] with row stride x_row ---------------------------
 * By rows, k = D: in place, unless pairs do not lie on even elements; then a copy in `copy`. */
tile_operand lm_attention_rows(const lm_compute *compute, int64_t n, int64_t d, lm_array x,
                               int64_t x_row, void *copy);
/* Transposed, k = D: out [elements(D), TILE]. */
void lm_attention_pack_transposed(const lm_compute *compute, int64_t n, int64_t d, lm_array x,
                                  int64_t x_row, void *out);
/* As they lie, k = n: out [elements(n), D]. */
void lm_attention_pack_lines(const lm_compute *compute, int64_t n, int64_t d, lm_array x,
                             int64_t x_row, void *out);

/* Of the tile s [rows, cols], row stride TILE: by rows with k = cols, and by columns with k = rows.
 * fp32 in place, else rounded into out [TILE, TILE] of bf16. s may get a zero in column cols. */
tile_operand lm_attention_tile_by_rows(const lm_compute *compute, int64_t rows, int64_t cols,
                                       float *s, void *out);
tile_operand lm_attention_tile_by_columns(const lm_compute *compute, int64_t rows, int64_t cols,
                                          const float *s, void *out);

/* ---- products ---------------------------------------------------------------------------------
 * s [rows, cols] = x y^T (scores, or dP), overwritten, row stride TILE; x by rows, yt transposed. Of a
 * diagonal tile, what lies beyond the diagonal is overwritten or left. */
void lm_attention_multiply_scores(const lm_compute *compute, int64_t rows, int64_t cols, int64_t d,
                                  bool diagonal, tile_operand x, const void *yt, float *s);
/* c [rows, D] = or += p y (first: =), p by rows, y lines; row stride of c: c_row. */
void lm_attention_multiply_rows(const lm_compute *compute, int64_t rows, int64_t cols, int64_t d,
                                bool diagonal, bool first, tile_operand p, const void *y, float *c,
                                int64_t c_row);
/* c [cols, D] = or += p^T y (first: =), p by columns, y lines; row stride of c: c_row. */
void lm_attention_multiply_columns(const lm_compute *compute, int64_t rows, int64_t cols, int64_t d,
                                   bool diagonal, bool first, tile_operand p, const void *y,
                                   float *c, int64_t c_row);

/* ---- outputs ----------------------------------------------------------------------------------
 * Rows of D that add up in fp32, a row apart, from a head's first token on: in the output `out` itself
 * (its row stride: out_row), or if that is bf16 in `room` [T, D], for lm_attention_store. */
typedef struct tile_sums {
    float *at;
    int64_t row;
} tile_sums;
tile_sums lm_attention_sums(lm_array out, int64_t out_row, int64_t d, float *room);
/* Of tokens t .. t+rows-1: the sums as out has them. */
void lm_attention_store(const lm_compute *compute, int64_t t, int64_t rows, int64_t d,
                        tile_sums sums, lm_array out, int64_t out_row);

/* Scratch bytes a worker needs for the backward pass. */
size_t lm_attention_backward_scratch_bytes(int64_t time, int64_t head_size);

#endif

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
    return (time + TILE - 1) / TILE;
}
static inline int64_t lm_attention_tile_rows(int64_t time, int64_t tile) {
    return time - tile * TILE < TILE ? time - tile * TILE : TILE;
}
static inline int64_t lm_attention_least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* 1 / sqrt(D) */
float lm_attention_scale(int64_t head_size);

/* s [rows, cols] = x y^T (scores, or dP), overwritten, row stride TILE; x [rows, D] with row stride
 * x_row, yt [D, TILE]. Of a diagonal tile, what lies beyond the diagonal is overwritten or left. */
void lm_attention_multiply_scores(const lm_kernels *kernels, int64_t rows, int64_t cols, int64_t d,
                                  bool diagonal, const float *x, int64_t x_row, const float *yt,
                                  float *s);
/* c [rows, D] = or += p y (first: =), p [rows, TILE], y [cols, D]; row stride of c: c_row. */
void lm_attention_multiply_rows(const lm_kernels *kernels, int64_t rows, int64_t cols, int64_t d,
                                bool diagonal, bool first, const float *p, const float *y, float *c,
                                int64_t c_row);
/* c [cols, D] = or += p^T y (first: =), p [rows, TILE], y [rows, D]; row stride of c: c_row. */
void lm_attention_multiply_columns(const lm_kernels *kernels, int64_t rows, int64_t cols, int64_t d,
                                   bool diagonal, bool first, const float *p, const float *y,
                                   float *c, int64_t c_row);

/* The next piece of a worker's scratch, 64-byte aligned. */
float *lm_attention_take(float **scratch, int64_t floats);
/* out [rows, n], contiguous, = x. */
void lm_attention_copy_rows(int64_t rows, int64_t n, const float *x, int64_t x_row, float *out);

#endif

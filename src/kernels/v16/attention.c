#include <stdbool.h>

#include "base/numbers.h"
#include "kernels/v16/functions.h"

/* The usual softmax and backward walk a tile row by row; where a row's end lies in a vector, they
 * take the whole vector and a blend, because a masked store, and what reads it soon after, cost
 * more than the arithmetic.
 *
 * The softmax of any scores walks it in blocks of up to 16 rows by 16 columns. The rows of a block
 * before `some` see none of its columns, those from `all` on see them all; for the rows in between
 * a blend picks what counts. */
typedef struct attention_block {
    int64_t some, all;
} attention_block;

static inline int64_t clamp_row(int64_t i, int64_t rows) {
    return i < 0 ? 0 : i < rows ? i : rows;
}

static inline attention_block block_at(int64_t rows, int64_t cols, int64_t first_valid, int64_t j) {
    attention_block block = {clamp_row(j + 1 - first_valid, rows), rows};
    if (j + 16 <= cols) block.all = clamp_row(j + 16 - first_valid, rows);
    return block;
}

/* How many of the columns j .. j+15 row i sees, where it sees some. */
static inline int64_t seen_lanes(int64_t cols, int64_t first_valid, int64_t i, int64_t j) {
    return lm_min(lm_min(first_valid + i, cols) - j, 16);
}

/* Columns j .. j+15 of a row, as far as there are columns. */
static inline v16 load_within(const float *x, int64_t j, int64_t cols) {
    return get(x + j, lm_min(cols - j, 16));
}
static inline void store_within(float *x, int64_t j, int64_t cols, v16 a) {
    put(x + j, lm_min(cols - j, 16), a);
}

/* lanes[i]: those of max16 over what row i sees. */
static inline void max_lanes(int64_t rows, int64_t cols, int64_t first_valid, const float *s,
                             int64_t s_row, v16 lanes[16]) {
    for (int64_t i = 0; i < 16; i++) lanes[i] = v16_set1(-INFINITY);
    for (int64_t j = 0; j < cols; j += 16) {
        attention_block block = block_at(rows, cols, first_valid, j);
        for (int64_t i = block.some; i < block.all; i++) {
            v16 max = v16_max(lanes[i], load_within(s + i * s_row, j, cols));
            lanes[i] = v16_first(seen_lanes(cols, first_valid, i, j), max, lanes[i]);
        }
        for (int64_t i = block.all; i < rows; i++)
            lanes[i] = v16_max(lanes[i], v16_load(s + i * s_row + j));
    }
}

/* s_ij = exp(s_ij scale - max_i) where row i sees j, 0 elsewhere; lanes[i]: those of its sum. No
 * lane is -0, so that 0 may be added where nothing is seen. */
static inline void exp_lanes(int64_t rows, int64_t cols, int64_t first_valid, v16 factor,
                             const float *max, float *s, int64_t s_row, v16 lanes[16]) {
    for (int64_t i = 0; i < 16; i++) lanes[i] = v16_zero();
    for (int64_t j = 0; j < cols; j += 16) {
        attention_block block = block_at(rows, cols, first_valid, j);
        for (int64_t i = 0; i < block.some; i++) store_within(s + i * s_row, j, cols, v16_zero());
        for (int64_t i = block.some; i < block.all; i++) {
            v16 x = load_within(s + i * s_row, j, cols);
            v16 p = exp16(v16_fma(x, factor, v16_set1(-max[i])));
            p = v16_first(seen_lanes(cols, first_valid, i, j), p, v16_zero());
            store_within(s + i * s_row, j, cols, p);
            lanes[i] = v16_add(lanes[i], p);
        }
        for (int64_t i = block.all; i < rows; i++) {
            v16 p = exp16(v16_fma(v16_load(s + i * s_row + j), factor, v16_set1(-max[i])));
            v16_store(s + i * s_row + j, p);
            lanes[i] = v16_add(lanes[i], p);
        }
    }
}

/* Up to 16 rows at a time, so that what is one number a row (maximum, alpha, sum) is worked out for
 * all of them at once. Every row has at least one valid column. */
typedef struct softmax_block {
    int64_t rows, cols, first_valid;
    v16 factor;
    float *s;
    int64_t s_row;
    float *m, *l, *alpha;
} softmax_block;

static inline v16 new_max(const softmax_block *b, v16 old, v16 rows) {
    return v16_add(v16_max(old, v16_mul(b->factor, rows)), v16_zero());
}
static inline void put_rows(const softmax_block *b, v16 max, v16 a, v16 sum) {
    put(b->l, b->rows, v16_fma(get(b->l, b->rows), a, sum));
    put(b->m, b->rows, max);
    put(b->alpha, b->rows, a);
}

/* For any scores. */
APART void softmax_any(const softmax_block *b) {
    v16 lanes[16];
    float top[16];
    max_lanes(b->rows, b->cols, b->first_valid, b->s, b->s_row, lanes);
    v16 old = get(b->m, b->rows), max = new_max(b, old, v16_max_rows(lanes)),
        a = exp16(v16_sub(old, max));
    v16_store(top, max);
    exp_lanes(b->rows, b->cols, b->first_valid, b->factor, top, b->s, b->s_row, lanes);
    put_rows(b, max, a, v16_sum_rows(lanes));
}

/* Lanes of the maximum of what a row sees, which is at least one column; a NaN may be lost. */
static inline v16 row_max(int64_t seen, int64_t cols, const float *s) {
    v16 max = v16_set1(-INFINITY);
    int64_t j = 0;
    for (; j + 16 <= seen; j += 16) max = v16_larger(max, v16_load(s + j));
    if (j < seen) max = v16_first(seen - j, v16_larger(max, load_within(s, j, cols)), max);
    return max;
}

/* s_j = exp(s_j scale - max) where the row sees j, 0 elsewhere; the lanes of their sum. */
static inline v16 row_exp(int64_t seen, int64_t cols, v16 factor, v16 minus_max, float *s) {
    v16 sum = v16_zero();
    int64_t j = 0;
    for (; j + 16 <= seen; j += 16) {
        v16 p = exp_below16(v16_fma(v16_load(s + j), factor, minus_max));
        v16_store(s + j, p);
        sum = v16_add(sum, p);
    }
    if (j < seen) {
        v16 p = exp_below16(v16_fma(load_within(s, j, cols), factor, minus_max));
        p = v16_first(seen - j, p, v16_zero());
        store_within(s, j, cols, p);
        sum = v16_add(sum, p);
        j += 16;
    }
    for (; j < cols; j += 16) store_within(s, j, cols, v16_zero());
    return sum;
}

/* The rows of a block in which there is a NaN: their sums are NaN, and so becomes the rest. */
APART void spread_nan(const softmax_block *b, const float sum[16]) {
    for (int64_t i = 0; i < b->rows; i++) {
        if (!isnan(sum[i])) continue;
        int64_t seen = lm_min(b->first_valid + i, b->cols);
        for (int64_t j = 0; j < seen; j++) b->s[i * b->s_row + j] = NAN;
        b->m[i] = b->alpha[i] = NAN;
    }
}

/* Where maxima are this small, no score is so far above its own that exp of it overflows. */
#define USUAL_MAX 0x1p20f

static inline void softmax_rows(const softmax_block *b) {
    v16 lanes[16];
    float top[16], sums[16];
    for (int64_t i = b->rows; i < 16; i++) lanes[i] = v16_set1(-INFINITY);
    for (int64_t i = 0; i < b->rows; i++)
        lanes[i] = row_max(lm_min(b->first_valid + i, b->cols), b->cols, b->s + i * b->s_row);
    v16 old = get(b->m, b->rows), max = new_max(b, old, v16_larger_rows(lanes));
    if (!v16_all_le(v16_abs(max), v16_set1(USUAL_MAX))) {
        softmax_any(b);
        return;
    }
    v16_store(top, v16_neg(max));
    for (int64_t i = b->rows; i < 16; i++) lanes[i] = v16_zero();
    for (int64_t i = 0; i < b->rows; i++)
        lanes[i] = row_exp(lm_min(b->first_valid + i, b->cols), b->cols, b->factor,
                           v16_set1(top[i]), b->s + i * b->s_row);
    v16 sum = v16_sum_rows(lanes);
    put_rows(b, max, exp16(v16_sub(old, max)), sum);
    if (v16_all_le(sum, v16_set1(INFINITY))) return;
    v16_store(sums, sum);
    spread_nan(b, sums);
}

void ISA(attention_softmax_f32)(int64_t rows, int64_t cols, int64_t first_valid, float scale,
                                float *s, int64_t s_row, float *m, float *l, float *alpha) {
    int64_t i = 0;
    for (; i < rows && (first_valid + i <= 0 || cols == 0); i++) {
        for (int64_t j = 0; j < cols; j += 16) store_within(s + i * s_row, j, cols, v16_zero());
        alpha[i] = 1.0f;
    }
    for (; i < rows; i += 16)
        softmax_rows(&(softmax_block){.rows = lm_min(rows - i, 16),
                                      .cols = cols,
                                      .first_valid = first_valid + i,
                                      .factor = v16_set1(scale),
                                      .s = s + i * s_row,
                                      .s_row = s_row,
                                      .m = m + i,
                                      .l = l + i,
                                      .alpha = alpha + i});
}

/* P and dS of a row that sees so many of its columns. */
static inline void backward_row(int64_t seen, int64_t cols, v16 factor, v16 lse, v16 delta,
                                float *s, float *dp) {
    int64_t j = 0;
    for (; j + 16 <= seen; j += 16) {
        v16 p = exp16(v16_fms(v16_load(s + j), factor, lse)), g = v16_load(dp + j);
        v16_store(s + j, p);
        v16_store(dp + j, v16_mul(v16_mul(p, v16_sub(g, delta)), factor));
    }
    if (j < seen) {
        v16 x = load_within(s, j, cols), g = load_within(dp, j, cols), p;
        p = v16_first(seen - j, exp16(v16_fms(x, factor, lse)), v16_zero());
        g = v16_mul(v16_mul(p, v16_sub(g, delta)), factor);
        store_within(s, j, cols, p);
        store_within(dp, j, cols, v16_first(seen - j, g, v16_zero()));
        j += 16;
    }
    for (; j < cols; j += 16) {
        store_within(s, j, cols, v16_zero());
        store_within(dp, j, cols, v16_zero());
    }
}

void ISA(attention_backward_f32)(int64_t rows, int64_t cols, int64_t first_valid, float scale,
                                 float *s, int64_t s_row, float *dp, int64_t dp_row,
                                 const float *lse, const float *delta) {
    for (int64_t i = 0; i < rows; i++)
        backward_row(lm_min(first_valid + i, cols), cols, v16_set1(scale), v16_set1(lse[i]),
                     v16_set1(delta[i]), s + i * s_row, dp + i * dp_row);
}

void ISA(softcap_f32)(int64_t n, float a, float cap, float *x, float *slope) {
    v16 factor = v16_set1(a), top = v16_set1(cap), steepest = v16_set1(a * cap), one = v16_set1(1);
    EACH_16(i, n, {
        v16 t = tanh16(v16_mul(factor, get(x + i, lanes)));
        put(x + i, lanes, v16_mul(top, t));
        if (slope) put(slope + i, lanes, v16_mul(steepest, v16_fnma(t, t, one)));
    });
}

void ISA(rope_f32)(int64_t heads, int64_t row, int64_t size, const float *cos, const float *sin,
                   float *x) {
    int64_t half = size / 2;
    for (int64_t h = 0; h < heads; h++, x += row)
        EACH_16(j, half, {
            v16 lo = get(x + j, lanes), hi = get(x + j + half, lanes);
            v16 c = get(cos + j, lanes), s = get(sin + j, lanes);
            put(x + j, lanes, v16_fms(lo, c, v16_mul(hi, s)));
            put(x + j + half, lanes, v16_fma(hi, c, v16_mul(lo, s)));
        });
}

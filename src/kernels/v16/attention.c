#include <stdbool.h>

#include "base/numbers.h"
#include "kernels/v16/functions.h"

/* Rows are short and end anywhere, so a tile is walked in blocks of up to 16 rows by 16 columns.
 * The rows of a block before `some` see none of its columns, those from `all` on see them all; for
 * the rows in between a blend picks what counts, because a masked store, and what reads it soon
 * after, cost more than the arithmetic. */
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
static void softmax_rows(int64_t rows, int64_t cols, int64_t first_valid, v16 factor, float *s,
                         int64_t s_row, float *m, float *l, float *alpha) {
    v16 lanes[16];
    float top[16];
    max_lanes(rows, cols, first_valid, s, s_row, lanes);
    v16 old = get(m, rows);
    v16 max = v16_add(v16_max(old, v16_mul(factor, v16_max_rows(lanes))), v16_zero());
    v16 a = exp16(v16_sub(old, max));
    v16_store(top, max);
    exp_lanes(rows, cols, first_valid, factor, top, s, s_row, lanes);
    put(l, rows, v16_fma(get(l, rows), a, v16_sum_rows(lanes)));
    put(m, rows, max);
    put(alpha, rows, a);
}

void ISA(attention_softmax_f32)(int64_t rows, int64_t cols, int64_t first_valid, float scale,
                                float *s, int64_t s_row, float *m, float *l, float *alpha) {
    int64_t i = 0;
    for (; i < rows && (first_valid + i <= 0 || cols == 0); i++) {
        for (int64_t j = 0; j < cols; j += 16) store_within(s + i * s_row, j, cols, v16_zero());
        alpha[i] = 1.0f;
    }
    for (; i < rows; i += 16)
        softmax_rows(lm_min(rows - i, 16), cols, first_valid + i, v16_set1(scale), s + i * s_row,
                     s_row, m + i, l + i, alpha + i);
}

/* P and dS of up to 16 rows, in the columns from j on. */
static inline void backward_block(int64_t rows, int64_t cols, int64_t first_valid, int64_t j,
                                  v16 factor, float *s, int64_t s_row, float *dp, int64_t dp_row,
                                  const float *lse, const float *delta) {
    attention_block block = block_at(rows, cols, first_valid, j);
    for (int64_t i = 0; i < block.some; i++) {
        store_within(s + i * s_row, j, cols, v16_zero());
        store_within(dp + i * dp_row, j, cols, v16_zero());
    }
    for (int64_t i = block.some; i < block.all; i++) {
        int64_t n = seen_lanes(cols, first_valid, i, j);
        v16 x = load_within(s + i * s_row, j, cols), g = load_within(dp + i * dp_row, j, cols);
        v16 p = exp16(v16_fma(x, factor, v16_set1(-lse[i])));
        v16 ds = v16_mul(v16_mul(p, v16_sub(g, v16_set1(delta[i]))), factor);
        store_within(s + i * s_row, j, cols, v16_first(n, p, v16_zero()));
        store_within(dp + i * dp_row, j, cols, v16_first(n, ds, v16_zero()));
    }
    for (int64_t i = block.all; i < rows; i++) {
        v16 x = v16_load(s + i * s_row + j), g = v16_load(dp + i * dp_row + j);
        v16 p = exp16(v16_fma(x, factor, v16_set1(-lse[i])));
        v16_store(s + i * s_row + j, p);
        v16_store(dp + i * dp_row + j, v16_mul(v16_mul(p, v16_sub(g, v16_set1(delta[i]))), factor));
    }
}

void ISA(attention_backward_f32)(int64_t rows, int64_t cols, int64_t first_valid, float scale,
                                 float *s, int64_t s_row, float *dp, int64_t dp_row,
                                 const float *lse, const float *delta) {
    for (int64_t i = 0; i < rows; i += 16)
        for (int64_t j = 0; j < cols; j += 16)
            backward_block(lm_min(rows - i, 16), cols, first_valid + i, j, v16_set1(scale),
                           s + i * s_row, s_row, dp + i * dp_row, dp_row, lse + i, delta + i);
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

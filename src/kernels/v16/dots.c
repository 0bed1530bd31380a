/* Rows times rows. A step of a tile of X_ROWS rows of x by W_ROWS rows of w loads 16 channels of
 * each and does X_ROWS * W_ROWS multiply-adds. The sums stay in registers: 16 of 32 where a v16 is
 * one register, else 12 of 16 (AVX2) or 24 of 32 (NEON).
 *
 * The rows of w that a tile meets are m / W_ROWS apart: w is read as W_ROWS long streams, which the
 * hardware foresees. Neighbouring rows are short streams that begin anew with every tile: at
 * k = 768 they came from memory at 12.8 GB/s on one Zen 4 core, long ones at 21. */
#include <stdbool.h>

#include "base/numbers.h"
#include "kernels/v16/v16.h"

enum { X_ROWS = V16_IS_ONE_REGISTER ? 4 : 2, W_ROWS = V16_IS_ONE_REGISTER ? 4 : 3 };

typedef struct operands {
    int64_t k;
    const float *x; /* the tile's first row */
    int64_t x_row;
    const void *w;     /* likewise */
    int64_t w_step;    /* from one of the tile's rows to the next */
    const float *init; /* of the tile's first column; NULL: zeros */
    float *y;
    int64_t y_row, y_step;
} operands;

#define EACH_X(F) F(0) F(1) F(2) F(3)
#define SUMS(a)                              \
    const float *x##a = o->x + a * o->x_row; \
    v16 s##a##0 = v16_zero(), s##a##1 = s##a##0, s##a##2 = s##a##0, s##a##3 = s##a##0;
#define ADD(a, b) s##a##b = first(lanes, v16_fma(w##b, xa, s##a##b), s##a##b)
#define STEP(a)                        \
    if (a < xs) {                      \
        v16 xa = get(x##a + p, lanes); \
        ADD(a, 0);                     \
        if (ws > 1) ADD(a, 1);         \
        if (ws > 2) ADD(a, 2);         \
        if (ws > 3) ADD(a, 3);         \
    }
#define PUT(a, b)                        \
    o->y[a * o->y_row + b * o->y_step] = \
        (o->init ? o->init[b * o->y_step] : 0.0f) + v16_sum(s##a##b)
#define STORE(a)               \
    if (a < xs) {              \
        PUT(a, 0);             \
        if (ws > 1) PUT(a, 1); \
        if (ws > 2) PUT(a, 2); \
        if (ws > 3) PUT(a, 3); \
    }

/* xs rows of x by ws rows of w: constants. */
INLINE void tile(const operands *o, bool bf16, int xs, int ws) {
    EACH_X(SUMS)
    int64_t step = o->w_step;
    EACH_16(p, o->k, {
        v16 w0 = get_either(bf16, o->w, p, lanes), w1 = w0, w2 = w0, w3 = w0;
        if (ws > 1) w1 = get_either(bf16, o->w, p + step, lanes);
        if (ws > 2) w2 = get_either(bf16, o->w, p + 2 * step, lanes);
        if (ws > 3) w3 = get_either(bf16, o->w, p + 3 * step, lanes);
        EACH_X(STEP)
    });
    EACH_X(STORE)
}

/* n <= X_ROWS rows of x. */
INLINE void tile_of(const operands *o, bool bf16, int64_t n, int ws) {
    if (n == 1) tile(o, bf16, 1, ws);
    if (n == 2) tile(o, bf16, 2, ws);
    if (X_ROWS > 2 && n == 3) tile(o, bf16, 3, ws);
    if (X_ROWS > 2 && n == 4) tile(o, bf16, 4, ws);
}

INLINE const void *row_of(bool bf16, const void *w, int64_t at) {
    return bf16 ? (const void *)((const lm_bf16 *)w + at) : (const void *)((const float *)w + at);
}

INLINE void dots(bool bf16, int64_t n, int64_t m, int64_t k, const float *x, int64_t x_row,
                 const void *w, int64_t w_row, const float *init, float *y, int64_t y_row) {
    int64_t apart = m / W_ROWS;
    operands o = {.k = k, .x_row = x_row, .w_step = apart * w_row, .y_row = y_row, .y_step = apart};
    for (int64_t j = 0; j < m; j = j + 1 == apart ? W_ROWS * apart : j + 1) {
        o.w = row_of(bf16, w, j * w_row);
        o.init = init ? init + j : NULL;
        for (int64_t i = 0; i < n; i += X_ROWS) {
            o.x = x + i * x_row;
            o.y = y + i * y_row + j;
            if (j < apart)
                tile_of(&o, bf16, lm_min(n - i, X_ROWS), W_ROWS);
            else
                tile_of(&o, bf16, lm_min(n - i, X_ROWS), 1);
        }
    }
}

void ISA(dots_f32)(int64_t n, int64_t m, int64_t k, const float *x, int64_t x_row, const float *w,
                   int64_t w_row, const float *init, float *y, int64_t y_row) {
    dots(false, n, m, k, x, x_row, w, w_row, init, y, y_row);
}

void ISA(dots_bf16)(int64_t n, int64_t m, int64_t k, const float *x, int64_t x_row,
                    const lm_bf16 *w, int64_t w_row, const float *init, float *y, int64_t y_row) {
    dots(true, n, m, k, x, x_row, w, w_row, init, y, y_row);
}

#include "optim/symmetric.h"

#include <string.h>

#include "base/numbers.h"
#include "ops/gemm.h"

/* A block of sums is stored by rectangles of so many rows and columns: their transpose lies in the
 * block's room, STRIP floats a row. */
enum { STRIP = 16, CHUNK = 128 };
_Static_assert(STRIP *CHUNK <= (int)LM_GEMM_ROOM, "a rectangle has room");

/* Rows i0 .. i1 of S by columns j0 .. j1, of which those with i <= j are known. */
typedef struct rectangle {
    int64_t i0, i1, j0, j1;
    float *s; /* element (i,j) at s[(i-i0) * row + j-j0] */
    int64_t row;
    float *turned; /* element (i,j) at turned[(j-j0) * STRIP + i-i0] */
} rectangle;

typedef struct job {
    const lm_kernels *kernels;
    const lm_symmetric *s;
} job;

/* Asks for the lines that the transpose goes to: each is in another row. */
static void prefetch(const rectangle *r, lm_array to, int64_t m) {
    for (int64_t j = lm_max(r->j0, r->i1); j < r->j1; j++)
        __builtin_prefetch(lm_array_from(to, j * m + r->i0).at, 1);
}

/* Rows of n floats, x_row apart, into y. */
static void store_rows(const lm_kernels *kernels, int64_t rows, int64_t n, const float *x,
                       int64_t x_row, lm_array y, int64_t y_row) {
    if (rows <= 0 || n <= 0) return;
    if (y.type == LM_BF16) {
        kernels->bf16_from_f32(rows, n, x, x_row, y.at, y_row);
    } else if (n == STRIP) {
        for (int64_t i = 0; i < rows; i++)
            memcpy((float *)y.at + i * y_row, x + i * x_row, STRIP * sizeof *x);
    } else {
        for (int64_t i = 0; i < rows; i++)
            memcpy((float *)y.at + i * y_row, x + i * x_row, (size_t)n * sizeof *x);
    }
}

/* The columns before `end` of a rectangle whose block ends within the square on the diagonal:
 * element by element (i,j) and (j,i), for i <= j. */
static void store_corner(const lm_kernels *kernels, const rectangle *r, int64_t end, lm_array to,
                         int64_t m) {
    for (int64_t i = r->i0; i < lm_min(r->i1, end); i++) {
        int64_t j = lm_max(i, r->j0);
        store_rows(kernels, 1, end - j, r->s + (i - r->i0) * r->row + j - r->j0, r->row,
                   lm_array_from(to, i * m + j), m);
    }
    for (int64_t j = r->j0; j < end; j++)
        store_rows(kernels, 1, j - r->i0, r->turned + (j - r->j0) * STRIP, STRIP,
                   lm_array_from(to, j * m + r->i0), m);
}

/* Element (i,j) of the rectangle goes to (i,j) and (j,i), by the worker that computed it: nobody
 * else writes there. Columns from `whole` on lie above the diagonal. */
static void store(const lm_kernels *kernels, const rectangle *r, lm_array to, int64_t m) {
    const int64_t whole = lm_min(lm_max(r->i1, r->j0), r->j1), rows = r->i1 - r->i0;
    int64_t from = r->j0;
    if (whole > r->j0 && !(r->j0 == r->i0 && whole == r->i1)) {
        store_corner(kernels, r, whole, to, m);
        from = whole;
    }
    store_rows(kernels, rows, r->j1 - from, r->s + from - r->j0, r->row,
               lm_array_from(to, r->i0 * m + from), m);
    store_rows(kernels, r->j1 - whole, rows, r->turned + (whole - r->j0) * STRIP, STRIP,
               lm_array_from(to, whole * m + r->i0), m);
}

/* Fills in what lies below the diagonal of a square that begins on it. */
static void complete_square(const rectangle *r) {
    for (int64_t i = 1; i < lm_min(r->i1, r->j1) - r->i0; i++)
        for (int64_t j = 0; j < i; j++) r->s[i * r->row + j] = r->turned[i * STRIP + j];
}

static void shift_diagonal(const rectangle *r, float shift) {
    for (int64_t i = lm_max(r->i0, r->j0); i < lm_min(r->i1, r->j1); i++)
        r->s[(i - r->i0) * r->row + i - r->j0] += shift;
}

static void finish_rectangle(const job *j, const rectangle *r) {
    const lm_kernels *kernels = j->kernels;
    const lm_symmetric *s = j->s;
    const int64_t rows = r->i1 - r->i0, columns = r->j1 - r->j0;
    prefetch(r, s->to, s->m);
    kernels->pack_f32(rows, STRIP, columns, r->s, r->row, 1, r->turned);
    if (r->j0 == r->i0) complete_square(r);
    if (s->shift != 0) shift_diagonal(r, s->shift);
    if (s->scaled.at) prefetch(r, s->scaled, s->m);
    store(kernels, r, s->to, s->m);
    if (!s->scaled.at) return;
    float scale[STRIP];
    for (int64_t i = 0; i < STRIP; i++) scale[i] = s->scale;
    kernels->scale_rows_f32(rows, columns, scale, r->s, r->row);
    kernels->scale_f32(columns * STRIP, s->scale, r->turned);
    shift_diagonal(r, s->scaled_shift);
    store(kernels, r, s->scaled, s->m);
}

static void finish_block(void *argument, const lm_gemm_block *block) {
    const job *j = argument;
    const int64_t end = lm_min(block->m1, block->n1);
    for (int64_t i0 = block->m0; i0 < end; i0 += STRIP)
        for (int64_t j0 = lm_max(block->n0, i0); j0 < block->n1; j0 += CHUNK) {
            const rectangle r = {.i0 = i0,
                                 .i1 = lm_min(i0 + STRIP, end),
                                 .j0 = j0,
                                 .j1 = lm_min(j0 + CHUNK, block->n1),
                                 .s = block->c + (i0 - block->m0) * block->c_row + j0 - block->n0,
                                 .row = block->c_row,
                                 .turned = block->room};
            finish_rectangle(j, &r);
        }
}

void lm_symmetric_multiply(const lm_compute *compute, const lm_symmetric *s) {
    job j = {compute->kernels, s};
    const lm_gemm g = {.m = s->m,
                       .n = s->m,
                       .k = s->k,
                       .a = s->a,
                       .a_row = s->a_row,
                       .a_col = s->a_col,
                       .b = s->b,
                       .b_row = s->b_row,
                       .b_col = s->b_col,
                       .c = s->spare,
                       .c_row = s->m,
                       .upper = true,
                       .finish = finish_block,
                       .argument = &j,
                       .finish_only = s->k <= LM_GEMM_FINISH_K};
    LM_ASSERT((!s->scaled.at || s->shift == 0) && (s->spare || g.finish_only));
    lm_gemm_multiply(compute, &g);
}

#include "optim/polar.h"

#include "base/numbers.h"
#include "ops/gemm.h"

enum {
    STEPS = 5,
    TILE = 32,     /* rows and columns that are mirrored at a time */
    PIECE = 16384, /* elements that a task rounds */
    SQUARES = 5    /* m x m matrices that the steps keep */
};

typedef struct coefficients {
    float a, b, c;
} coefficients;

typedef struct polynomial {
    const char *name;
    double safety, eps;
    coefficients step[STEPS];
} polynomial;

#define FIVE(...) \
    { __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__, __VA_ARGS__ }
#define JORDAN \
    { 3.4445f, -4.7750f, 2.0315f }
static const polynomial polynomials[LM_POLAR_COUNT] = {
    [LM_POLAR_EXPRESS] = {"polar_express",
                          1.02,
                          1e-6,
                          {{8.156554524902461f, -22.48329292557795f, 15.878769915207462f},
                           {4.042929935166739f, -2.808917465908714f, 0.5000178451051316f},
                           {3.8916678022926607f, -2.772484153217685f, 0.5060648178503393f},
                           {3.285753657755655f, -2.3681294933425376f, 0.46449024233003106f},
                           {2.3465413258596377f, -1.7097828382687081f, 0.42323551169305323f}}},
    [LM_POLAR_NEWTON_SCHULZ] = {"newton_schulz", 1, 1e-7, FIVE(JORDAN)}};

const char *lm_polar_name(int kind) {
    return kind >= 0 && kind < LM_POLAR_COUNT ? polynomials[kind].name : NULL;
}

double lm_polar_scale(int kind, double norm) {
    return 1 / (polynomials[kind].safety * norm + polynomials[kind].eps);
}

/* ---- sizes ------------------------------------------------------------------------------------*/

/* X as m <= n, whichever way it lies. */
typedef struct matrix {
    int64_t m, n;
    int64_t row, column; /* element (i, k) at x[i * row + k * column] */
    float *x;
} matrix;

static matrix shorter_first(int64_t lines, int64_t columns, float *x) {
    if (lines > columns) return (matrix){columns, lines, 1, columns, x};
    return (matrix){lines, columns, columns, 1, x};
}

/* Operations of both ways; products of symmetric matrices count half. */
static double flops_of_x(double m, double n) {
    return STEPS * (3 * m * m * n + m * m * m);
}
static double flops_of_gram(double m, double n) {
    return 3 * m * m * n + (STEPS + (STEPS - 1) * 3) * m * m * m;
}

/* Which way takes less time, where operations in bf16 take half of theirs in fp32. */
static bool by_gram(double m, double n, lm_precision precision) {
    if (precision == LM_FP32) return flops_of_gram(m, n) < flops_of_x(m, n);
    return flops_of_gram(m, n) - 0.5 * m * m * n < 0.5 * flops_of_x(m, n);
}

double lm_polar_flops(int64_t lines, int64_t columns, lm_precision precision) {
    double m = (double)lm_min(lines, columns), n = (double)lm_max(lines, columns);
    return by_gram(m, n, precision) ? flops_of_gram(m, n) : flops_of_x(m, n);
}

bool lm_polar_room(int64_t lines, int64_t columns, uint64_t *bytes) {
    int64_t m = lm_min(lines, columns), square, all;
    if (!lm_count_mul(m, m, &square) || !lm_count_mul(lines, columns, &all) ||
        square > INT64_MAX / 64 || all > INT64_MAX / 64)
        return false;
    *bytes = lm_size_align((size_t)all * sizeof(float)) +
             SQUARES * lm_size_align((size_t)square * sizeof(float));
    return true;
}

/* ---- products ---------------------------------------------------------------------------------*/

/* What follows a product of which only the upper triangle is known: a += diagonal I, mirrored; and
 * y = scale a + shift I, unless it is NULL. */
typedef struct finish {
    int64_t m;
    float *a, *y;
    float diagonal, scale, shift;
} finish;

static void mirror_tile(const finish *f, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
    float *a = f->a;
    const int64_t m = f->m;
    for (int64_t i = i0; i < i1; i++)
        for (int64_t j = j0; j < lm_min(j1, i); j++) a[i * m + j] = a[j * m + i];
}

static void finish_task(void *argument, int64_t task, int worker) {
    (void)worker;
    const finish *f = argument;
    const int64_t m = f->m, i0 = task * TILE, i1 = lm_min(i0 + TILE, m);
    for (int64_t i = i0; i < i1; i++) f->a[i * m + i] += f->diagonal;
    for (int64_t j = 0; j < i1; j += TILE) mirror_tile(f, i0, i1, j, lm_min(j + TILE, m));
    if (!f->y) return;
    for (int64_t i = i0; i < i1; i++) {
        const float *a = f->a + i * m;
        float *y = f->y + i * m;
        for (int64_t j = 0; j < m; j++) y[j] = a[j] * f->scale;
        y[i] += f->shift;
    }
}

/* A task reads rows above its own, of which it reads only what lies above the diagonal: what
 * others write is below it or on it. The diagonal of a row is read by its own task alone. */
static void complete(const lm_compute *compute, finish f) {
    lm_pool_run(compute->pool, lm_divide_up(f.m, TILE), finish_task, &f);
}

/* c = a b, of symmetric matrices that commute [m, m]; upper triangle. */
static void multiply_symmetric(const lm_compute *compute, int64_t m, const float *a, const float *b,
                               float *c) {
    lm_gemm g = {.m = m,
                 .n = m,
                 .k = m,
                 .a = lm_array_f32(a),
                 .a_row = m,
                 .a_col = 1,
                 .b = lm_array_f32(b),
                 .b_row = m,
                 .b_col = 1,
                 .c = c,
                 .c_row = m,
                 .upper = true};
    lm_gemm_multiply(compute, &g);
}

/* r = X X^T, upper triangle. */
static void multiply_gram(const lm_compute *compute, const matrix *x, float *r) {
    lm_gemm g = {.m = x->m,
                 .n = x->m,
                 .k = x->n,
                 .a = lm_array_f32(x->x),
                 .a_row = x->row,
                 .a_col = x->column,
                 .b = lm_array_f32(x->x),
                 .b_row = x->column,
                 .b_col = x->row,
                 .c = r,
                 .c_row = x->m,
                 .upper = true};
    lm_gemm_multiply(compute, &g);
}

/* out = S X in the layout of X; S [m, m] is symmetric, so that the transpose is X^T S. */
static void multiply_x(const lm_compute *compute, const float *s, const matrix *x, float *out) {
    bool tall = x->row == 1 && x->column != 1;
    lm_array a = lm_array_f32(s), b = lm_array_f32(x->x);
    lm_gemm g = {.m = tall ? x->n : x->m,
                 .n = tall ? x->m : x->n,
                 .k = x->m,
                 .a = tall ? b : a,
                 .a_row = x->m,
                 .a_col = 1,
                 .b = tall ? a : b,
                 .b_row = tall ? x->m : x->n,
                 .b_col = 1,
                 .c = out,
                 .c_row = tall ? x->m : x->n};
    lm_gemm_multiply(compute, &g);
}

/* ---- the steps --------------------------------------------------------------------------------*/

static float *steps_of_x(const lm_compute *compute, const polynomial *p, matrix x, lm_arena *room) {
    const int64_t m = x.m;
    float *next = lm_arena_floats(room, m * x.n), *a = lm_arena_floats(room, m * m);
    float *y = lm_arena_floats(room, m * m), *b = lm_arena_floats(room, m * m);
    for (const coefficients *k = p->step; k < p->step + STEPS; k++) {
        multiply_gram(compute, &x, a);
        complete(compute, (finish){.m = m, .a = a, .y = y, .scale = k->c, .shift = k->b});
        multiply_symmetric(compute, m, a, y, b); /* b A + c A^2 */
        complete(compute, (finish){.m = m, .a = b, .diagonal = k->a});
        multiply_x(compute, b, &x, next);
        float *before = x.x;
        x.x = next;
        next = before;
    }
    return x.x;
}

typedef struct rounding {
    const lm_compute *compute;
    int64_t count;
    float *x;
} rounding;

static void round_task(void *argument, int64_t task, int worker) {
    (void)worker;
    const rounding *r = argument;
    const lm_kernels *kernels = r->compute->kernels;
    lm_bf16 rounded[512];
    int64_t end = lm_min((task + 1) * PIECE, r->count);
    for (int64_t i = task * PIECE; i < end; i += 512) {
        int64_t n = lm_min(end - i, 512);
        kernels->bf16_from_f32(1, n, r->x + i, n, rounded, n);
        kernels->f32_from_bf16(n, rounded, r->x + i);
    }
}

static float *steps_of_gram(const lm_compute *compute, const polynomial *p, matrix x,
                            lm_arena *room) {
    const int64_t m = x.m;
    lm_compute single = *compute;
    float *out = lm_arena_floats(room, m * x.n), *r = lm_arena_floats(room, m * m);
    float *y = lm_arena_floats(room, m * m), *z = lm_arena_floats(room, m * m);
    float *q = NULL, *next = lm_arena_floats(room, m * m), *free = lm_arena_floats(room, m * m);
    if (compute->precision == LM_BF16) {
        rounding rounds = {compute, m * x.n, x.x};
        lm_pool_run(compute->pool, lm_divide_up(m * x.n, PIECE), round_task, &rounds);
    }
    single.precision = LM_FP32;
    multiply_gram(compute, &x, r);
    for (const coefficients *k = p->step; k < p->step + STEPS; k++) {
        complete(&single, (finish){.m = m, .a = r, .y = y, .scale = k->c, .shift = k->b});
        multiply_symmetric(&single, m, r, y, z);
        complete(&single, (finish){.m = m, .a = z, .diagonal = k->a});
        if (k < p->step + STEPS - 1) { /* R <- (Z R) Z; y is free */
            multiply_symmetric(&single, m, z, r, y);
            complete(&single, (finish){.m = m, .a = y});
            multiply_symmetric(&single, m, y, z, r);
        }
        float *done = q ? next : z; /* Q <- Q Z */
        if (q) {
            multiply_symmetric(&single, m, q, z, next);
            complete(&single, (finish){.m = m, .a = next});
            next = q;
        } else {
            z = free;
        }
        q = done;
    }
    multiply_x(&single, q, &x, out);
    return out;
}

float *lm_polar(const lm_compute *compute, int kind, int64_t lines, int64_t columns, float *x,
                lm_arena *room) {
    LM_ASSERT(kind >= 0 && kind < LM_POLAR_COUNT);
    matrix whole = shorter_first(lines, columns, x);
    const polynomial *p = &polynomials[kind];
    bool gram = by_gram((double)whole.m, (double)whole.n, compute->precision);
    return gram ? steps_of_gram(compute, p, whole, room) : steps_of_x(compute, p, whole, room);
}

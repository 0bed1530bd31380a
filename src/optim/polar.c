#include "optim/polar.h"

#include "base/numbers.h"
#include "ops/gemm.h"
#include "optim/symmetric.h"

enum {
    STEPS = 5,
    PIECE = 16384, /* elements that a task scales */
    SQUARES = 6    /* m x m matrices that the steps keep */
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
    lm_array x;
} matrix;

static matrix shorter_first(int64_t lines, int64_t columns, lm_array x) {
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
    *bytes = 2 * lm_size_align((size_t)all * sizeof(lm_bf16)) + /* or one of floats */
             SQUARES * lm_size_align((size_t)square * sizeof(float));
    return true;
}

/* ---- products ---------------------------------------------------------------------------------*/

static lm_array take(lm_arena *room, lm_precision type, int64_t count) {
    return (lm_array){lm_arena_take(room, (size_t)count * lm_array_element_bytes(type)), type};
}

/* A = X X^T and scaled = c A + b I. */
static void multiply_gram(const lm_compute *compute, const matrix *x, const coefficients *k,
                          lm_array a, lm_array scaled, float *spare) {
    const lm_symmetric s = {.m = x->m,
                            .k = x->n,
                            .a = x->x,
                            .a_row = x->row,
                            .a_col = x->column,
                            .b = x->x,
                            .b_row = x->column,
                            .b_col = x->row,
                            .to = a,
                            .scaled = scaled,
                            .scale = k->c,
                            .scaled_shift = k->b,
                            .spare = spare};
    lm_symmetric_multiply(compute, &s);
}

/* to = A B + shift I, of symmetric matrices that commute [m, m]. With k, scaled as above. */
static void multiply(const lm_compute *compute, int64_t m, lm_array a, lm_array b, float shift,
                     lm_array to, const coefficients *k, lm_array scaled) {
    lm_symmetric s = {.m = m,
                      .k = m,
                      .a = a,
                      .a_row = m,
                      .a_col = 1,
                      .b = b,
                      .b_row = m,
                      .b_col = 1,
                      .to = to,
                      .shift = shift};
    if (k) {
        s.scaled = scaled;
        s.scale = k->c;
        s.scaled_shift = k->b;
    }
    lm_symmetric_multiply(compute, &s);
}

typedef struct rounding {
    const lm_kernels *kernels;
    lm_bf16 *to;
    int64_t row;
} rounding;

static void round_block(void *argument, const lm_gemm_block *b) {
    const rounding *r = argument;
    r->kernels->bf16_from_f32(b->m1 - b->m0, b->n1 - b->n0, b->c, b->c_row,
                              r->to + b->m0 * r->row + b->n0, r->row);
}

/* out = S X in the layout of X; S [m, m] is symmetric, so that the transpose is X^T S. */
static void multiply_x(const lm_compute *compute, lm_array s, const matrix *x, lm_array out) {
    bool tall = x->row == 1 && x->column != 1;
    rounding r = {compute->kernels, out.at, tall ? x->m : x->n};
    lm_gemm g = {.m = tall ? x->n : x->m,
                 .n = tall ? x->m : x->n,
                 .k = x->m,
                 .a = tall ? x->x : s,
                 .a_row = x->m,
                 .a_col = 1,
                 .b = tall ? s : x->x,
                 .b_row = tall ? x->m : x->n,
                 .b_col = 1,
                 .c = out.at,
                 .c_row = tall ? x->m : x->n};
    if (out.type == LM_BF16) {
        g.c = NULL;
        g.finish = round_block;
        g.argument = &r;
        g.finish_only = true;
    }
    lm_gemm_multiply(compute, &g);
}

/* ---- the steps --------------------------------------------------------------------------------*/

typedef struct work {
    const lm_compute *compute;
    matrix x;                  /* the operand of the next step */
    lm_array next;             /* what becomes of it */
    lm_array squares[SQUARES]; /* [m, m] */
    float *last;               /* where the last step writes when X is bf16; else NULL */
} work;

static void begin(work *w, const coefficients *k, lm_array a, lm_array scaled) {
    multiply_gram(w->compute, &w->x, k, a, scaled, w->last ? w->last : w->next.at);
}

/* X <- S X */
static void advance(work *w, lm_array s, bool last) {
    lm_array out = last && w->last ? lm_array_f32(w->last) : w->next;
    multiply_x(w->compute, s, &w->x, out);
    w->next = w->x.x;
    w->x.x = out;
}

static void steps_of_x(work *w, const polynomial *p) {
    lm_array a = w->squares[0], y = w->squares[1], b = w->squares[2];
    for (int k = 0; k < STEPS; k++) {
        const coefficients *c = &p->step[k];
        begin(w, c, a, y);
        multiply(w->compute, w->x.m, a, y, c->a, b, NULL, y); /* a I + b A + c A^2 */
        advance(w, b, k == STEPS - 1);
    }
}

/* All products but X X^T are fp32: an R that was rounded to bf16 may have negative eigenvalues,
 * which grow. */
static void steps_of_gram(work *w, const polynomial *p) {
    const int64_t m = w->x.m;
    lm_array r = w->squares[0], y = w->squares[1], z = w->squares[2], q = {0};
    lm_array zr = w->squares[3], next = w->squares[4], free = w->squares[5];
    lm_compute single = *w->compute;
    single.precision = LM_FP32;
    begin(w, &p->step[0], r, y);
    for (int k = 0; k < STEPS; k++) {
        multiply(&single, m, r, y, p->step[k].a, z, NULL, y);
        if (k < STEPS - 1) { /* R <- (Z R) Z */
            multiply(&single, m, z, r, 0, zr, NULL, y);
            multiply(&single, m, zr, z, 0, r, &p->step[k + 1], y);
        }
        lm_array done = q.at ? next : z; /* Q <- Q Z */
        if (q.at) {
            multiply(&single, m, q, z, 0, next, NULL, y);
            next = q;
        } else {
            z = free;
        }
        q = done;
    }
    w->compute = &single;
    advance(w, q, true);
}

/* x is scaled, and at bf16 rounded. */
typedef struct scaling {
    const lm_kernels *kernels;
    int64_t count;
    float scale;
    float *x;
    bool rounds;
    lm_bf16 *to; /* NULL: x itself takes the result */
} scaling;

static void scale_task(void *argument, int64_t task, int worker) {
    (void)worker;
    const scaling *s = argument;
    lm_bf16 rounded[512];
    const int64_t end = lm_min((task + 1) * PIECE, s->count);
    for (int64_t i = task * PIECE; i < end; i += 512) {
        int64_t n = lm_min(end - i, 512);
        lm_bf16 *to = s->to ? s->to + i : rounded;
        s->kernels->scale_f32(n, s->scale, s->x + i);
        if (s->rounds) s->kernels->bf16_from_f32(1, n, s->x + i, n, to, n);
        if (s->rounds && !s->to) s->kernels->f32_from_bf16(n, to, s->x + i);
    }
}

float *lm_polar(const lm_compute *compute, int kind, int64_t lines, int64_t columns, float scale,
                float *x, lm_arena *room) {
    LM_ASSERT(kind >= 0 && kind < LM_POLAR_COUNT);
    const double m = (double)lm_min(lines, columns), n = (double)lm_max(lines, columns);
    const bool gram = by_gram(m, n, compute->precision);
    const lm_precision type = gram ? LM_FP32 : compute->precision;
    const int64_t count = lines * columns;
    scaling s = {.kernels = compute->kernels, .count = count, .scale = scale, .x = x};
    work w = {.compute = compute, .next = take(room, type, count)};
    s.rounds = compute->precision == LM_BF16;
    w.x = shorter_first(lines, columns, lm_array_f32(x));
    if (type == LM_BF16) {
        w.x.x = take(room, type, count);
        s.to = w.x.x.at;
        w.last = x;
    }
    for (int i = 0; i < SQUARES; i++) w.squares[i] = take(room, type, w.x.m * w.x.m);
    lm_pool_run(compute->pool, lm_divide_up(count, PIECE), scale_task, &s);
    if (gram)
        steps_of_gram(&w, &polynomials[kind]);
    else
        steps_of_x(&w, &polynomials[kind]);
    return w.x.x.at;
}

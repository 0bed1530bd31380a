#include "nn/linear.h"

#include <stdatomic.h>

#include "base/error.h"
#include "nn/linear_panels.h"
#include "nn/sums.h"

/* A decode task reads at least so many weights: 256 kB, about 10 us of memory traffic. */
enum { DECODE_ELEMENTS = 65536 };
/* Where there are many more, most of them are one long task for each thread, since what a core
 * reads in one go comes faster; one part of DECODE_PARTS is a few short ones for each, so that all
 * threads end together. */
enum { DECODE_PARTS = 16, DECODE_SHORT_TASKS = 4 };
/* From so many rows of x on it computes more than it reads, and may be smaller. */
enum { DECODE_ROWS = 16 };
/* Bytes of the next matrix that a waiting thread asks for: a second cache of 512 KiB holds them. */
enum { AHEAD = 262144 };

/* What to do with a block of C that is still in cache. */
typedef struct block_job {
    const lm_kernels *kernels;
    const float *bias;      /* [N] */
    lm_array y;             /* [M, N] */
    const lm_activation *a; /* of arrays [M, N] */
    int64_t width;          /* N */
} block_job;
_Static_assert((int)LM_ACTIVATION_ROOM <= (int)LM_GEMM_ROOM, "an activation has room in a product");

static void add_bias(void *argument, const lm_gemm_block *b) {
    const block_job *j = argument;
    for (int64_t i = b->m0; i < b->m1; i++)
        j->kernels->add_f32(b->n1 - b->n0, j->bias + b->n0, b->c + (i - b->m0) * b->c_row);
}

static void store_block(void *argument, const lm_gemm_block *b) {
    const block_job *j = argument;
    for (int64_t i = b->m0; i < b->m1; i++) {
        lm_array_store(j->kernels, b->n1 - b->n0, b->c + (i - b->m0) * b->c_row,
                       lm_array_from(j->y, i * j->width + b->n0));
    }
}

static void activate_block(void *argument, const lm_gemm_block *b) {
    const block_job *j = argument;
    store_block(argument, b);
    for (int64_t i = b->m0; i < b->m1; i++) {
        lm_activation_forward(j->kernels, j->a, i * j->width + b->n0, b->n1 - b->n0, b->room);
    }
}

static void activate_backward_block(void *argument, const lm_gemm_block *b) {
    const block_job *j = argument;
    for (int64_t i = b->m0; i < b->m1; i++) {
        lm_activation_backward(j->kernels, j->a, i * j->width + b->n0, b->n1 - b->n0,
                               b->c + (i - b->m0) * b->c_row, b->room);
    }
}

static void multiply(const lm_compute *compute, lm_gemm *g, float *c) {
    g->c = c;
    g->c_row = g->n;
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_GEMM);
    lm_gemm_multiply(compute, g);
    lm_phase_leave(compute->phases, before);
}

/* y = the product. */
static void multiply_into(const lm_compute *compute, lm_gemm *g, lm_array y) {
    block_job j = {.kernels = compute->kernels, .y = y, .width = g->n};
    if (y.type == LM_BF16) {
        g->finish = store_block;
        g->argument = &j;
        g->finish_only = true;
    }
    multiply(compute, g, lm_array_target(y, NULL));
}

static lm_gemm forward_of(const lm_linear *l, lm_array x) {
    return (lm_gemm){.m = l->rows,
                     .n = l->out,
                     .k = l->in,
                     .a = x,
                     .a_row = l->in,
                     .a_col = 1,
                     .b = l->w,
                     .b_row = 1,
                     .b_col = l->in};
}

void lm_linear_forward(const lm_compute *compute, const lm_linear *l, lm_array x, lm_array y) {
    lm_gemm g = forward_of(l, x);
    g.init = l->bias;
    multiply_into(compute, &g, y);
}

void lm_linear_forward_activated(const lm_compute *compute, const lm_linear *l, lm_array x,
                                 lm_array y, const lm_activation *a) {
    block_job j = {.kernels = compute->kernels, .y = y, .a = a, .width = l->out};
    lm_gemm g = forward_of(l, x);
    g.init = l->bias;
    g.finish = activate_block;
    g.argument = &j;
    g.finish_only = y.type == LM_BF16;
    multiply(compute, &g, lm_array_target(y, NULL));
}

void lm_linear_forward_residual(const lm_compute *compute, const lm_linear *l, lm_array x,
                                const float *residual, float *y) {
    block_job j = {.kernels = compute->kernels, .bias = l->bias};
    lm_gemm g = forward_of(l, x);
    g.init = residual;
    g.init_row = l->out;
    g.finish = l->bias ? add_bias : NULL;
    g.argument = &j;
    multiply(compute, &g, y);
}

static lm_gemm backward_input_of(const lm_linear *l, lm_array dy) {
    return (lm_gemm){.m = l->rows,
                     .n = l->in,
                     .k = l->out,
                     .a = dy,
                     .a_row = l->out,
                     .a_col = 1,
                     .b = l->w,
                     .b_row = l->in,
                     .b_col = 1};
}

void lm_linear_backward_input(const lm_compute *compute, const lm_linear *l, lm_array dy,
                              lm_array dx) {
    lm_gemm g = backward_input_of(l, dy);
    multiply_into(compute, &g, dx);
}

void lm_linear_backward_activated(const lm_compute *compute, const lm_linear *l, lm_array dy,
                                  const lm_activation *a) {
    block_job j = {.kernels = compute->kernels, .a = a, .width = l->in};
    lm_gemm g = backward_input_of(l, dy);
    g.finish = activate_backward_block;
    g.argument = &j;
    g.finish_only = true;
    multiply(compute, &g, NULL);
}

void lm_linear_backward_input_add(const lm_compute *compute, const lm_linear *l, lm_array dy,
                                  float *dx) {
    lm_gemm g = backward_input_of(l, dy);
    g.init = dx;
    g.init_row = l->in;
    multiply(compute, &g, dx);
}

void lm_linear_backward_weights(const lm_compute *compute, const lm_linear *l, lm_array x,
                                lm_array dy, bool add, float *dw, float *dbias) {
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_GEMM);
    lm_gemm g = {.m = l->out,
                 .n = l->in,
                 .k = l->rows,
                 .a = dy,
                 .a_row = 1,
                 .a_col = l->out,
                 .b = x,
                 .b_row = l->in,
                 .b_col = 1,
                 .k_part = l->window,
                 .init = add ? dw : NULL,
                 .init_row = l->in,
                 .c = dw,
                 .c_row = l->in};
    lm_gemm_multiply(compute, &g);
    if (l->bias) lm_sum_rows(compute, l->rows, l->out, dy, l->out, dbias);
    lm_phase_leave(compute->phases, before);
}

/* ---- generation ------------------------------------------------------------------------------ */
enum { LINE = 64, WAY = 4096 }; /* bytes: of a line of the first cache, and from set to same set */

int64_t lm_linear_room_rows(int64_t rows) {
    return lm_round_up(rows, LM_DOTS_PANEL_ROWS);
}

int64_t lm_linear_room_row(int64_t in) {
    return in + LINE / (int64_t)sizeof(lm_bf16); /* enough for either type, and for panels */
}

typedef struct room_job {
    const lm_kernels *kernels;
    int64_t width;
    const float *x;
    lm_linear_rows to;
} room_job;

static void room_task(void *argument, int64_t row, int worker) {
    const room_job *j = argument;
    (void)worker;
    lm_array_store(j->kernels, j->width, j->x + row * j->width,
                   lm_array_from(j->to.at, row * j->to.row));
}

lm_linear_rows lm_linear_decoded(const lm_compute *compute, const lm_linear *l, const float *x,
                                 void *room) {
    if (lm_linear_panels_suit(compute, l)) {
        lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_GEMM);
        lm_linear_pack_rows(compute, l, x, room);
        lm_phase_leave(compute->phases, before);
        return (lm_linear_rows){{room, l->w.type}, lm_linear_panel_words(compute, l), true};
    }
    bool collide = l->rows > 1 && l->in * (int64_t)sizeof *x % (WAY / 4) == 0;
    if (l->w.type == LM_FP32 && !collide) return (lm_linear_rows){lm_array_f32(x), l->in, false};
    room_job j = {.kernels = compute->kernels,
                  .width = l->in,
                  .x = x,
                  .to = {{room, l->w.type}, lm_linear_room_row(l->in), false}};
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_GEMM);
    lm_pool_run(compute->pool, l->rows, room_task, &j);
    lm_phase_leave(compute->phases, before);
    return j.to;
}

/* How the rows of W are shared out. */
typedef struct decode_cut {
    int64_t longs, each; /* the first tasks: how many, and rows of W */
    int64_t chunk;       /* rows of W per other task */
    int64_t tasks;
} decode_cut;

static decode_cut cut_decode(const lm_compute *compute, int64_t rows, int64_t in, int64_t out) {
    const int64_t threads = lm_pool_threads(compute->pool);
    decode_cut c = {.chunk = lm_max(lm_round_up(DECODE_ELEMENTS / in, 16), 16)};
    int64_t each = out / DECODE_PARTS * (DECODE_PARTS - 1) / threads / 16 * 16;
    if (rows >= DECODE_ROWS) {
        c.chunk = lm_max(c.chunk / 4 / 16 * 16, 16);
    } else if (each >= 2 * c.chunk && lm_pool_shares(compute->pool) == threads) {
        int64_t rest = out - threads * each;
        c.longs = threads;
        c.each = each;
        c.chunk = lm_max(lm_round_up(rest / (DECODE_SHORT_TASKS * threads), 16), c.chunk);
    }
    c.tasks = c.longs + lm_divide_up(out - c.longs * c.each, c.chunk);
    return c;
}

typedef struct decode_job {
    const lm_compute *compute;
    const lm_kernels *kernels;
    const lm_linear *l;
    decode_cut cut;
    _Atomic uint64_t taken; /* long tasks, a bit each */
    lm_linear_rows x;
    float *y;
    const lm_activation *a; /* NULL: none */
    const float *residual;  /* likewise */
} decode_job;

/* The long task that this worker has read the beginning of, or if another has it, the first that is
 * left. */
static int64_t take_long(decode_job *j, int64_t task, int worker) {
    uint64_t taken = atomic_load(&j->taken);
    int64_t mine;
    if (j->cut.longs > 64) return task;
    do {
        mine = worker;
        if (taken >> worker & 1)
            for (mine = 0; taken >> mine & 1;) mine++;
    } while (!atomic_compare_exchange_weak(&j->taken, &taken, taken | (uint64_t)1 << mine));
    return mine;
}

static void decode_task(void *argument, int64_t task, int worker) {
    decode_job *j = argument;
    const lm_linear *l = j->l;
    const decode_cut *c = &j->cut;
    float room[LM_ACTIVATION_ROOM];
    bool early = task < c->longs;
    int64_t begin = early ? take_long(j, task, worker) * c->each
                          : c->longs * c->each + (task - c->longs) * c->chunk;
    int64_t n = lm_min(l->out - begin, early ? c->each : c->chunk);
    const void *w = lm_array_from(l->w, begin * l->in).at;
    const float *bias = l->bias ? l->bias + begin : NULL;
    if (j->x.panels)
        lm_linear_multiply_panels(j->compute, l, j->x.at.at, begin, n, worker, j->y + begin,
                                  l->out);
    else if (l->w.type == LM_BF16)
        j->kernels->dots_bf16(l->rows, n, l->in, j->x.at.at, j->x.row, w, l->in, bias, j->y + begin,
                              l->out);
    else
        j->kernels->dots_f32(l->rows, n, l->in, j->x.at.at, j->x.row, w, l->in, bias, j->y + begin,
                             l->out);
    for (int64_t at = begin; at < l->rows * l->out; at += l->out) {
        if (j->a) lm_activation_forward(j->kernels, j->a, at, n, room);
        if (j->residual) j->kernels->add_f32(n, j->residual + at, j->y + at);
    }
}

/* ---- reading ahead ----------------------------------------------------------------------------*/

void lm_linear_order_begin(lm_linear_order *o) {
    o->at = 0;
}

/* Notes that l is read now; returns what was read after it in the pass before, or NULL. */
static const lm_linear_read *note(lm_linear_order *o, const lm_linear *l) {
    const lm_linear_read now = {l->w, l->in, l->out};
    if (o->at == o->most) return NULL;
    lm_linear_read *r = &o->reads[o->at++];
    const bool known = r->w.at == now.w.at;
    *r = now;
    if (!known) o->n = o->at;
    return !known ? NULL : &o->reads[o->at < o->n ? o->at : 0];
}

static void read_ahead(const lm_compute *compute, const lm_linear *l) {
    lm_pool_ahead ahead = {0};
    const lm_linear_read *next = note(l->order, l);
    if (next && l->rows < DECODE_ROWS) {
        decode_cut c = cut_decode(compute, l->rows, next->in, next->out);
        int64_t row = next->in * (next->w.type == LM_BF16 ? 2 : 4),
                streams = c.each / LM_DOTS_STREAMS;
        ahead = (lm_pool_ahead){.at = next->w.at,
                                .worker = c.each * row,
                                .apart = streams * row,
                                .streams = LM_DOTS_STREAMS,
                                .bytes = lm_min(AHEAD / LM_DOTS_STREAMS, streams * row)};
    }
    lm_pool_read_ahead(compute->pool, &ahead);
}

static void decode(const lm_compute *compute, decode_job *j) {
    const lm_linear *l = j->l;
    LM_ASSERT(j->x.at.type == l->w.type);
    j->compute = compute;
    j->kernels = compute->kernels;
    j->cut = cut_decode(compute, l->rows, l->in, l->out);
    if (l->order) read_ahead(compute, l);
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_GEMM);
    lm_pool_run_in_order(compute->pool, j->cut.tasks, decode_task, j);
    lm_phase_leave(compute->phases, before);
}

void lm_linear_decode(const lm_compute *compute, const lm_linear *l, lm_linear_rows x, float *y) {
    decode(compute, &(decode_job){.l = l, .x = x, .y = y});
}

void lm_linear_decode_activated(const lm_compute *compute, const lm_linear *l, lm_linear_rows x,
                                float *y, const lm_activation *a) {
    decode(compute, &(decode_job){.l = l, .x = x, .y = y, .a = a});
}

void lm_linear_decode_residual(const lm_compute *compute, const lm_linear *l, lm_linear_rows x,
                               const float *residual, float *y) {
    decode(compute, &(decode_job){.l = l, .x = x, .y = y, .residual = residual});
}

/* Everything in a training step that is not a plain GEMM, on all threads: attention and the loss head
 * as shares of the peak of arithmetic, in each precision; the others, which move memory, of its. */
#include <stdio.h>
#include <string.h>

#include "bench/report.h"
#include "bench/sections.h"
#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/head_norm.h"
#include "nn/norm.h"
#include "nn/rope.h"
#include "ops/attention.h"
#include "ops/gemm.h"
#include "ops/softmax_nll.h"

typedef struct shape {
    const char *name; /* the preset whose step has it, or what is special */
    int64_t batch, time, heads, kv_heads, d, vocab; /* d_ff = 4 heads*d */
} shape;

static const shape shapes[] = {
    {"124m", 4, 256, 12, 12, 64, 50304}, {"124m 1x1024", 1, 1024, 12, 12, 64, 50304},
    {"384", 16, 256, 6, 6, 64, 65},      {"128", 12, 64, 4, 4, 32, 65},
    {"grouped", 4, 512, 8, 2, 64, 8192},
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

/* The operands of every layer of a shape. */
typedef struct work {
    const lm_compute *compute;
    const shape *s;
    int64_t rows, channels; /* B*T, C */
    lm_attention attention;
    lm_softmax_nll head;
    lm_norm norm;
    lm_head_norm head_norm;
    lm_rope rope;
    lm_embedding embedding;
    lm_dropout dropout;
    int32_t *tokens;        /* [B*T] */
    float *x, *y;           /* [B*T, 4C] */
    float *dy, *dx;         /* [B*T, 4C] */
    lm_array in, out, dout; /* x, y and dy as the precision has them */
    lm_array dqkv;          /* [B*T, (H+2K)*D] likewise */
    float *w, *dw;          /* [V, C], and at least 4C */
    float *cos, *sin;       /* [T, D/2] */
    void (*layer)(struct work *w);
} work;

/* ---- the layers -------------------------------------------------------------------------------*/

static void attention_forward(work *w) {
    lm_attention_forward(w->compute, &w->attention);
}
static void attention_backward(work *w) {
    const lm_attention *a = &w->attention;
    int64_t k = a->heads * a->head_size, v = k + a->kv_heads * a->head_size;
    lm_attention_backward(w->compute, a, w->dout, w->dqkv, lm_array_from(w->dqkv, k),
                          lm_array_from(w->dqkv, v));
}
static void loss_head(work *w) {
    lm_softmax_nll_f32(w->compute, &w->head);
}
static void layernorm_forward(work *w) {
    w->norm.kind = LM_NORM_LAYERNORM;
    lm_norm_forward(w->compute, &w->norm, w->x, w->out);
}
static void layernorm_backward(work *w) {
    w->norm.kind = LM_NORM_LAYERNORM;
    lm_norm_backward(w->compute, &w->norm, w->x, w->dy, w->dx, w->dw, NULL);
}
static void rmsnorm_forward(work *w) {
    w->norm.kind = LM_NORM_RMSNORM;
    lm_norm_forward(w->compute, &w->norm, w->x, w->out);
}
static void rmsnorm_backward(work *w) {
    w->norm.kind = LM_NORM_RMSNORM;
    lm_norm_backward(w->compute, &w->norm, w->x, w->dy, w->dx, w->dw, NULL);
}
static void qk_norm_forward(work *w) {
    lm_head_norm_forward(w->compute, &w->head_norm, w->in, w->y);
}
static void qk_norm_backward(work *w) {
    lm_head_norm_backward(w->compute, &w->head_norm, w->in, w->dx, w->dw);
}
static void rope(work *w) {
    lm_rope_forward(w->compute, &w->rope, w->y, w->out);
}
static void dropout(work *w) {
    lm_dropout_apply(w->compute, &w->dropout, w->x, w->dy, w->y);
}
static void embedding_forward(work *w) {
    lm_embedding_forward(w->compute, &w->embedding, w->w, w->x, w->y);
}
static void embedding_backward(work *w) {
    lm_embedding_backward(w->compute, &w->embedding, w->dy, w->dw, w->dx);
}

/* Work, one of the three: FLOP for each pair of positions and channel (attention to the diagonal),
 * for each logit and channel, or bytes for each value of a row of C. */
static const struct line {
    const char *name;
    void (*layer)(work *w);
    double flops_a_pair, flops_a_logit, bytes_a_value;
} lines[] = {
    {"attention forward", attention_forward, 4, 0, 0},
    {"attention backward", attention_backward, 10, 0, 0},
    {"loss head", loss_head, 0, 6, 0},
    {"layernorm forward", layernorm_forward, 0, 0, 8},
    {"layernorm backward", layernorm_backward, 0, 0, 16},
    {"rmsnorm forward", rmsnorm_forward, 0, 0, 8},
    {"rmsnorm backward", rmsnorm_backward, 0, 0, 16},
    {"qk_norm forward", qk_norm_forward, 0, 0, 8},
    {"qk_norm backward", qk_norm_backward, 0, 0, 12},
    {"rope", rope, 0, 0, 16},
    {"dropout", dropout, 0, 0, 12},
    {"embedding forward", embedding_forward, 0, 0, 12},
    {"embedding backward", embedding_backward, 0, 0, 20},
};
enum { LINES = sizeof lines / sizeof *lines };

/* ---- operands ---------------------------------------------------------------------------------*/

/* Ordinary numbers between -size and size. */
static float *numbers(lm_arena *arena, int64_t n, float size) {
    float *x = lm_arena_floats(arena, n);
    uint32_t state = (uint32_t)n;
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = ((float)(state >> 8) * 0x1p-23f - 1.0f) * size;
    }
    return x;
}

static int64_t most_of(int64_t a, int64_t b) {
    return a > b ? a : b;
}

static size_t arena_bytes(const shape *s) {
    int64_t rows = s->batch * s->time, c = s->heads * s->d, pieces = 20;
    int64_t floats = (4 + 4) * rows * 4 * c + 2 * most_of(s->vocab, 4) * c + s->time * s->d +
                     rows * (2 * s->heads + 4);
    return (size_t)floats * sizeof(float) + lm_softmax_nll_block_bytes(rows, c, s->vocab) +
           (size_t)pieces * LM_ALIGNMENT;
}

static size_t scratch_bytes(const shape *s) {
    const size_t needs[] = {lm_attention_scratch_bytes(s->time, s->d), lm_gemm_scratch_bytes(),
                            lm_norm_scratch_bytes(s->heads * s->d),
                            lm_head_norm_scratch_bytes(s->heads, s->d),
                            lm_rope_scratch_bytes(s->d)};
    size_t most = 0;
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
        if (needs[i] > most) most = needs[i];
    return most;
}

/* x as the precision has it. */
static lm_array at_precision(const work *w, lm_arena *arena, const float *x, int64_t n) {
    if (w->compute->precision == LM_FP32) return lm_array_f32(x);
    return lm_array_operand(w->compute, n, x, lm_array_bf16(lm_arena_take(arena, (size_t)n * 2)));
}

static void fill_arrays(work *w, lm_arena *arena) {
    const shape *s = w->s;
    int64_t wide = w->rows * 4 * w->channels, parameters = most_of(s->vocab, 4) * w->channels;
    w->x = numbers(arena, wide, 1);
    w->y = numbers(arena, wide, 1);
    w->dy = numbers(arena, wide, 1e-3f);
    w->dx = numbers(arena, wide, 1e-3f);
    w->in = at_precision(w, arena, w->x, wide);
    w->out = at_precision(w, arena, w->y, wide);
    w->dout = at_precision(w, arena, w->dy, wide);
    w->dqkv = at_precision(w, arena, w->dx, wide);
    w->w = numbers(arena, parameters, 0.02f);
    w->dw = numbers(arena, parameters, 0);
    w->cos = lm_arena_floats(arena, s->time * (s->d / 2));
    w->sin = lm_arena_floats(arena, s->time * (s->d / 2));
    lm_rope_table(s->time, s->d, 10000, w->cos, w->sin);
    w->tokens = lm_arena_take(arena, (size_t)w->rows * sizeof *w->tokens);
    for (int64_t i = 0; i < w->rows; i++) w->tokens[i] = (int32_t)(i * 7919 % s->vocab);
}

static void describe_layers(work *w, lm_arena *arena) {
    const shape *s = w->s;
    int64_t c = w->channels, rows = w->rows, qkv = (s->heads + 2 * s->kv_heads) * s->d;
    w->attention = (lm_attention){.batch = s->batch,
                                  .time = s->time,
                                  .heads = s->heads,
                                  .kv_heads = s->kv_heads,
                                  .head_size = s->d,
                                  .q = w->in,
                                  .k = lm_array_from(w->in, c),
                                  .v = lm_array_from(w->in, c + s->kv_heads * s->d),
                                  .qkv_row = qkv,
                                  .out = w->out,
                                  .out_row = c,
                                  .lse = numbers(arena, s->heads * rows, 1)};
    w->norm = (lm_norm){.rows = rows,
                        .channels = c,
                        .eps = 1e-5f,
                        .weight = w->w,
                        .mean = numbers(arena, rows, 1),
                        .rstd = numbers(arena, rows, 1)};
    w->head_norm = (lm_head_norm){.tokens = rows,
                                  .heads = s->heads,
                                  .head_size = s->d,
                                  .row = qkv,
                                  .eps = 1e-5f,
                                  .weight = w->w,
                                  .rstd = numbers(arena, rows * s->heads, 1)};
    w->rope = (lm_rope){.batch = s->batch,
                        .time = s->time,
                        .heads = s->heads + s->kv_heads,
                        .head_size = s->d,
                        .row = qkv,
                        .cos = w->cos,
                        .sin = w->sin};
    w->embedding = (lm_embedding){.batch = s->batch,
                                  .time = s->time,
                                  .channels = c,
                                  .tokens = w->tokens,
                                  .tokens_row = s->time};
    w->dropout = (lm_dropout){
        .rate = 0.1, .batch = s->batch, .time = s->time, .channels = c, .context = s->time};
    w->head = (lm_softmax_nll){
        .tokens = rows,
        .channels = c,
        .vocab = s->vocab,
        .x = w->in,
        .w = w->w,
        .targets = w->tokens,
        .block = lm_arena_take(arena, lm_softmax_nll_block_bytes(rows, c, s->vocab)),
        .loss = numbers(arena, rows, 1),
        .grad_scale = 1e-3f,
        .dx = w->dx,
        .dw = w->dw};
}

/* ---- measuring --------------------------------------------------------------------------------*/

static void run(void *argument) {
    work *w = argument;
    w->layer(w);
}

static void name_row(lm_bench_row *row, const lm_bench *b, const shape *s, const struct line *l) {
    snprintf(row->name, sizeof row->name, "%s %s %s",
             lm_precision_name((int)b->session.compute.precision), s->name, l->name);
}

static lm_status measure(lm_bench *b, work *w, const struct line *l, lm_error *err) {
    const shape *s = w->s;
    lm_bench_row row = {.section = LM_BENCH_LAYERS, .moves = l->bytes_a_value > 0};
    double values = (double)(w->rows * w->channels), pairs = values * (double)(s->time + 1) / 2;
    name_row(&row, b, s, l);
    row.work = l->flops_a_pair * pairs + l->flops_a_logit * values * (double)s->vocab +
               l->bytes_a_value * values;
    lm_bench_subject subject = {
        .run = run,
        .argument = w,
        .peak = row.moves ? LM_BENCH_PEAK_MEMORY
                          : lm_bench_peak_of_precision(b->session.compute.precision),
        .seconds = b->o->seconds};
    w->layer = l->layer;
    lm_bench_measure_row(b, &subject, &row);
    return lm_bench_report(b, &row, err);
}

/* What moves memory is much the same in every precision. */
static bool is_wanted(const lm_bench *b, const shape *s, const struct line *l) {
    lm_bench_row row;
    name_row(&row, b, s, l);
    return (b->session.compute.precision == LM_FP32 || l->bytes_a_value == 0) &&
           lm_bench_wants(b, row.name);
}

static lm_status run_shape(lm_bench *b, const shape *s, lm_error *err) {
    int some = 0;
    while (some < LINES && !is_wanted(b, s, &lines[some])) some++;
    if (some == LINES) return LM_OK;
    work w = {.compute = &b->session.compute, .s = s, .rows = s->batch * s->time};
    w.channels = s->heads * s->d;
    lm_arena arena = {0};
    lm_status status = lm_arena_init(&arena, arena_bytes(s), "operands", err);
    if (status != LM_OK) return status;
    status = lm_compute_reserve(&b->session.compute, scratch_bytes(s), err);
    if (status != LM_OK) goto out;
    fill_arrays(&w, &arena);
    describe_layers(&w, &arena);
    attention_forward(&w); /* so that backward meets its lse */
    for (int i = 0; i < LINES && status == LM_OK && !lm_bench_stopped(); i++)
        if (is_wanted(b, s, &lines[i])) status = measure(b, &w, &lines[i], err);
out:
    lm_compute_free(&b->session.compute);
    lm_arena_free(&arena);
    return status;
}

lm_status lm_bench_layers(lm_bench *b, lm_error *err) {
    lm_status status =
        lm_bench_begin(b, LM_BENCH_LAYERS,
                       "attention's work counted to the diagonal; shares of memory's speed"
                       " may be above 100%, in cache",
                       err);
    for (int p = 0; p < LM_PRECISION_COUNT; p++) {
        b->session.compute.precision = (lm_precision)p;
        for (int i = 0; i < SHAPES && status == LM_OK && !lm_bench_stopped(); i++)
            status = run_shape(b, &shapes[i], err);
    }
    b->session.compute.precision = LM_FP32;
    lm_bench_end(b);
    return status;
}

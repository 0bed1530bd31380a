/* Everything in a training step that is not a plain GEMM, on all threads. Attention and the loss
 * head are shares of the arithmetic peak, in each precision; the others move memory and are shares
 * of the memory peak. */
#include <stdio.h>
#include <string.h>

#include "base/numbers.h"
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
    int64_t batch, time, heads, kv_heads, d, vocab; /* d_ff = 4 heads*d; vocab 0: attention alone */
    int64_t window;                                 /* 0: none */
} shape;

static const shape shapes[] = {
    {"124m", 4, 256, 12, 12, 64, 50304, 0},
    {"124m 1x1024", 1, 1024, 12, 12, 64, 50304, 0},
    {"384", 16, 256, 6, 6, 64, 65, 0},
    {"128", 12, 64, 4, 4, 32, 65, 0},
    {"grouped", 4, 512, 8, 2, 64, 8192, 0},
    {"1x4096", 1, 4096, 4, 4, 64, 0, 0},
    {"1x8192", 1, 8192, 4, 4, 64, 0, 0},
    {"1x4096 heads of 32", 1, 4096, 8, 8, 32, 0, 0},
    {"1x4096 heads of 128", 1, 4096, 2, 2, 128, 0, 0},
    {"1x4096 window of 32", 1, 4096, 4, 4, 64, 0, 32},
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
    lm_bf16 *rounded[4];    /* [B*T, 4C] each, at bf16 */
    lm_array in, out, dout; /* x, y and dy at the precision */
    lm_array dqkv;          /* dx at the precision: [B*T, (H+2K)*D] */
    float *lse, *head_rstd; /* [B, H, T], [B*T, H] */
    float *mean, *rstd;     /* [B*T] */
    float *loss;            /* [B*T] */
    void *block;            /* workspace of the loss head: what a step of one pass has */
    size_t block_bytes;
    float *w, *dw;    /* [V, C], and at least 4C */
    float *cos, *sin; /* [T, D/2] */
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
    lm_head_norm_backward(w->compute, &w->head_norm, w->in, w->dx, w->dw, NULL);
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

/* Work, one of the three: FLOP per pair of positions and channel (attention counts pairs up to the
 * diagonal), FLOP per logit and channel, or bytes per channel of a row. */
static const struct layer_row {
    const char *name;
    void (*layer)(work *w);
    double flops_per_pair, flops_per_logit, bytes_per_value;
} layers[] = {
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
enum { LAYERS = sizeof layers / sizeof *layers };

/* ---- operands ---------------------------------------------------------------------------------*/

enum { WIDE_ARRAYS = 4 }; /* x, y, dy, dx */

/* Everything that the layers read and write. */
static void take_arrays(work *w, lm_arena *arena) {
    const shape *s = w->s;
    int64_t parameters = lm_max(s->vocab, 4) * w->channels, wide = w->rows * 4 * w->channels;
    float **const floats[WIDE_ARRAYS] = {&w->x, &w->y, &w->dy, &w->dx};
    for (int i = 0; i < WIDE_ARRAYS; i++) *floats[i] = lm_arena_floats(arena, wide);
    for (int i = 0; i < WIDE_ARRAYS && w->compute->precision == LM_BF16; i++)
        w->rounded[i] = lm_arena_array(arena, wide, 1, sizeof *w->rounded[i]);
    w->w = lm_arena_floats(arena, parameters);
    w->dw = lm_arena_floats(arena, parameters);
    w->cos = lm_arena_floats(arena, s->time * (s->d / 2));
    w->sin = lm_arena_floats(arena, s->time * (s->d / 2));
    w->lse = lm_arena_floats(arena, s->heads * w->rows);
    w->head_rstd = lm_arena_floats(arena, s->heads * w->rows);
    w->mean = lm_arena_floats(arena, w->rows);
    w->rstd = lm_arena_floats(arena, w->rows);
    w->loss = lm_arena_floats(arena, w->rows);
    w->tokens = lm_arena_array(arena, w->rows, 1, sizeof *w->tokens);
    w->block_bytes =
        lm_softmax_nll_most_bytes(w->compute->precision, w->rows, w->channels, lm_max(s->vocab, 1));
    w->block = lm_arena_take(arena, w->block_bytes);
}

static size_t scratch_bytes(const shape *s) {
    const size_t needs[] = {lm_attention_scratch_bytes(s->time, s->d), lm_gemm_scratch_bytes(),
                            lm_norm_scratch_bytes(s->heads * s->d),
                            lm_head_norm_scratch_bytes(s->heads, s->d),
                            lm_rope_scratch_bytes(s->d)};
    size_t most = 0;
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) most = lm_size_max(most, needs[i]);
    return most;
}

/* Numbers between -size and size, none of them denormal but by chance. */
static void fill(float *x, int64_t n, float size) {
    uint32_t state = (uint32_t)n;
    for (int64_t i = 0; i < n; i++) {
        state = state * 1664525u + 1013904223u;
        x[i] = ((float)(state >> 8) * 0x1p-23f - 1.0f) * size;
    }
}

/* x itself, or rounded to bf16 into `rounded` where the precision asks for it. */
static lm_array at_precision(const work *w, int64_t n, const float *x, lm_bf16 *rounded) {
    if (w->compute->precision == LM_FP32) return lm_array_f32(x);
    return lm_array_operand(w->compute, n, x, lm_array_bf16(rounded));
}

static void fill_arrays(work *w) {
    const shape *s = w->s;
    int64_t wide = w->rows * 4 * w->channels;
    fill(w->x, wide, 1);
    fill(w->y, wide, 1);
    fill(w->dy, wide, 1e-3f);
    fill(w->dx, wide, 1e-3f);
    w->in = at_precision(w, wide, w->x, w->rounded[0]);
    w->out = at_precision(w, wide, w->y, w->rounded[1]);
    w->dout = at_precision(w, wide, w->dy, w->rounded[2]);
    w->dqkv = at_precision(w, wide, w->dx, w->rounded[3]);
    fill(w->w, lm_max(s->vocab, 4) * w->channels, 0.02f);
    fill(w->lse, s->heads * w->rows, 1);
    fill(w->head_rstd, s->heads * w->rows, 1);
    fill(w->mean, w->rows, 1);
    fill(w->rstd, w->rows, 1);
    lm_rope_table(&(lm_rope_frequencies){.turned = s->d, .theta = 10000}, s->time, w->cos, w->sin);
    for (int64_t i = 0; i < w->rows; i++) w->tokens[i] = (int32_t)(i * 7919 % lm_max(s->vocab, 1));
}

/* Attention, and what prepares its queries and keys. */
static void describe_attention(work *w) {
    const shape *s = w->s;
    int64_t c = w->channels, qkv = (s->heads + 2 * s->kv_heads) * s->d;
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
                                  .lse = w->lse,
                                  .window = s->window,
                                  .scale = 1.0f / sqrtf((float)s->d)};
    w->head_norm = (lm_head_norm){.tokens = w->rows,
                                  .heads = s->heads,
                                  .head_size = s->d,
                                  .row = qkv,
                                  .eps = 1e-5f,
                                  .weight = w->w,
                                  .rstd = w->head_rstd};
    w->rope = (lm_rope){.batch = s->batch,
                        .time = s->time,
                        .heads = s->heads + s->kv_heads,
                        .head_size = s->d,
                        .turned = s->d,
                        .row = qkv,
                        .cos = w->cos,
                        .sin = w->sin};
}

static void describe_others(work *w) {
    const shape *s = w->s;
    int64_t c = w->channels, rows = w->rows;
    w->norm = (lm_norm){.rows = rows,
                        .channels = c,
                        .eps = 1e-5f,
                        .weight = w->w,
                        .mean = w->mean,
                        .rstd = w->rstd};
    w->embedding = (lm_embedding){.batch = s->batch,
                                  .time = s->time,
                                  .channels = c,
                                  .tokens = w->tokens,
                                  .tokens_row = s->time};
    w->dropout = (lm_dropout){
        .rate = 0.1, .batch = s->batch, .time = s->time, .channels = c, .context = s->time};
    w->head = (lm_softmax_nll){.tokens = rows,
                               .channels = c,
                               .vocab = s->vocab,
                               .x = w->in,
                               .w = w->w,
                               .targets = w->tokens,
                               .block = w->block,
                               .block_bytes = w->block_bytes,
                               .loss = w->loss,
                               .grad_scale = 1e-3f,
                               .dx = w->dx,
                               .dw = w->dw,
                               .dw_begins = true}; /* as in a step of one pass */
}

/* ---- measuring --------------------------------------------------------------------------------*/

static void run(void *argument) {
    work *w = argument;
    w->layer(w);
}

static void name_row(lm_bench_row *row, const lm_bench *b, const shape *s,
                     const struct layer_row *l) {
    snprintf(row->name, sizeof row->name, "%s %s %s",
             lm_precision_name((int)b->session.compute.precision), s->name, l->name);
}

/* Positions that see each other, by channels. */
static double pairs_of(const shape *s) {
    double window = (double)(s->window > 0 ? lm_min(s->window, s->time) : s->time);
    double each = window * (window + 1) / 2 + ((double)s->time - window) * window;
    return each * (double)(s->batch * s->heads * s->d);
}

static lm_status measure(lm_bench *b, work *w, const struct layer_row *l, lm_error *err) {
    const shape *s = w->s;
    lm_bench_row row = {.section = LM_BENCH_LAYERS, .moves = l->bytes_per_value > 0};
    double values = (double)(w->rows * w->channels), pairs = pairs_of(s);
    name_row(&row, b, s, l);
    row.work = l->flops_per_pair * pairs + l->flops_per_logit * values * (double)s->vocab +
               l->bytes_per_value * values;
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

/* Layers that move memory are measured at fp32 alone: the precision hardly changes their speed. */
static bool is_wanted(const lm_bench *b, const shape *s, const struct layer_row *l) {
    lm_bench_row row;
    name_row(&row, b, s, l);
    if (s->vocab == 0 && l->flops_per_pair == 0) return false;
    return (b->session.compute.precision == LM_FP32 || l->bytes_per_value == 0) &&
           lm_bench_wants(b, row.name);
}

static lm_status run_shape(lm_bench *b, const shape *s, lm_error *err) {
    int some = 0;
    while (some < LAYERS && !is_wanted(b, s, &layers[some])) some++;
    if (some == LAYERS) return LM_OK;
    work w = {.compute = &b->session.compute, .s = s, .rows = s->batch * s->time};
    w.channels = s->heads * s->d;
    lm_arena arena = {0}, measured = lm_arena_measuring();
    take_arrays(&w, &measured);
    lm_status status = lm_arena_init(&arena, measured.used, "operands", err);
    if (status != LM_OK) goto out;
    status = lm_compute_reserve(&b->session.compute, scratch_bytes(s), err);
    if (status != LM_OK) goto out;
    take_arrays(&w, &arena);
    fill_arrays(&w);
    describe_attention(&w);
    describe_others(&w);
    attention_forward(&w); /* writes the lse that backward reads */
    for (int i = 0; i < LAYERS && status == LM_OK && !lm_bench_stopped(); i++)
        if (is_wanted(b, s, &layers[i])) status = measure(b, &w, &layers[i], err);
out:
    lm_compute_free(&b->session.compute);
    lm_arena_free(&arena);
    return status;
}

lm_status lm_bench_layers(lm_bench *b, lm_error *err) {
    lm_status status =
        lm_bench_begin(b, LM_BENCH_LAYERS,
                       "attention's work is counted up to the diagonal; what stays in cache can"
                       " exceed 100% of memory's speed",
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

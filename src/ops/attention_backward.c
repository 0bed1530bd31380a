#include "ops/attention.h"

#include <stdbool.h>

#include "base/error.h"
#include "ops/attention_mask.h"
#include "ops/attention_tile.h"

/* With P the probabilities, recomputed from lse, and delta_i = dout_i . out_i:
 *
 *     dV = P^T dout;  dP = dout V^T;  dS = P * (dP - delta) * scale;  dQ = dS K;  dK = dS^T Q
 *
 * A task is one (b, key/value head): it owns dK and dV of that head and dQ of the query heads that
 * share it. Where there are too few of those for the workers, the same tiles are walked twice: once
 * in tasks that own a key tile (dK, dV), once in tasks that own a query tile (dQ). Each output adds
 * up in the same order either way: query heads, then query tiles rising; key tiles rising. */
typedef struct backward_job {
    const lm_compute *compute;
    const lm_attention *a;
    const float *dout;   /* rows of tokens, row stride out_row */
    float *dq, *dk, *dv; /* rows of tokens, row stride qkv_row */
    float scale;         /* 1 / sqrt(D) */
} backward_job;

typedef struct backward_scratch {
    float *delta; /* [T] */
    float *s;     /* [TILE, TILE] scores, then P */
    float *dp;    /* [TILE, TILE] dP, then dS */
    float *kt;    /* [D, TILE] keys of the tile, transposed */
    float *vt;    /* [D, TILE] values of the tile, transposed */
    float *k;     /* [TILE, D] */
    float *q;     /* [TILE, D] queries of the tile */
    float *dout;  /* [TILE, D] */
    float *slope; /* [TILE, TILE], with a soft cap */
} backward_scratch;

/* One (b, query head): where its rows begin. */
typedef struct head_view {
    int64_t b;
    const float *q, *k, *v, *dout, *out, *lse;
    float *dq, *dk, *dv;
} head_view;

static head_view view_head(const backward_job *j, int64_t b, int64_t h) {
    const lm_attention *a = j->a;
    int64_t d = a->head_size, kv = h / (a->heads / a->kv_heads);
    int64_t rows = b * a->time * a->qkv_row, out_rows = b * a->time * a->out_row;
    return (head_view){.b = b,
                       .q = a->q + rows + h * d,
                       .k = a->k + rows + kv * d,
                       .v = a->v + rows + kv * d,
                       .dout = j->dout + out_rows + h * d,
                       .out = a->out + out_rows + h * d,
                       .lse = a->lse + (b * a->heads + h) * a->time,
                       .dq = j->dq + rows + h * d,
                       .dk = j->dk + rows + kv * d,
                       .dv = j->dv + rows + kv * d};
}

static backward_scratch take_backward(const backward_job *j, int worker) {
    const lm_attention *a = j->a;
    int64_t d = a->head_size;
    float *scratch = lm_compute_scratch(
        j->compute, worker, lm_attention_scratch_bytes(j->compute->kernels, a->time, d));
    backward_scratch w;
    w.delta = lm_attention_take(&scratch, a->time);
    w.s = lm_attention_take(&scratch, TILE * TILE);
    w.dp = lm_attention_take(&scratch, TILE * TILE);
    w.kt = lm_attention_take(&scratch, TILE * d);
    w.vt = lm_attention_take(&scratch, TILE * d);
    w.k = lm_attention_take(&scratch, TILE * d);
    w.q = lm_attention_take(&scratch, TILE * d);
    w.dout = lm_attention_take(&scratch, TILE * d);
    w.slope = a->softcap > 0 ? lm_attention_take(&scratch, TILE * TILE) : NULL;
    return w;
}

static void compute_delta(const backward_job *j, const head_view *x, int64_t begin, int64_t end,
                          float *delta) {
    int64_t row = j->a->out_row;
    for (int64_t t = begin; t < end; t++)
        delta[t] =
            j->compute->kernels->dot_f32(j->a->head_size, x->dout + t * row, x->out + t * row);
}

static void pack_keys(const backward_job *j, const backward_scratch *w, const head_view *x,
                      int64_t jt) {
    const lm_attention *a = j->a;
    int64_t d = a->head_size, cols = lm_attention_tile_rows(a->time, jt),
            at = jt * TILE * a->qkv_row;
    j->compute->kernels->pack_f32(cols, TILE, d, x->k + at, a->qkv_row, 1, w->kt);
    j->compute->kernels->pack_f32(cols, TILE, d, x->v + at, a->qkv_row, 1, w->vt);
    lm_attention_copy_rows(cols, d, x->k + at, a->qkv_row, w->k);
}

static void pack_queries(const backward_job *j, const backward_scratch *w, const head_view *x,
                         int64_t it) {
    const lm_attention *a = j->a;
    int64_t d = a->head_size, rows = lm_attention_tile_rows(a->time, it);
    lm_attention_copy_rows(rows, d, x->q + it * TILE * a->qkv_row, a->qkv_row, w->q);
    lm_attention_copy_rows(rows, d, x->dout + it * TILE * a->out_row, a->out_row, w->dout);
}

/* P into w->s and dS into w->dp of query tile it and key tile jt. */
static void backward_scores(const backward_job *j, const backward_scratch *w, const head_view *x,
                            int64_t it, int64_t jt) {
    const lm_kernels *kernels = j->compute->kernels;
    const lm_attention *a = j->a;
    int64_t d = a->head_size, rows = lm_attention_tile_rows(a->time, it),
            cols = lm_attention_tile_rows(a->time, jt);
    lm_attention_multiply_scores(kernels, rows, cols, d, it == jt, w->q, d, w->kt, w->s);
    lm_attention_multiply_scores(kernels, rows, cols, d, it == jt, w->dout, d, w->vt, w->dp);
    float scale = lm_attention_limit(kernels, a, x->b, it * TILE, jt * TILE, rows, cols, j->scale,
                                     w->s, w->slope);
    kernels->attention_backward_f32(rows, cols, (it - jt) * TILE + 1, scale, w->s, TILE, w->dp,
                                    TILE, x->lse + it * TILE, w->delta + it * TILE);
    for (int64_t i = 0; i < rows && w->slope; i++)
        kernels->mul_f32(lm_attention_least((it - jt) * TILE + i + 1, cols), w->slope + i * TILE,
                         w->dp + i * TILE);
}

/* The tile's share of dV and dK; `first` starts them. */
static void add_keys(const backward_job *j, const backward_scratch *w, const head_view *x,
                     int64_t it, int64_t jt, bool first) {
    const lm_kernels *kernels = j->compute->kernels;
    const lm_attention *a = j->a;
    int64_t d = a->head_size, rows = lm_attention_tile_rows(a->time, it),
            cols = lm_attention_tile_rows(a->time, jt);
    float *dk = x->dk + jt * TILE * a->qkv_row, *dv = x->dv + jt * TILE * a->qkv_row;
    lm_attention_multiply_columns(kernels, rows, cols, d, it == jt, first, w->s, w->dout, dv,
                                  a->qkv_row);
    lm_attention_multiply_columns(kernels, rows, cols, d, it == jt, first, w->dp, w->q, dk,
                                  a->qkv_row);
}

/* The tile's share of dQ; the first key tile that is seen starts it. */
static void add_queries(const backward_job *j, const backward_scratch *w, const head_view *x,
                        int64_t it, int64_t jt) {
    const lm_attention *a = j->a;
    int64_t d = a->head_size, rows = lm_attention_tile_rows(a->time, it),
            cols = lm_attention_tile_rows(a->time, jt);
    float *dq = x->dq + it * TILE * a->qkv_row;
    lm_attention_multiply_rows(j->compute->kernels, rows, cols, d, it == jt,
                               jt == lm_attention_first_tile(a, x->b, it), w->dp, w->k, dq,
                               a->qkv_row);
}

/* Task (b, key/value head): everything. */
static void backward_task(void *argument, int64_t task, int worker) {
    const backward_job *j = argument;
    const lm_attention *a = j->a;
    int64_t group = a->heads / a->kv_heads, b = task / a->kv_heads, kv = task % a->kv_heads;
    backward_scratch w = take_backward(j, worker);
    for (int64_t g = 0; g < group; g++) {
        head_view x = view_head(j, b, kv * group + g);
        compute_delta(j, &x, 0, a->time, w.delta);
        for (int64_t jt = 0; jt < lm_attention_tiles(a->time); jt++) {
            pack_keys(j, &w, &x, jt);
            for (int64_t it = jt;
                 it < lm_attention_tiles(a->time) && lm_attention_sees(a, b, it, jt); it++) {
                pack_queries(j, &w, &x, it);
                backward_scores(j, &w, &x, it, jt);
                add_keys(j, &w, &x, it, jt, g == 0 && it == jt);
                add_queries(j, &w, &x, it, jt);
            }
        }
    }
}

/* Task (b, key/value head, key tile): dK and dV. */
static void backward_keys_task(void *argument, int64_t task, int worker) {
    const backward_job *j = argument;
    const lm_attention *a = j->a;
    int64_t group = a->heads / a->kv_heads, jt = task % lm_attention_tiles(a->time);
    int64_t b = task / lm_attention_tiles(a->time) / a->kv_heads,
            kv = task / lm_attention_tiles(a->time) % a->kv_heads;
    backward_scratch w = take_backward(j, worker);
    for (int64_t g = 0; g < group; g++) {
        head_view x = view_head(j, b, kv * group + g);
        compute_delta(j, &x, jt * TILE, a->time, w.delta);
        pack_keys(j, &w, &x, jt);
        for (int64_t it = jt; it < lm_attention_tiles(a->time) && lm_attention_sees(a, b, it, jt);
             it++) {
            pack_queries(j, &w, &x, it);
            backward_scores(j, &w, &x, it, jt);
            add_keys(j, &w, &x, it, jt, g == 0 && it == jt);
        }
    }
}

/* Task (b, query head, query tile): dQ. */
static void backward_queries_task(void *argument, int64_t task, int worker) {
    const backward_job *j = argument;
    const lm_attention *a = j->a;
    int64_t it = task % lm_attention_tiles(a->time), bh = task / lm_attention_tiles(a->time);
    backward_scratch w = take_backward(j, worker);
    head_view x = view_head(j, bh / a->heads, bh % a->heads);
    compute_delta(j, &x, it * TILE, it * TILE + lm_attention_tile_rows(a->time, it), w.delta);
    pack_queries(j, &w, &x, it);
    for (int64_t jt = lm_attention_first_tile(a, x.b, it); jt <= it; jt++) {
        pack_keys(j, &w, &x, jt);
        backward_scores(j, &w, &x, it, jt);
        add_queries(j, &w, &x, it, jt);
    }
}

void lm_attention_backward_f32(const lm_compute *compute, const lm_attention *a, const float *dout,
                               float *dq, float *dk, float *dv) {
    backward_job j = {.compute = compute,
                      .a = a,
                      .dout = dout,
                      .dq = dq,
                      .dk = dk,
                      .dv = dv,
                      .scale = lm_attention_scale(a->head_size)};
    LM_ASSERT(a->kv_heads > 0 && a->heads % a->kv_heads == 0);
    if (a->time == 0) return;
    int64_t whole = a->batch * a->kv_heads;
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_ATTENTION);
    /* Two walks cost 7 GEMMs a tile where one costs 5: worth it when workers would stand idle. */
    if (whole >= lm_pool_threads(compute->pool) || lm_attention_tiles(a->time) == 1) {
        lm_pool_run(compute->pool, whole, backward_task, &j);
    } else {
        lm_pool_run(compute->pool, whole * lm_attention_tiles(a->time), backward_keys_task, &j);
        lm_pool_run(compute->pool, a->batch * a->heads * lm_attention_tiles(a->time),
                    backward_queries_task, &j);
    }
    lm_phase_leave(compute->phases, before);
}

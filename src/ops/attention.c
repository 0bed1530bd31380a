#include "ops/attention.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/elementary.h"
#include "base/error.h"
#include "ops/attention_mask.h"

/* One tile of scores: 64 queries by 64 keys. Large enough that a tile's GEMMs (64 x 64 x D) dwarf
 * its softmax, small enough that the tile (16 kB) and the keys and values it meets stay in the
 * first two caches. The key tile is part of the arithmetic (the online softmax goes from tile to
 * tile), so it is the same on every ISA. */
enum { TILE = LM_ATTENTION_TILE };

static int64_t tiles(int64_t time) {
    return (time + TILE - 1) / TILE;
}
static int64_t tile_rows(int64_t time, int64_t tile) {
    return time - tile * TILE < TILE ? time - tile * TILE : TILE;
}

/* A diagonal tile is multiplied in strips of 12 rows (what a register tile of the widest ISA holds),
 * each as far as its last row sees: 59% of the tile's work. What is left out would add zeros. */
enum { STRIP = 12 };
static int64_t strip_rows(int64_t rows, bool diagonal) {
    return diagonal && rows > STRIP ? STRIP : rows;
}
static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* s = x yt (scores, or dP), x [rows, D], yt [D, TILE]. */
static void multiply_scores(const lm_kernels *kernels, int64_t rows, int64_t cols, int64_t d,
                            bool diagonal, const float *x, int64_t x_row, const float *yt,
                            float *s) {
    int64_t strip = strip_rows(rows, diagonal);
    for (int64_t i = 0; i < rows; i += strip) {
        int64_t m = least(strip, rows - i);
        int64_t n = diagonal ? least((i + m + 15) / 16 * 16, cols) : cols;
        kernels->gemm_f32(m, n, d, x + i * x_row, x_row, 1, yt, TILE, NULL, 0, s + i * TILE, TILE);
    }
}

/* c [rows, D] (+)= p y, p [rows, TILE], y [cols, D]. */
static void multiply_rows(const lm_kernels *kernels, int64_t rows, int64_t cols, int64_t d,
                          bool diagonal, bool first, const float *p, const float *y, float *c,
                          int64_t c_row) {
    int64_t strip = strip_rows(rows, diagonal);
    for (int64_t i = 0; i < rows; i += strip) {
        int64_t m = least(strip, rows - i), k = diagonal ? least(i + m, cols) : cols;
        float *to = c + i * c_row;
        kernels->gemm_f32(m, d, k, p + i * TILE, TILE, 1, y, d, first ? NULL : to, c_row, to,
                          c_row);
    }
}

/* c [cols, D] (+)= p^T y, p [rows, TILE], y [rows, D]. */
static void multiply_columns(const lm_kernels *kernels, int64_t rows, int64_t cols, int64_t d,
                             bool diagonal, bool first, const float *p, const float *y, float *c,
                             int64_t c_row) {
    int64_t strip = strip_rows(cols, diagonal);
    for (int64_t j = 0; j < cols; j += strip) {
        int64_t m = least(strip, cols - j), from = diagonal ? j : 0;
        float *to = c + j * c_row;
        kernels->gemm_f32(m, d, rows - from, p + from * TILE + j, 1, TILE, y + from * d, d,
                          first ? NULL : to, c_row, to, c_row);
    }
}

/* Does query tile it >= jt see key tile jt? If not, later ones do not either. */
static bool sees(const lm_attention *a, int64_t b, int64_t it, int64_t jt) {
    return lm_attention_first_tile(a, b, it) <= jt;
}

/* Taking pieces of a worker's scratch, each 64-byte aligned. */
static float *take(float **scratch, int64_t floats) {
    float *piece = *scratch;
    *scratch += (floats + 15) / 16 * 16;
    return piece;
}

static void copy_rows(int64_t rows, int64_t n, const float *x, int64_t x_row, float *out) {
    for (int64_t i = 0; i < rows; i++) memcpy(out + i * n, x + i * x_row, (size_t)n * sizeof *out);
}

/* ---- forward ------------------------------------------------------------------------------------
 * A task is one (b, head) and a run of query tiles. It walks the key tiles once, in rising order;
 * each key tile is packed once and meets every query tile at or below the diagonal. */
typedef struct forward_job {
    const lm_compute *compute;
    const lm_attention *a;
    float scale;   /* 1 / sqrt(D) */
    int64_t parts; /* tasks a (b, head) */
    int64_t tiles_a_part;
} forward_job;

/* What a forward task keeps while it runs; [n] is the time its queries span. */
typedef struct forward_scratch {
    float *m, *l; /* [n] running maximum and sum of each query */
    float *alpha; /* [TILE] */
    float *s;     /* [TILE, TILE] scores, then probabilities */
    float *kt;    /* [D, TILE] keys of the tile, transposed */
    float *v;     /* [TILE, D] values of the tile */
} forward_scratch;

/* One tile: scores, online softmax, and the tile's share of out (unnormalised). */
static void forward_tile(const lm_kernels *kernels, const lm_attention *a, float scale,
                         const forward_scratch *w, int64_t b, int64_t rows, int64_t cols,
                         int64_t query, int64_t key, const float *q, float *m, float *l,
                         float *out) {
    int64_t d = a->head_size;
    bool first = key / TILE == lm_attention_first_tile(a, b, query / TILE);
    multiply_scores(kernels, rows, cols, d, key == query, q, a->qkv_row, w->kt, w->s);
    scale = lm_attention_limit(kernels, a, b, query, key, rows, cols, scale, w->s, NULL);
    kernels->attention_softmax_f32(rows, cols, query - key + 1, scale, w->s, TILE, m, l, w->alpha);
    if (!first) kernels->scale_rows_f32(rows, d, w->alpha, out, a->out_row);
    multiply_rows(kernels, rows, cols, d, key == query, first, w->s, w->v, out, a->out_row);
}

static void forward_finish(const lm_kernels *kernels, const lm_attention *a, int64_t rows,
                           const float *m, float *l, float *out, float *lse) {
    for (int64_t i = 0; i < rows; i++) {
        lse[i] = (float)((double)m[i] + lm_log((double)l[i]));
        l[i] = 1.0f / l[i];
    }
    kernels->scale_rows_f32(rows, a->head_size, l, out, a->out_row);
}

static void forward_task(void *argument, int64_t task, int worker) {
    const forward_job *j = argument;
    const lm_attention *a = j->a;
    const lm_kernels *kernels = j->compute->kernels;
    int64_t d = a->head_size, part = task % j->parts, bh = task / j->parts;
    int64_t b = bh / a->heads, h = bh % a->heads, kv = h / (a->heads / a->kv_heads);
    int64_t first = part * j->tiles_a_part, last = first + j->tiles_a_part;
    if (last > tiles(a->time)) last = tiles(a->time);

    float *scratch =
        lm_compute_scratch(j->compute, worker, lm_attention_scratch_bytes(kernels, a->time, d));
    forward_scratch w;
    w.m = take(&scratch, a->time);
    w.l = take(&scratch, a->time);
    w.alpha = take(&scratch, TILE);
    w.s = take(&scratch, TILE * TILE);
    w.kt = take(&scratch, TILE * d);
    w.v = take(&scratch, TILE * d);
    for (int64_t t = first * TILE; t < last * TILE && t < a->time; t++) {
        w.m[t] = -INFINITY;
        w.l[t] = 0.0f;
    }

    const float *q = a->q + b * a->time * a->qkv_row + h * d;  /* [T, D] */
    const float *k = a->k + b * a->time * a->qkv_row + kv * d; /* [T, D] */
    const float *v = a->v + b * a->time * a->qkv_row + kv * d; /* [T, D] */
    float *out = a->out + b * a->time * a->out_row + h * d;    /* [T, D] */
    for (int64_t jt = lm_attention_first_tile(a, b, first); jt < last; jt++) {
        int64_t key = jt * TILE, cols = tile_rows(a->time, jt);
        kernels->pack_f32(cols, TILE, d, k + key * a->qkv_row, a->qkv_row, 1, w.kt);
        copy_rows(cols, d, v + key * a->qkv_row, a->qkv_row, w.v);
        for (int64_t it = jt > first ? jt : first; it < last; it++) {
            int64_t query = it * TILE;
            if (!sees(a, b, it, jt)) break;
            forward_tile(kernels, a, j->scale, &w, b, tile_rows(a->time, it), cols, query, key,
                         q + query * a->qkv_row, w.m + query, w.l + query,
                         out + query * a->out_row);
        }
    }
    for (int64_t it = first; it < last; it++) {
        int64_t query = it * TILE;
        forward_finish(kernels, a, tile_rows(a->time, it), w.m + query, w.l + query,
                       out + query * a->out_row, a->lse + bh * a->time + query);
    }
}

static float score_scale(int64_t head_size) {
    return 1.0f / sqrtf((float)head_size);
}

/* Into how many runs of tiles each of n independent problems is cut: one, unless there are too few
 * of them to keep all workers busy. Each tile's arithmetic is the same wherever it runs. */
static int64_t parts_for(const lm_compute *compute, int64_t n, int64_t most) {
    int64_t want = lm_pool_threads(compute->pool), parts = 1;
    if (want == 1) return 1;
    while (parts < most && n * parts < 2 * want) parts++;
    return parts;
}

void lm_attention_forward_f32(const lm_compute *compute, const lm_attention *a) {
    int64_t n = a->batch * a->heads, t = tiles(a->time);
    LM_ASSERT(a->kv_heads > 0 && a->heads % a->kv_heads == 0);
    if (n == 0 || t == 0) return;
    int64_t parts = parts_for(compute, n, t);
    forward_job j = {.compute = compute, .a = a, .scale = score_scale(a->head_size)};
    j.tiles_a_part = (t + parts - 1) / parts;
    j.parts = (t + j.tiles_a_part - 1) / j.tiles_a_part;
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_ATTENTION);
    lm_pool_run(compute->pool, n * j.parts, forward_task, &j);
    lm_phase_leave(compute->phases, before);
}

/* ---- backward -----------------------------------------------------------------------------------
 * With P the probabilities, recomputed from lse, and delta_i = dout_i . out_i:
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
    w.delta = take(&scratch, a->time);
    w.s = take(&scratch, TILE * TILE);
    w.dp = take(&scratch, TILE * TILE);
    w.kt = take(&scratch, TILE * d);
    w.vt = take(&scratch, TILE * d);
    w.k = take(&scratch, TILE * d);
    w.q = take(&scratch, TILE * d);
    w.dout = take(&scratch, TILE * d);
    w.slope = a->softcap > 0 ? take(&scratch, TILE * TILE) : NULL;
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
    int64_t d = a->head_size, cols = tile_rows(a->time, jt), at = jt * TILE * a->qkv_row;
    j->compute->kernels->pack_f32(cols, TILE, d, x->k + at, a->qkv_row, 1, w->kt);
    j->compute->kernels->pack_f32(cols, TILE, d, x->v + at, a->qkv_row, 1, w->vt);
    copy_rows(cols, d, x->k + at, a->qkv_row, w->k);
}

static void pack_queries(const backward_job *j, const backward_scratch *w, const head_view *x,
                         int64_t it) {
    const lm_attention *a = j->a;
    int64_t d = a->head_size, rows = tile_rows(a->time, it);
    copy_rows(rows, d, x->q + it * TILE * a->qkv_row, a->qkv_row, w->q);
    copy_rows(rows, d, x->dout + it * TILE * a->out_row, a->out_row, w->dout);
}

/* P into w->s and dS into w->dp of query tile it and key tile jt. */
static void backward_scores(const backward_job *j, const backward_scratch *w, const head_view *x,
                            int64_t it, int64_t jt) {
    const lm_kernels *kernels = j->compute->kernels;
    const lm_attention *a = j->a;
    int64_t d = a->head_size, rows = tile_rows(a->time, it), cols = tile_rows(a->time, jt);
    multiply_scores(kernels, rows, cols, d, it == jt, w->q, d, w->kt, w->s);
    multiply_scores(kernels, rows, cols, d, it == jt, w->dout, d, w->vt, w->dp);
    float scale = lm_attention_limit(kernels, a, x->b, it * TILE, jt * TILE, rows, cols, j->scale,
                                     w->s, w->slope);
    kernels->attention_backward_f32(rows, cols, (it - jt) * TILE + 1, scale, w->s, TILE, w->dp,
                                    TILE, x->lse + it * TILE, w->delta + it * TILE);
    for (int64_t i = 0; i < rows && w->slope; i++)
        kernels->mul_f32(least((it - jt) * TILE + i + 1, cols), w->slope + i * TILE,
                         w->dp + i * TILE);
}

/* The tile's share of dV and dK; `first` starts them. */
static void add_keys(const backward_job *j, const backward_scratch *w, const head_view *x,
                     int64_t it, int64_t jt, bool first) {
    const lm_kernels *kernels = j->compute->kernels;
    const lm_attention *a = j->a;
    int64_t d = a->head_size, rows = tile_rows(a->time, it), cols = tile_rows(a->time, jt);
    float *dk = x->dk + jt * TILE * a->qkv_row, *dv = x->dv + jt * TILE * a->qkv_row;
    multiply_columns(kernels, rows, cols, d, it == jt, first, w->s, w->dout, dv, a->qkv_row);
    multiply_columns(kernels, rows, cols, d, it == jt, first, w->dp, w->q, dk, a->qkv_row);
}

/* The tile's share of dQ; the first key tile that is seen starts it. */
static void add_queries(const backward_job *j, const backward_scratch *w, const head_view *x,
                        int64_t it, int64_t jt) {
    const lm_attention *a = j->a;
    int64_t d = a->head_size, rows = tile_rows(a->time, it), cols = tile_rows(a->time, jt);
    float *dq = x->dq + it * TILE * a->qkv_row;
    multiply_rows(j->compute->kernels, rows, cols, d, it == jt,
                  jt == lm_attention_first_tile(a, x->b, it), w->dp, w->k, dq, a->qkv_row);
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
        for (int64_t jt = 0; jt < tiles(a->time); jt++) {
            pack_keys(j, &w, &x, jt);
            for (int64_t it = jt; it < tiles(a->time) && sees(a, b, it, jt); it++) {
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
    int64_t group = a->heads / a->kv_heads, jt = task % tiles(a->time);
    int64_t b = task / tiles(a->time) / a->kv_heads, kv = task / tiles(a->time) % a->kv_heads;
    backward_scratch w = take_backward(j, worker);
    for (int64_t g = 0; g < group; g++) {
        head_view x = view_head(j, b, kv * group + g);
        compute_delta(j, &x, jt * TILE, a->time, w.delta);
        pack_keys(j, &w, &x, jt);
        for (int64_t it = jt; it < tiles(a->time) && sees(a, b, it, jt); it++) {
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
    int64_t it = task % tiles(a->time), bh = task / tiles(a->time);
    backward_scratch w = take_backward(j, worker);
    head_view x = view_head(j, bh / a->heads, bh % a->heads);
    compute_delta(j, &x, it * TILE, it * TILE + tile_rows(a->time, it), w.delta);
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
                      .scale = score_scale(a->head_size)};
    LM_ASSERT(a->kv_heads > 0 && a->heads % a->kv_heads == 0);
    if (a->time == 0) return;
    int64_t whole = a->batch * a->kv_heads;
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_ATTENTION);
    /* Two walks cost 7 GEMMs a tile where one costs 5: worth it when workers would stand idle. */
    if (whole >= lm_pool_threads(compute->pool) || tiles(a->time) == 1) {
        lm_pool_run(compute->pool, whole, backward_task, &j);
    } else {
        lm_pool_run(compute->pool, whole * tiles(a->time), backward_keys_task, &j);
        lm_pool_run(compute->pool, a->batch * a->heads * tiles(a->time), backward_queries_task, &j);
    }
    lm_phase_leave(compute->phases, before);
}

size_t lm_attention_scratch_bytes(const lm_kernels *kernels, int64_t time, int64_t head_size) {
    (void)kernels;
    /* backward: delta [T]; s, dp, slope; kt, vt, k, q, dout. forward: m, l [T]; alpha; s; kt, v. */
    size_t t = lm_size_align((size_t)time * sizeof(float));
    size_t d = lm_size_align((size_t)(TILE * head_size) * sizeof(float));
    return 2 * t + 3 * TILE * TILE * sizeof(float) + 5 * d + LM_ALIGNMENT;
}

/* ---- decode -------------------------------------------------------------------------------------
 */
void lm_attention_decode_f32(const lm_compute *compute, int64_t length, int64_t heads,
                             int64_t kv_heads, int64_t head_size, const float *q, const float *keys,
                             const float *values, int64_t cache_row, float softcap, float *out) {
    const lm_kernels *kernels = compute->kernels;
    float *s = lm_compute_scratch(compute, 0, lm_attention_decode_scratch_bytes(length));
    LM_ASSERT(length > 0 && kv_heads > 0 && heads % kv_heads == 0);
    for (int64_t h = 0; h < heads; h++) {
        int64_t kv = h / (heads / kv_heads);
        float *o = out + h * head_size, m = -INFINITY, l = 0.0f, alpha;
        kernels->gemv_f32(length, head_size, keys + kv * head_size, cache_row, q + h * head_size,
                          NULL, s);
        float scale = score_scale(head_size);
        if (softcap > 0) {
            kernels->softcap_f32(length, scale / softcap, softcap, s, NULL);
            scale = 1.0f;
        }
        kernels->attention_softmax_f32(1, length, length, scale, s, length, &m, &l, &alpha);
        kernels->gemm_f32(1, head_size, length, s, length, 1, values + kv * head_size, cache_row,
                          NULL, 0, o, head_size);
        kernels->scale_f32(head_size, 1.0f / l, o);
    }
}

size_t lm_attention_decode_scratch_bytes(int64_t max_length) {
    return (size_t)max_length * sizeof(float);
}

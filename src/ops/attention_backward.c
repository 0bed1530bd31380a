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
 * share it. Where there are too few of those for the workers, a head is cut into parts of its tiles
 * (of 64 tokens), and a task owns dK, dV and dQ of its part: so it meets its own keys with all
 * queries that see them, and its own queries with all earlier keys. A tile of scores whose query
 * and key belong to two parts is computed in both. Each output adds up in the same order either
 * way: query heads, then query tiles rising; key tiles rising. */
typedef struct backward_job {
    const lm_compute *compute;
    const lm_attention *a;
    lm_array dout;       /* rows of tokens, row stride out_row */
    lm_array dq, dk, dv; /* rows of tokens, row stride qkv_row */
    int64_t parts;       /* of each head */
} backward_job;

typedef struct backward_scratch {
    float *delta;                /* [T] */
    float *s;                    /* [TILE, TILE] scores, then P */
    float *dp;                   /* [TILE, TILE] dP, then dS */
    float *slope;                /* [TILE, TILE] of the soft cap, where there is one */
    float *p_columns;            /* [TILE, TILE] P, rounded; the same of dS: */
    float *ds_columns, *ds_rows; /* [TILE, TILE] */
    float *kt, *vt;              /* keys and values of the tile, transposed */
    float *k, *q, *dout;         /* lines of the tile */
    float *q_rows, *dout_rows;   /* copies by rows, where they are needed */
    float *dq, *dk, *dv;         /* [T, D] sums, where the outputs are bf16 */
} backward_scratch;

/* One (b, query head): where its rows begin. */
typedef struct head_view {
    int64_t b;
    lm_array q, k, v, dout, out;
    const float *lse;
    lm_array dq, dk, dv;
    tile_sums dq_sums, dk_sums, dv_sums;
} head_view;

static head_view view_head(const backward_job *j, const backward_scratch *w, int64_t b, int64_t h) {
    const lm_attention *a = j->a;
    int64_t d = a->head_size, kv = h / (a->heads / a->kv_heads);
    int64_t rows = b * a->time * a->qkv_row, out_rows = b * a->time * a->out_row;
    head_view x = {.b = b,
                   .q = lm_array_from(a->q, rows + h * d),
                   .k = lm_array_from(a->k, rows + kv * d),
                   .v = lm_array_from(a->v, rows + kv * d),
                   .dout = lm_array_from(j->dout, out_rows + h * d),
                   .out = lm_array_from(a->out, out_rows + h * d),
                   .lse = a->lse + (b * a->heads + h) * a->time,
                   .dq = lm_array_from(j->dq, rows + h * d),
                   .dk = lm_array_from(j->dk, rows + kv * d),
                   .dv = lm_array_from(j->dv, rows + kv * d)};
    x.dq_sums = lm_attention_sums(x.dq, a->qkv_row, d, w->dq);
    x.dk_sums = lm_attention_sums(x.dk, a->qkv_row, d, w->dk);
    x.dv_sums = lm_attention_sums(x.dv, a->qkv_row, d, w->dv);
    return x;
}

static backward_scratch take_backward(lm_arena *scratch, int64_t time, int64_t d) {
    backward_scratch w;
    int64_t even = lm_round_up(d, 2); /* whole pairs */
    w.delta = lm_arena_floats(scratch, time);
    w.s = lm_arena_floats(scratch, TILE * TILE);
    w.dp = lm_arena_floats(scratch, TILE * TILE);
    w.slope = lm_arena_floats(scratch, TILE * TILE);
    w.p_columns = lm_arena_floats(scratch, TILE * TILE);
    w.ds_columns = lm_arena_floats(scratch, TILE * TILE);
    w.ds_rows = lm_arena_floats(scratch, TILE * TILE);
    w.kt = lm_arena_floats(scratch, TILE * even);
    w.vt = lm_arena_floats(scratch, TILE * even);
    w.k = lm_arena_floats(scratch, TILE * even);
    w.q = lm_arena_floats(scratch, TILE * even);
    w.dout = lm_arena_floats(scratch, TILE * even);
    w.q_rows = lm_arena_floats(scratch, TILE * even);
    w.dout_rows = lm_arena_floats(scratch, TILE * even);
    w.dq = lm_arena_array(scratch, time, d, sizeof(float));
    w.dk = lm_arena_array(scratch, time, d, sizeof(float));
    w.dv = lm_arena_array(scratch, time, d, sizeof(float));
    return w;
}

size_t lm_attention_backward_scratch_bytes(int64_t time, int64_t head_size) {
    lm_arena measure = lm_arena_measuring();
    take_backward(&measure, time, head_size);
    return measure.used;
}

static backward_scratch scratch_of(const backward_job *j, int worker) {
    lm_arena scratch = lm_compute_scratch(j->compute, worker);
    return take_backward(&scratch, j->a->time, j->a->head_size);
}

/* delta_t = dout_t . out_t for begin <= t < end. */
static void compute_delta(const backward_job *j, const backward_scratch *w, const head_view *x,
                          int64_t begin, int64_t end) {
    const lm_kernels *kernels = j->compute->kernels;
    int64_t row = j->a->out_row, d = j->a->head_size;
    lm_array dout = lm_array_from(x->dout, begin * row), out = lm_array_from(x->out, begin * row);
    if (dout.type == LM_BF16) {
        kernels->dot_rows_bf16(end - begin, d, dout.at, row, out.at, row, w->delta + begin);
        return;
    }
    const float *y = dout.at, *z = out.at;
    for (int64_t t = begin; t < end; t++, y += row, z += row)
        w->delta[t] = kernels->dot_f32(d, y, z);
}

static void pack_keys(const backward_job *j, const backward_scratch *w, const head_view *x,
                      int64_t jt) {
    const lm_attention *a = j->a;
    int64_t d = a->head_size, cols = lm_attention_tile_rows(a->time, jt);
    int64_t at = jt * TILE * a->qkv_row;
    lm_array k = lm_array_from(x->k, at), v = lm_array_from(x->v, at);
    lm_attention_pack_transposed(j->compute, cols, d, k, a->qkv_row, w->kt);
    lm_attention_pack_transposed(j->compute, cols, d, v, a->qkv_row, w->vt);
    lm_attention_pack_lines(j->compute, cols, d, k, a->qkv_row, w->k);
}

/* Queries of tile `it` and their dout as the scores read them: by rows. */
typedef struct tile_rows {
    tile_operand q, dout;
} tile_rows;

static tile_rows pack_queries(const backward_job *j, const backward_scratch *w, const head_view *x,
                              int64_t it) {
    const lm_attention *a = j->a;
    int64_t d = a->head_size, rows = lm_attention_tile_rows(a->time, it);
    lm_array q = lm_array_from(x->q, it * TILE * a->qkv_row);
    lm_array dout = lm_array_from(x->dout, it * TILE * a->out_row);
    lm_attention_pack_lines(j->compute, rows, d, q, a->qkv_row, w->q);
    lm_attention_pack_lines(j->compute, rows, d, dout, a->out_row, w->dout);
    if (j->compute->precision == LM_FP32) /* the lines are rows, closer together */
        return (tile_rows){{w->q, d, 1}, {w->dout, d, 1}};
    return (tile_rows){lm_attention_rows(j->compute, rows, d, q, a->qkv_row, w->q_rows),
                       lm_attention_rows(j->compute, rows, d, dout, a->out_row, w->dout_rows)};
}

/* P into w->s and dS into w->dp of one tile. */
static void backward_scores(const backward_job *j, const backward_scratch *w, const head_view *x,
                            const tile_rows *r, const tile *t) {
    const lm_kernels *kernels = j->compute->kernels;
    const lm_attention *a = j->a;
    int64_t d = a->head_size, seen = t->query - t->key + 1; /* by the first query */
    lm_attention_multiply_scores(j->compute, t, d, r->q, w->kt, w->s);
    lm_attention_multiply_scores(j->compute, t, d, r->dout, w->vt, w->dp);
    float scale = lm_attention_limit(kernels, a, x->b, t, a->scale, w->s, w->slope);
    kernels->attention_backward_f32(t->rows, t->cols, seen, scale, w->s, TILE, w->dp, TILE,
                                    x->lse + t->query, w->delta + t->query);
    for (int64_t i = 0; i < t->rows && a->softcap > 0; i++)
        kernels->mul_f32(lm_min(seen + i, t->cols), w->slope + i * TILE, w->dp + i * TILE);
}

/* The tile's share of dV and dK; `first` starts them. */
static void add_keys(const backward_job *j, const backward_scratch *w, const head_view *x,
                     const tile *t, bool first) {
    const lm_compute *compute = j->compute;
    int64_t d = j->a->head_size;
    tile_operand p = lm_attention_tile_by_columns(compute, t, w->s, w->p_columns);
    tile_operand ds = lm_attention_tile_by_columns(compute, t, w->dp, w->ds_columns);
    lm_attention_multiply_columns(compute, t, d, first, p, w->dout,
                                  lm_attention_sums_from(x->dv_sums, t->key));
    lm_attention_multiply_columns(compute, t, d, first, ds, w->q,
                                  lm_attention_sums_from(x->dk_sums, t->key));
}

/* The tile's share of dQ; the first key tile that is seen starts it. */
static void add_queries(const backward_job *j, const backward_scratch *w, const head_view *x,
                        const tile *t) {
    bool first = t->jt == lm_attention_first_tile(j->a, x->b, t->it);
    tile_operand ds = lm_attention_tile_by_rows(j->compute, t, w->dp, w->ds_rows);
    lm_attention_multiply_rows(j->compute, t, j->a->head_size, first, ds, w->k,
                               lm_attention_sums_from(x->dq_sums, t->query));
}

/* The finished dK and dV of key tile jt, dQ of query tile it. */
static void store_keys(const backward_job *j, const head_view *x, int64_t jt) {
    const lm_attention *a = j->a;
    int64_t cols = lm_attention_tile_rows(a->time, jt), d = a->head_size, t = jt * TILE;
    lm_attention_store(j->compute, cols, d, lm_attention_sums_from(x->dk_sums, t),
                       lm_array_from(x->dk, t * a->qkv_row), a->qkv_row);
    lm_attention_store(j->compute, cols, d, lm_attention_sums_from(x->dv_sums, t),
                       lm_array_from(x->dv, t * a->qkv_row), a->qkv_row);
}
static void store_queries(const backward_job *j, const head_view *x, int64_t it) {
    const lm_attention *a = j->a;
    lm_attention_store(j->compute, lm_attention_tile_rows(a->time, it), a->head_size,
                       lm_attention_sums_from(x->dq_sums, it * TILE),
                       lm_array_from(x->dq, it * TILE * a->qkv_row), a->qkv_row);
}

/* Tiles of keys, and of queries, that a task owns. */
typedef struct part {
    int64_t begin, end;
} part;

/* Query tiles begin .. end-1 of a head meet keys that they see: all of these if the queries are the
 * part's own, as all or none of them are, else the part's own keys. */
static void backward_run(const backward_job *j, const backward_scratch *w, const head_view *x,
                         const part *own, int64_t begin, int64_t end, bool first_head,
                         bool last_head) {
    const lm_attention *a = j->a;
    const int64_t tiles = lm_attention_tiles(a->time), last = lm_min(end, own->end);
    const bool queries = begin < own->end;
    int64_t jt = lm_attention_first_tile(a, x->b, begin);
    if (!queries) jt = lm_max(jt, own->begin);
    for (; jt < last; jt++) {
        const bool keys = jt >= own->begin;
        pack_keys(j, w, x, jt);
        for (int64_t it = lm_max(jt, begin); it < end && lm_attention_sees(a, x->b, it, jt); it++) {
            tile t = lm_attention_tile(a, x->b, it, jt);
            tile_rows rows = pack_queries(j, w, x, it);
            backward_scores(j, w, x, &rows, &t);
            if (keys) add_keys(j, w, x, &t, first_head && t.diagonal);
            if (queries) add_queries(j, w, x, &t);
        }
        if (queries && jt >= begin) store_queries(j, x, jt); /* it has met all keys it sees */
        bool more = end < tiles && lm_attention_sees(a, x->b, end, jt);
        if (keys && last_head && !more) store_keys(j, x, jt);
    }
}

/* Task (part, b, key/value head). As forward, it takes LM_ATTENTION_TOGETHER query tiles at a
 * time. */
static void backward_task(void *argument, int64_t task, int worker) {
    const backward_job *j = argument;
    const lm_attention *a = j->a;
    const int64_t heads = a->batch * a->kv_heads, number = task / heads, head = task % heads;
    const int64_t group = a->heads / a->kv_heads, b = head / a->kv_heads, kv = head % a->kv_heads;
    const int64_t tiles = lm_attention_tiles(a->time);
    const part own = {number * tiles / j->parts, (number + 1) * tiles / j->parts};
    backward_scratch w = scratch_of(j, worker);
    for (int64_t g = 0; g < group; g++) {
        head_view x = view_head(j, &w, b, kv * group + g);
        compute_delta(j, &w, &x, own.begin * TILE, a->time);
        for (int64_t it = own.begin, end; it < tiles; it = end) {
            if (it >= own.end && !lm_attention_sees(a, b, it, own.end - 1)) break;
            end = lm_min(it + LM_ATTENTION_TOGETHER, it < own.end ? own.end : tiles);
            backward_run(j, &w, &x, &own, it, end, g == 0, g == group - 1);
        }
    }
}

/* ---- parts ------------------------------------------------------------------------------------*/

/* Products of tiles that the longest task of so many parts computes: five where both query and key
 * are its own, four where only the key is (it computes no dQ), three where only the query is. */
static int64_t longest_part(const lm_attention *a, int64_t parts) {
    const int64_t tiles = lm_attention_tiles(a->time), own = lm_divide_up(tiles, parts);
    const int64_t seen = a->window > 0 ? lm_min(lm_divide_up(a->window, TILE), tiles) : tiles;
    const int64_t later = lm_min(tiles - own, seen), earlier = lm_min(tiles - own - later, seen);
    const int64_t inside = lm_min(own * (own + 1) / 2, own * (seen + 1));
    return 5 * inside + lm_min(own, seen) * (4 * later + 3 * earlier);
}

/* Into how many parts each head is cut so that the region ends soonest. */
static int64_t choose_parts(const lm_compute *compute, const lm_attention *a) {
    const int64_t heads = a->batch * a->kv_heads, shares = lm_pool_shares(compute->pool);
    int64_t best = 1, least = INT64_MAX;
    for (int64_t parts = 1; parts <= lm_attention_tiles(a->time); parts++) {
        int64_t products = lm_divide_up(heads * parts, shares) * longest_part(a, parts);
        if (products >= least) continue;
        least = products;
        best = parts;
    }
    return best;
}

void lm_attention_backward(const lm_compute *compute, const lm_attention *a, lm_array dout,
                           lm_array dq, lm_array dk, lm_array dv) {
    backward_job j = {.compute = compute, .a = a, .dout = dout, .dq = dq, .dk = dk, .dv = dv};
    lm_attention_assert_types(compute, a);
    LM_ASSERT(dout.type == compute->precision);
    if (a->time == 0) return;
    j.parts = choose_parts(compute, a);
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_ATTENTION);
    const int64_t heads = a->batch * a->kv_heads;
    if (j.parts == 1)
        lm_pool_run(compute->pool, heads, backward_task, &j);
    else /* the first parts are the longest */
        lm_pool_run_in_order(compute->pool, heads * j.parts, backward_task, &j);
    lm_phase_leave(compute->phases, before);
}

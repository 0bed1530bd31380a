#include "ops/attention.h"

#include <math.h>
#include <stdbool.h>

#include "base/error.h"
#include "ops/attention_mask.h"
#include "ops/attention_tile.h"

/* ---- forward ---------------------------------------------------------------------------------
 * A task is one (b, head) and a run of query tiles. It walks the key tiles once, in rising order;
 * each key tile is packed once and meets every query tile at or below the diagonal. */
typedef struct forward_job {
    const lm_compute *compute;
    const lm_attention *a;
    int64_t parts; /* tasks per (b, head) */
    int64_t tiles_per_part;
} forward_job;

/* What a forward task keeps while it runs. */
typedef struct forward_scratch {
    float *m, *l;  /* [RUN] running maximum and sum of each query */
    float *alpha;  /* [TILE] */
    float *s;      /* [TILE, TILE] scores, then probabilities */
    float *p;      /* [TILE, TILE] the same, rounded */
    float *kt, *v; /* keys of the tile, transposed, and its values */
    float *q;      /* [RUN, D] queries, by rows */
    float *out;    /* [RUN, D] sums */
} forward_scratch;

static forward_scratch take_forward(lm_arena *scratch, int64_t d) {
    forward_scratch w;
    int64_t even = lm_round_up(d, 2); /* whole pairs */
    w.m = lm_arena_floats(scratch, RUN);
    w.l = lm_arena_floats(scratch, RUN);
    w.alpha = lm_arena_floats(scratch, TILE);
    w.s = lm_arena_floats(scratch, TILE * TILE);
    w.p = lm_arena_floats(scratch, TILE * TILE);
    w.kt = lm_arena_array(scratch, TILE, even, sizeof(float));
    w.v = lm_arena_array(scratch, TILE, even, sizeof(float));
    w.q = lm_arena_array(scratch, RUN, even, sizeof(float));
    w.out = lm_arena_array(scratch, RUN, d, sizeof(float));
    return w;
}

size_t lm_attention_scratch_bytes(int64_t time, int64_t head_size) {
    lm_arena measure = lm_arena_measuring();
    take_forward(&measure, head_size);
    return lm_size_max(measure.used, lm_attention_backward_scratch_bytes(time, head_size));
}

/* Multiplies each row's sums by its alpha, which is 1 unless the tile raised the row's maximum. */
static void rescale(const lm_kernels *kernels, int64_t rows, int64_t d, const float *alpha,
                    tile_sums c) {
    int64_t raised = 0;
    for (int64_t i = 0; i < rows; i++) raised += alpha[i] != 1.0f;
    if (raised > rows / 4) {
        kernels->scale_rows_f32(rows, d, alpha, c.at, c.row);
        return;
    }
    for (int64_t i = 0; i < rows && raised > 0; i++)
        if (alpha[i] != 1.0f) kernels->scale_f32(d, alpha[i], c.at + i * c.row);
}

/* A run of query tiles of one (b, head); its tokens are counted from its first one in scratch. */
typedef struct forward_run {
    const forward_job *j;
    forward_scratch w;
    int64_t b, first, last; /* query tiles first .. last-1 */
    lm_array q, out;        /* [T, D] */
    float *lse;             /* [T] */
    bool copies;            /* queries are copied into scratch, and sums copied out of it */
} forward_run;

/* Where the sums of tile `it` are. */
static tile_sums forward_sums(const forward_run *r, int64_t it) {
    const lm_attention *a = r->j->a;
    if (r->copies || r->out.type == LM_BF16)
        return (tile_sums){r->w.out + (it - r->first) * TILE * a->head_size, a->head_size};
    return (tile_sums){lm_array_from(r->out, it * TILE * a->out_row).at, a->out_row};
}

static tile_operand forward_queries(const forward_run *r, const tile *t) {
    const lm_attention *a = r->j->a;
    int64_t d = a->head_size, row = a->qkv_row;
    if (r->copies)
        return lm_attention_tile_of_rows(r->j->compute, d, r->w.q, t->query - r->first * TILE);
    return lm_attention_rows(r->j->compute, t->rows, d, lm_array_from(r->q, t->query * row), row,
                             r->w.q);
}

/* One tile: scores, online softmax, and the tile's share of out (unnormalised). */
static void forward_tile(const forward_run *r, tile t) {
    const lm_attention *a = r->j->a;
    const lm_compute *compute = r->j->compute;
    const forward_scratch *w = &r->w;
    int64_t d = a->head_size, query = t.query - r->first * TILE;
    bool first = t.jt == lm_attention_first_tile(a, r->b, t.it);
    tile_sums c = forward_sums(r, t.it);
    lm_attention_multiply_scores(compute, &t, d, forward_queries(r, &t), w->kt, w->s);
    float scale = lm_attention_limit(compute->kernels, a, r->b, &t, r->j->a->scale, w->s, NULL);
    compute->kernels->attention_softmax_f32(t.rows, t.cols, t.query - t.key + 1, scale, w->s, TILE,
                                            w->m + query, w->l + query, w->alpha);
    if (!first) rescale(compute->kernels, t.rows, d, w->alpha, c);
    tile_operand p = lm_attention_tile_by_rows(compute, &t, w->s, w->p);
    lm_attention_multiply_rows(compute, &t, d, first, p, w->v, c);
}

static void forward_begin(const forward_run *r, int64_t it) {
    const lm_attention *a = r->j->a;
    int64_t query = (it - r->first) * TILE, rows = lm_attention_tile_rows(a->time, it);
    for (int64_t i = query; i < query + rows; i++) {
        r->w.m[i] = -INFINITY;
        r->w.l[i] = 0.0f;
    }
    if (r->copies)
        lm_attention_copy_rows(r->j->compute, rows, a->head_size,
                               lm_array_from(r->q, it * TILE * a->qkv_row), a->qkv_row, r->w.q,
                               query);
}

/* The queries of tile `it`: out normalised, and lse. */
static void forward_finish(const forward_run *r, int64_t it) {
    const lm_attention *a = r->j->a;
    const lm_kernels *kernels = r->j->compute->kernels;
    int64_t query = (it - r->first) * TILE, rows = lm_attention_tile_rows(a->time, it);
    int64_t d = a->head_size;
    tile_sums sums = forward_sums(r, it);
    kernels->attention_finish_f32(rows, r->w.m + query, r->w.l + query, r->lse + it * TILE);
    kernels->scale_rows_f32(rows, d, r->w.l + query, sums.at, sums.row);
    lm_attention_store(r->j->compute, rows, d, sums, lm_array_from(r->out, it * TILE * a->out_row),
                       a->out_row);
}

static void forward_task(void *argument, int64_t task, int worker) {
    const forward_job *j = argument;
    const lm_attention *a = j->a;
    int64_t bh = task / j->parts, d = a->head_size;
    int64_t part = j->parts - 1 - task % j->parts; /* the longest first */
    int64_t b = bh / a->heads, h = bh % a->heads, kv = h / (a->heads / a->kv_heads);
    int64_t first = part * j->tiles_per_part, at = b * a->time * a->qkv_row;
    lm_arena scratch = lm_compute_scratch(j->compute, worker);
    forward_run r = {.j = j,
                     .w = take_forward(&scratch, d),
                     .b = b,
                     .first = first,
                     .last = lm_min(first + j->tiles_per_part, lm_attention_tiles(a->time)),
                     .q = lm_array_from(a->q, at + h * d),
                     .out = lm_array_from(a->out, b * a->time * a->out_row + h * d),
                     .lse = a->lse + bh * a->time};
    lm_array k = lm_array_from(a->k, at + kv * d); /* [T, D] */
    lm_array v = lm_array_from(a->v, at + kv * d); /* [T, D] */
    int64_t jt = lm_attention_first_tile(a, b, first);
    r.copies = r.last - jt >= LM_ATTENTION_COPIES;
    for (int64_t it = first; it < r.last; it++) forward_begin(&r, it);
    for (; jt < r.last; jt++) {
        int64_t key = jt * TILE * a->qkv_row, cols = lm_attention_tile_rows(a->time, jt);
        lm_attention_pack_transposed(j->compute, cols, d, lm_array_from(k, key), a->qkv_row,
                                     r.w.kt);
        lm_attention_pack_lines(j->compute, cols, d, lm_array_from(v, key), a->qkv_row, r.w.v);
        for (int64_t it = lm_max(jt, first); it < r.last && lm_attention_sees(a, b, it, jt); it++) {
            lm_attention_ask_for(a, k, it - first, jt + 1);
            lm_attention_ask_for(a, v, it - first, jt + 1);
            forward_tile(&r, lm_attention_tile(a, b, it, jt));
        }
    }
    for (int64_t it = first; it < r.last; it++) forward_finish(&r, it);
}

/* Into how many runs of tiles to cut each of n independent problems: one, unless there are too few
 * problems to keep all workers busy. Each tile's arithmetic is the same wherever it runs. */
static int64_t parts_for(const lm_compute *compute, int64_t n, int64_t most) {
    int64_t want = lm_pool_shares(compute->pool), parts = 1;
    if (want == 1) return 1;
    while (parts < most && n * parts < 2 * want) parts++;
    return parts;
}

void lm_attention_assert_types(const lm_compute *compute, const lm_attention *a) {
    lm_precision type = compute->precision;
    LM_ASSERT(a->q.type == type && a->k.type == type && a->v.type == type && a->out.type == type);
    LM_ASSERT(a->kv_heads > 0 && a->heads % a->kv_heads == 0);
}

void lm_attention_forward(const lm_compute *compute, const lm_attention *a) {
    int64_t n = a->batch * a->heads, t = lm_attention_tiles(a->time);
    lm_attention_assert_types(compute, a);
    if (n == 0 || t == 0) return;
    int64_t parts = lm_max(parts_for(compute, n, t), lm_divide_up(t, LM_ATTENTION_TOGETHER));
    forward_job j = {.compute = compute, .a = a};
    j.tiles_per_part = lm_divide_up(t, parts);
    j.parts = lm_divide_up(t, j.tiles_per_part);
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_ATTENTION);
    lm_pool_run(compute->pool, n * j.parts, forward_task, &j);
    lm_phase_leave(compute->phases, before);
}

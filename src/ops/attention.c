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
    float scale;   /* 1 / sqrt(D) */
    int64_t parts; /* tasks per (b, head) */
    int64_t tiles_per_part;
} forward_job;

/* What a forward task keeps while it runs. */
typedef struct forward_scratch {
    float *m, *l;  /* [T] running maximum and sum of each query */
    float *alpha;  /* [TILE] */
    float *s;      /* [TILE, TILE] scores, then probabilities */
    float *p;      /* [TILE, TILE] the same, rounded */
    float *kt, *v; /* keys of the tile, transposed, and its values */
    float *q;      /* a copy of the tile's queries, where one is needed */
    float *out;    /* [T, D] sums, where the output is bf16 */
} forward_scratch;

static forward_scratch take_forward(lm_arena *scratch, int64_t time, int64_t d) {
    forward_scratch w;
    w.m = lm_arena_floats(scratch, time);
    w.l = lm_arena_floats(scratch, time);
    w.alpha = lm_arena_floats(scratch, TILE);
    w.s = lm_arena_floats(scratch, TILE * TILE);
    w.p = lm_arena_floats(scratch, TILE * TILE);
    w.kt = lm_arena_floats(scratch, TILE * d);
    w.v = lm_arena_floats(scratch, TILE * d);
    w.q = lm_arena_floats(scratch, TILE * d);
    w.out = lm_arena_array(scratch, time, d, sizeof(float));
    return w;
}

size_t lm_attention_scratch_bytes(int64_t time, int64_t head_size) {
    lm_arena measure = lm_arena_measuring();
    take_forward(&measure, time, head_size);
    return lm_size_max(measure.used, lm_attention_backward_scratch_bytes(time, head_size));
}

/* One tile: scores, online softmax, and the tile's share of out (unnormalised). */
static void forward_tile(const forward_job *j, const forward_scratch *w, int64_t b, tile t,
                         lm_array q, tile_sums out) {
    const lm_attention *a = j->a;
    const lm_kernels *kernels = j->compute->kernels;
    int64_t d = a->head_size, row = a->qkv_row;
    bool first = t.jt == lm_attention_first_tile(a, b, t.it);
    tile_sums c = lm_attention_sums_from(out, t.query);
    tile_operand x =
        lm_attention_rows(j->compute, t.rows, d, lm_array_from(q, t.query * row), row, w->q);
    lm_attention_multiply_scores(j->compute, &t, d, x, w->kt, w->s);
    float scale = lm_attention_limit(kernels, a, b, &t, j->scale, w->s, NULL);
    kernels->attention_softmax_f32(t.rows, t.cols, t.query - t.key + 1, scale, w->s, TILE,
                                   w->m + t.query, w->l + t.query, w->alpha);
    if (!first) kernels->scale_rows_f32(t.rows, d, w->alpha, c.at, c.row);
    tile_operand p = lm_attention_tile_by_rows(j->compute, &t, w->s, w->p);
    lm_attention_multiply_rows(j->compute, &t, d, first, p, w->v, c);
}

/* The queries of tile `it`: out normalised, and lse. */
static void forward_finish(const forward_job *j, const forward_scratch *w, int64_t it,
                           tile_sums from, lm_array out, float *lse) {
    const lm_kernels *kernels = j->compute->kernels;
    int64_t query = it * TILE, rows = lm_attention_tile_rows(j->a->time, it), d = j->a->head_size;
    float *l = w->l + query, *sum = from.at + query * from.row;
    kernels->attention_finish_f32(rows, w->m + query, l, lse + query);
    kernels->scale_rows_f32(rows, d, l, sum, from.row);
    lm_attention_store(j->compute, query, rows, d, from, out, j->a->out_row);
}

static void forward_task(void *argument, int64_t task, int worker) {
    const forward_job *j = argument;
    const lm_attention *a = j->a;
    int64_t bh = task / j->parts, d = a->head_size;
    int64_t part = j->parts - 1 - task % j->parts; /* the longest first */
    int64_t b = bh / a->heads, h = bh % a->heads, kv = h / (a->heads / a->kv_heads);
    int64_t first = part * j->tiles_per_part;
    int64_t last = lm_min(first + j->tiles_per_part, lm_attention_tiles(a->time));

    lm_arena scratch = lm_compute_scratch(j->compute, worker);
    forward_scratch w = take_forward(&scratch, a->time, d);
    for (int64_t t = first * TILE; t < last * TILE && t < a->time; t++) {
        w.m[t] = -INFINITY;
        w.l[t] = 0.0f;
    }
    int64_t at = b * a->time * a->qkv_row;
    lm_array q = lm_array_from(a->q, at + h * d);                           /* [T, D] */
    lm_array k = lm_array_from(a->k, at + kv * d);                          /* [T, D] */
    lm_array v = lm_array_from(a->v, at + kv * d);                          /* [T, D] */
    lm_array out = lm_array_from(a->out, b * a->time * a->out_row + h * d); /* [T, D] */
    tile_sums sum = lm_attention_sums(out, a->out_row, d, w.out);
    for (int64_t jt = lm_attention_first_tile(a, b, first); jt < last; jt++) {
        int64_t key = jt * TILE * a->qkv_row, cols = lm_attention_tile_rows(a->time, jt);
        lm_attention_pack_transposed(j->compute, cols, d, lm_array_from(k, key), a->qkv_row, w.kt);
        lm_attention_pack_lines(j->compute, cols, d, lm_array_from(v, key), a->qkv_row, w.v);
        for (int64_t it = lm_max(jt, first); it < last && lm_attention_sees(a, b, it, jt); it++)
            forward_tile(j, &w, b, lm_attention_tile(a->time, it, jt), q, sum);
    }
    for (int64_t it = first; it < last; it++)
        forward_finish(j, &w, it, sum, out, a->lse + bh * a->time);
}

/* Into how many runs of tiles to cut each of n independent problems: one, unless there are too few
 * problems to keep all workers busy. Each tile's arithmetic is the same wherever it runs. */
static int64_t parts_for(const lm_compute *compute, int64_t n, int64_t most) {
    int64_t want = lm_pool_threads(compute->pool), parts = 1;
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
    forward_job j = {.compute = compute, .a = a, .scale = lm_attention_scale(a->head_size)};
    j.tiles_per_part = lm_divide_up(t, parts);
    j.parts = lm_divide_up(t, j.tiles_per_part);
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_ATTENTION);
    lm_pool_run(compute->pool, n * j.parts, forward_task, &j);
    lm_phase_leave(compute->phases, before);
}

#include "ops/attention.h"

#include <math.h>
#include <stdbool.h>

#include "base/elementary.h"
#include "base/error.h"
#include "ops/attention_mask.h"
#include "ops/attention_tile.h"

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
    lm_attention_multiply_scores(kernels, rows, cols, d, key == query, q, a->qkv_row, w->kt, w->s);
    scale = lm_attention_limit(kernels, a, b, query, key, rows, cols, scale, w->s, NULL);
    kernels->attention_softmax_f32(rows, cols, query - key + 1, scale, w->s, TILE, m, l, w->alpha);
    if (!first) kernels->scale_rows_f32(rows, d, w->alpha, out, a->out_row);
    lm_attention_multiply_rows(kernels, rows, cols, d, key == query, first, w->s, w->v, out,
                               a->out_row);
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
    if (last > lm_attention_tiles(a->time)) last = lm_attention_tiles(a->time);

    float *scratch =
        lm_compute_scratch(j->compute, worker, lm_attention_scratch_bytes(kernels, a->time, d));
    forward_scratch w;
    w.m = lm_attention_take(&scratch, a->time);
    w.l = lm_attention_take(&scratch, a->time);
    w.alpha = lm_attention_take(&scratch, TILE);
    w.s = lm_attention_take(&scratch, TILE * TILE);
    w.kt = lm_attention_take(&scratch, TILE * d);
    w.v = lm_attention_take(&scratch, TILE * d);
    for (int64_t t = first * TILE; t < last * TILE && t < a->time; t++) {
        w.m[t] = -INFINITY;
        w.l[t] = 0.0f;
    }

    const float *q = a->q + b * a->time * a->qkv_row + h * d;  /* [T, D] */
    const float *k = a->k + b * a->time * a->qkv_row + kv * d; /* [T, D] */
    const float *v = a->v + b * a->time * a->qkv_row + kv * d; /* [T, D] */
    float *out = a->out + b * a->time * a->out_row + h * d;    /* [T, D] */
    for (int64_t jt = lm_attention_first_tile(a, b, first); jt < last; jt++) {
        int64_t key = jt * TILE, cols = lm_attention_tile_rows(a->time, jt);
        kernels->pack_f32(cols, TILE, d, k + key * a->qkv_row, a->qkv_row, 1, w.kt);
        lm_attention_copy_rows(cols, d, v + key * a->qkv_row, a->qkv_row, w.v);
        for (int64_t it = jt > first ? jt : first; it < last; it++) {
            int64_t query = it * TILE;
            if (!lm_attention_sees(a, b, it, jt)) break;
            forward_tile(kernels, a, j->scale, &w, b, lm_attention_tile_rows(a->time, it), cols,
                         query, key, q + query * a->qkv_row, w.m + query, w.l + query,
                         out + query * a->out_row);
        }
    }
    for (int64_t it = first; it < last; it++) {
        int64_t query = it * TILE;
        forward_finish(kernels, a, lm_attention_tile_rows(a->time, it), w.m + query, w.l + query,
                       out + query * a->out_row, a->lse + bh * a->time + query);
    }
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
    int64_t n = a->batch * a->heads, t = lm_attention_tiles(a->time);
    LM_ASSERT(a->kv_heads > 0 && a->heads % a->kv_heads == 0);
    if (n == 0 || t == 0) return;
    int64_t parts = parts_for(compute, n, t);
    forward_job j = {.compute = compute, .a = a, .scale = lm_attention_scale(a->head_size)};
    j.tiles_a_part = (t + parts - 1) / parts;
    j.parts = (t + j.tiles_a_part - 1) / j.tiles_a_part;
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_ATTENTION);
    lm_pool_run(compute->pool, n * j.parts, forward_task, &j);
    lm_phase_leave(compute->phases, before);
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
        float scale = lm_attention_scale(head_size);
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

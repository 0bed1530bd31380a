/* Attention of generation: the newest tokens against all keys and values in the cache.
 *
 * Rows that read the same keys are computed together, up to STRIP of them: the heads of a token
 * that share a key/value head, or a head of several tokens. Each row has the bits that it has
 * alone: its scores are dots_f32's, its softmax is over what it sees, and its sum over the values
 * is one chain of multiply-adds. The first row of several tokens sees `common` keys; row r goes on
 * from there over r more. */
#include <math.h>
#include <stdbool.h>

#include "base/error.h"
#include "ops/attention.h"
#include "ops/attention_tile.h"

/* Rows at once: whole register tiles of dots_f32, and of gemm_f32 on most instruction sets. */
enum { STRIP = 12 };
/* A task reads at least so many keys and values, in floats: about 5 us. */
enum { LEAST_ELEMENTS = 16384 };
/* Keys and values of a head that are read once before they are used, in floats: a second cache of
 * 512 KiB holds them. A core reads long streams faster than what a product of one row asks for. */
enum { FETCH_ELEMENTS = 65536 };

typedef struct job {
    const lm_compute *compute;
    const lm_attention_cached *a;
    int64_t chunk; /* strips per task */
} job;

typedef struct scratch {
    float *s;             /* [STRIP, keys]: scores, then probabilities */
    float *m, *l, *alpha; /* [STRIP] */
} scratch;

static scratch take(lm_arena *arena, int64_t most_keys) {
    return (scratch){.s = lm_arena_array(arena, most_keys, STRIP, sizeof(float)),
                     .m = lm_arena_floats(arena, STRIP),
                     .l = lm_arena_floats(arena, STRIP),
                     .alpha = lm_arena_floats(arena, STRIP)};
}

size_t lm_attention_cached_scratch_bytes(int64_t most_keys) {
    lm_arena measure = lm_arena_measuring();
    take(&measure, most_keys);
    return measure.used;
}

/* Rows that see keys from `from` on: `common` of them; row r sees r more if they grow. */
typedef struct strip {
    int64_t rows, kv, from, common;
    bool grow;
    const float *q; /* [rows, D] */
    int64_t q_row;
    float *out; /* [rows, D] */
    int64_t out_row;
} strip;

static void attend(const job *j, const strip *t, const scratch *w) {
    const lm_attention_cached *a = j->a;
    const lm_kernels *k = j->compute->kernels;
    int64_t d = a->head_size, row = a->cache_row, at = t->kv * a->cache_head + t->from * row;
    int64_t keys = t->common + (t->grow ? t->rows - 1 : 0), seen = t->grow ? t->common : keys;
    const float *values = a->values + at;
    float scale = a->scale;
    const int64_t all = (keys - 1) * row + d; /* floats of the keys, and of the values */
    if (t->rows == 1 && 2 * all <= FETCH_ELEMENTS) {
        k->stream_f32(all, a->keys + at, 0, NULL);
        k->stream_f32(all, values, 0, NULL);
    }
    k->dots_f32(t->rows, keys, d, t->q, t->q_row, a->keys + at, row, NULL, w->s, keys);
    if (a->softcap > 0) {
        k->softcap_f32(t->rows * keys, scale / a->softcap, a->softcap, w->s, NULL);
        scale = 1.0f;
    }
    for (int64_t r = 0; r < t->rows; r++) {
        w->m[r] = -INFINITY;
        w->l[r] = 0.0f;
    }
    k->attention_softmax_f32(t->rows, keys, seen, scale, w->s, keys, w->m, w->l, w->alpha);
    k->gemm_f32(t->rows, d, t->common, w->s, keys, 1, values, row, NULL, 0, t->out, t->out_row);
    for (int64_t r = 0; r < t->rows; r++) {
        float *out = t->out + r * t->out_row;
        if (t->grow && r > 0)
            k->gemm_f32(1, d, r, w->s + r * keys + t->common, keys, 1, values + t->common * row,
                        row, out, t->out_row, out, t->out_row);
        k->scale_f32(d, 1.0f / w->l[r], out);
    }
}

/* The first key that the token sees. */
static int64_t seen_from(const lm_attention_cached *a, int64_t token) {
    int64_t from = a->window > 0 ? lm_max(a->position + token + 1 - a->window, 0) : 0;
    return a->documents ? lm_max(from, a->documents[token]) : from;
}

/* The heads of one token that read the key/value head kv. */
static void attend_heads(const job *j, int64_t token, int64_t kv, const scratch *w) {
    const lm_attention_cached *a = j->a;
    int64_t d = a->head_size, group = a->heads / a->kv_heads, from = seen_from(a, token);
    for (int64_t g = 0; g < group; g += STRIP) {
        int64_t at = (kv * group + g) * d;
        strip t = {.rows = lm_min(group - g, STRIP),
                   .kv = kv,
                   .from = from,
                   .common = a->position + token + 1 - from,
                   .q = a->q + token * a->q_row + at,
                   .q_row = d,
                   .out = a->out + token * a->out_row + at,
                   .out_row = d};
        attend(j, &t, w);
    }
}

/* The same of n tokens that see keys from `from` on, head by head. */
static void attend_tokens(const job *j, int64_t token, int64_t n, int64_t kv, int64_t from,
                          const scratch *w) {
    const lm_attention_cached *a = j->a;
    int64_t d = a->head_size, group = a->heads / a->kv_heads;
    for (int64_t h = kv * group; h < (kv + 1) * group; h++) {
        strip t = {.rows = n,
                   .kv = kv,
                   .from = from,
                   .common = a->position + token + 1 - from,
                   .grow = true,
                   .q = a->q + token * a->q_row + h * d,
                   .q_row = a->q_row,
                   .out = a->out + token * a->out_row + h * d,
                   .out_row = a->out_row};
        attend(j, &t, w);
    }
}

/* Strip i: up to STRIP tokens, one key/value head. */
static void attend_strip(const job *j, int64_t i, const scratch *w) {
    const lm_attention_cached *a = j->a;
    int64_t kv = i % a->kv_heads, token = i / a->kv_heads * STRIP;
    int64_t n = lm_min(a->tokens - token, STRIP), from = seen_from(a, token);
    bool together = n > 1;
    for (int64_t t = token; t < token + n; t++) together &= seen_from(a, t) == from;
    if (together)
        attend_tokens(j, token, n, kv, from, w);
    else
        for (int64_t t = token; t < token + n; t++) attend_heads(j, t, kv, w);
}

static void task(void *argument, int64_t number, int worker) {
    const job *j = argument;
    const lm_attention_cached *a = j->a;
    int64_t strips = a->kv_heads * lm_divide_up(a->tokens, STRIP);
    int64_t begin = number * j->chunk, end = lm_min(begin + j->chunk, strips);
    lm_arena arena = lm_compute_scratch(j->compute, worker);
    scratch w = take(&arena, a->position + a->tokens);
    for (int64_t i = begin; i < end; i++) attend_strip(j, i, &w);
}

void lm_attention_cached_f32(const lm_compute *compute, const lm_attention_cached *a) {
    LM_ASSERT(a->tokens > 0 && a->kv_heads > 0 && a->heads % a->kv_heads == 0);
    int64_t strips = a->kv_heads * lm_divide_up(a->tokens, STRIP);
    int64_t each = 2 * (a->position + a->tokens) * a->head_size * (a->heads / a->kv_heads);
    job j = {.compute = compute,
             .a = a,
             .chunk = lm_max(LEAST_ELEMENTS / (each * lm_min(a->tokens, STRIP)), 1)};
    lm_phase before = lm_phase_enter(compute->phases, LM_PHASE_ATTENTION);
    lm_pool_run(compute->pool, lm_divide_up(strips, j.chunk), task, &j);
    lm_phase_leave(compute->phases, before);
}

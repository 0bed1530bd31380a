#include "ops/attention_mask.h"

/* At any scale of 1e-6 or more, exp of its difference to a real score is 0. A power of two, so that
 * it times any scale is exact: of a query that sees nothing in a tile, the softmax takes it from
 * itself, and must not find a rounding error of 1e22 to exponentiate. A soft cap never sees it: the
 * cap comes first. */
#define UNSEEN (-0x1p100f)

int64_t lm_attention_first_seen(const lm_attention *a, int64_t b, int64_t t) {
    int64_t first = a->documents ? a->documents[b * a->time + t] : 0;
    return a->window > 0 ? lm_max(t - a->window + 1, first) : first;
}

int64_t lm_attention_first_tile(const lm_attention *a, int64_t b, int64_t it) {
    return lm_attention_first_seen(a, b, it * TILE) / TILE;
}

/* first_seen of each strip's first query, and for each strip of keys the queries before the first
 * one that sees only later keys. */
static void mask_strips(const lm_attention *a, int64_t b, tile *t) {
    for (int64_t s = 0; s < LM_ATTENTION_STRIPS; s++) {
        int64_t i = lm_min(s * LM_ATTENTION_STRIP, t->rows - 1), end = (s + 1) * LM_ATTENTION_STRIP;
        int64_t first = lm_max(lm_attention_first_seen(a, b, t->query + i) - t->key, 0);
        int64_t until = s > 0 ? t->until[s - 1] : 0;
        while (until < t->rows && lm_attention_first_seen(a, b, t->query + until) - t->key < end)
            until++;
        t->from[s] = (uint8_t)(first < t->cols ? first / 16 * 16 : t->cols);
        t->until[s] = (uint8_t)until;
    }
}

tile lm_attention_tile(const lm_attention *a, int64_t b, int64_t it, int64_t jt) {
    tile t = {.it = it,
              .jt = jt,
              .query = it * TILE,
              .key = jt * TILE,
              .rows = lm_attention_tile_rows(a->time, it),
              .cols = lm_attention_tile_rows(a->time, jt),
              .diagonal = it == jt};
    t.masked = lm_attention_first_seen(a, b, t.query + t.rows - 1) > t.key;
    if (t.masked) mask_strips(a, b, &t);
    return t;
}

float lm_attention_limit(const lm_kernels *kernels, const lm_attention *a, int64_t b, const tile *t,
                         float scale, float *s, float *slope) {
    for (int64_t i = 0; i < t->rows && a->softcap > 0; i++)
        kernels->softcap_f32(lm_min(t->query - t->key + i + 1, t->cols), scale / a->softcap,
                             a->softcap, s + i * TILE, slope ? slope + i * TILE : NULL);
    if (t->masked)
        for (int64_t i = 0; i < t->rows; i++) {
            int64_t first = lm_attention_first_seen(a, b, t->query + i) - t->key;
            for (int64_t j = 0; j < lm_min(first, t->cols); j++) s[i * TILE + j] = UNSEEN;
        }
    return a->softcap > 0 ? 1.0f : scale;
}

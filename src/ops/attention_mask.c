#include "ops/attention_mask.h"

/* At any scale of 1e-3 or more, exp of its difference to a real score is 0. A soft cap never sees
 * it: the cap comes first. */
#define UNSEEN (-1e30f)

int64_t lm_attention_first_seen(const lm_attention *a, int64_t b, int64_t t) {
    int64_t first = a->documents ? a->documents[b * a->time + t] : 0;
    return a->window > 0 ? lm_max(t - a->window + 1, first) : first;
}

int64_t lm_attention_first_tile(const lm_attention *a, int64_t b, int64_t it) {
    return lm_attention_first_seen(a, b, it * TILE) / TILE;
}

float lm_attention_limit(const lm_kernels *kernels, const lm_attention *a, int64_t b, const tile *t,
                         float scale, float *s, float *slope) {
    for (int64_t i = 0; i < t->rows && a->softcap > 0; i++)
        kernels->softcap_f32(lm_min(t->query - t->key + i + 1, t->cols), scale / a->softcap,
                             a->softcap, s + i * TILE, slope ? slope + i * TILE : NULL);
    if (lm_attention_first_seen(a, b, t->query + t->rows - 1) > t->key)
        for (int64_t i = 0; i < t->rows; i++) {
            int64_t first = lm_attention_first_seen(a, b, t->query + i) - t->key;
            for (int64_t j = 0; j < lm_min(first, t->cols); j++) s[i * TILE + j] = UNSEEN;
        }
    return a->softcap > 0 ? 1.0f : scale;
}

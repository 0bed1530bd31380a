#include "ops/attention_mask.h"

#include "ops/attention_tile.h"

/* times any scale of 1e-3 or more, exp of the difference to a real score is 0; its square does not
 * meet a soft cap, which comes first */
#define UNSEEN (-1e30f)

int64_t lm_attention_first_seen(const lm_attention *a, int64_t b, int64_t t) {
    int64_t first = a->documents ? a->documents[b * a->time + t] : 0;
    return a->window > 0 ? lm_max(t - a->window + 1, first) : first;
}

int64_t lm_attention_first_tile(const lm_attention *a, int64_t b, int64_t it) {
    return lm_attention_first_seen(a, b, it * LM_ATTENTION_TILE) / LM_ATTENTION_TILE;
}

float lm_attention_limit(const lm_kernels *kernels, const lm_attention *a, int64_t b, int64_t query,
                         int64_t key, int64_t rows, int64_t cols, float scale, float *s,
                         float *slope) {
    for (int64_t i = 0; i < rows && a->softcap > 0; i++)
        kernels->softcap_f32(lm_min(query - key + i + 1, cols), scale / a->softcap, a->softcap,
                             s + i * LM_ATTENTION_TILE,
                             slope ? slope + i * LM_ATTENTION_TILE : NULL);
    if (lm_attention_first_seen(a, b, query + rows - 1) > key)
        for (int64_t i = 0; i < rows; i++) {
            int64_t unseen = lm_min(lm_attention_first_seen(a, b, query + i) - key, cols);
            for (int64_t j = 0; j < unseen; j++) s[i * LM_ATTENTION_TILE + j] = UNSEEN;
        }
    return a->softcap > 0 ? 1.0f : scale;
}

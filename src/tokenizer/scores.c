#include "tokenizer/scores.h"

#include <math.h>
#include <stdlib.h>

typedef struct scored {
    float score;
    int32_t id;
} scored;

static int by_score(const void *a, const void *b) {
    const scored *x = a, *y = b;
    if (x->score != y->score) return x->score > y->score ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* Can a merge make it? Then it has two characters at least. */
static bool is_made(const lm_vocabulary *v, int64_t id) {
    size_t size;
    const char *bytes = (const char *)lm_vocabulary_bytes(v, id, &size);
    return !v->tokens[id].hidden && size > 0 && lm_text_utf8_length(bytes, size) != size;
}

/* Is the order of scores that of ids, among tokens that merges make? */
static bool in_order(const lm_vocabulary *v, const float *scores) {
    int64_t before = -1;
    for (int64_t id = 0; id < v->n_tokens; id++) {
        if (!is_made(v, id)) continue;
        if (before >= 0 && !(scores[before] > scores[id])) return false;
        before = id;
    }
    return true;
}

lm_status lm_vocabulary_set_scores(lm_vocabulary *v, const float *scores, lm_error *err) {
    size_t n = (size_t)v->n_tokens;
    v->by_ranks = true;
    for (int64_t id = 0; id < v->n_tokens; id++)
        if (isnan(scores[id]))
            return lm_error_set(err, LM_ERR_USAGE, "token %d: its score is not a number", (int)id);
    if (in_order(v, scores)) return LM_OK;
    scored *list = malloc((n + 1) * sizeof *list);
    v->ranks = malloc((n + 1) * sizeof *v->ranks);
    if (!list || !v->ranks) {
        free(list);
        return lm_error_no_memory(err, "a tokenizer");
    }
    for (size_t i = 0; i < n; i++) list[i] = (scored){scores[i], (int32_t)i};
    qsort(list, n, sizeof *list, by_score);
    for (size_t i = 0, rank = 0; i < n; i++) {
        if (i > 0 && list[i].score != list[i - 1].score) rank++;
        v->ranks[list[i].id] = (uint32_t)rank;
    }
    free(list);
    return LM_OK;
}

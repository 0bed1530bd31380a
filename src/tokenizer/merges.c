/* The merges of a vocabulary, also of one that has ranks in their place. */
#include <stdlib.h>

#include "base/numbers.h"
#include "tokenizer/vocabulary.h"

typedef struct halves {
    int32_t left, right;
    size_t left_size;
} halves;

static int by_parts(const void *a, const void *b) {
    const halves *x = a, *y = b;
    if (x->left != y->left) return x->left < y->left ? -1 : 1;
    return x->right < y->right ? -1 : x->right > y->right;
}

/* The pairs of tokens that make up these bytes, in rising order of their ids: their number. */
static size_t find_halves(const lm_bpe *b, const unsigned char *bytes, size_t size, halves *list) {
    size_t n = 0;
    for (size_t i = 1; i < size; i++) {
        halves h = {lm_bpe_find(b, bytes, i), lm_bpe_find(b, bytes + i, size - i), i};
        if (h.left >= 0 && h.right >= 0) list[n++] = h;
    }
    if (n > 1) qsort(list, n, sizeof *list, by_parts);
    return n;
}

typedef struct ranked {
    uint32_t rank;
    int32_t id;
} ranked;

static int by_rank(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->rank != y->rank) return x->rank < y->rank ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* The tokens that text may become, in rising rank: [v->n_tokens], malloc'd, of which *n count. */
static ranked *order_tokens(const lm_vocabulary *v, size_t *n, size_t *longest) {
    ranked *order = malloc(((size_t)v->n_tokens + 1) * sizeof *order);
    *n = *longest = 0;
    for (int64_t id = 0; order && id < v->n_tokens; id++) {
        if (v->tokens[id].hidden || v->tokens[id].size == 0) continue;
        order[(*n)++] = (ranked){v->ranks ? v->ranks[id] : (uint32_t)id, (int32_t)id};
        *longest = lm_size_max(*longest, v->tokens[id].size);
    }
    if (order && v->ranks) qsort(order, *n, sizeof *order, by_rank);
    return order;
}

static lm_status each_pair(const lm_vocabulary *v, lm_merge_taker *take, void *to, lm_error *err) {
    lm_bpe *b = NULL;
    size_t tokens, longest, room;
    halves *list = NULL;
    lm_status status = lm_bpe_create_from(&b, v, err);
    if (status != LM_OK) return status;
    ranked *order = order_tokens(v, &tokens, &longest);
    if (order && lm_size_mul(longest + 1, sizeof *list, &room)) list = malloc(room);
    if (!list) status = lm_error_no_memory(err, "a tokenizer");
    for (size_t i = 0; list && i < tokens; i++) {
        size_t size;
        const unsigned char *bytes = lm_vocabulary_bytes(v, order[i].id, &size);
        size_t n = find_halves(b, bytes, size, list);
        for (size_t j = 0; j < n; j++) take(to, bytes, list[j].left_size, size - list[j].left_size);
    }
    free(list);
    free(order);
    lm_bpe_free(b);
    return status;
}

lm_status lm_vocabulary_each_merge(const lm_vocabulary *v, lm_merge_taker *take, void *to,
                                   lm_error *err) {
    if (v->by_ranks) return each_pair(v, take, to, err);
    for (int64_t i = 0; i < v->n_merges; i++) {
        lm_bpe_merge m = v->merges[i];
        take(to, (const unsigned char *)lm_text_cstr(&v->bytes) + m.at, m.left, m.right);
    }
    return LM_OK;
}

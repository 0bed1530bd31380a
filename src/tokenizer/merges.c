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

static lm_status each_pair(const lm_vocabulary *v, lm_merge_taker *take, void *to, lm_error *err) {
    lm_bpe *b = NULL;
    size_t longest = 0, bytes_of_list;
    lm_status status = lm_bpe_create_from(&b, v, err);
    if (status != LM_OK) return status;
    for (int64_t id = 0; id < v->n_tokens; id++)
        longest = lm_size_max(longest, v->tokens[id].hidden ? 0 : v->tokens[id].size);
    halves *list = NULL;
    if (lm_size_mul(longest + 1, sizeof *list, &bytes_of_list)) list = malloc(bytes_of_list);
    if (!list) status = lm_error_no_memory(err, "a tokenizer");
    for (int64_t id = 0; id < v->n_tokens && status == LM_OK; id++) {
        size_t size;
        const unsigned char *bytes = lm_vocabulary_bytes(v, id, &size);
        size_t n = v->tokens[id].hidden ? 0 : find_halves(b, bytes, size, list);
        for (size_t i = 0; i < n; i++) take(to, bytes, list[i].left_size, size - list[i].left_size);
    }
    free(list);
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

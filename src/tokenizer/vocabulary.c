#include "tokenizer/vocabulary.h"

#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "tokenizer/names.h"

static lm_status no_memory(lm_error *err) {
    return lm_error_no_memory(err, "a tokenizer's vocabulary");
}

/* The list with room for `need` elements of `size` bytes; NULL without memory, the list stays. */
static void *room_for(void *list, int64_t *capacity, int64_t need, size_t size) {
    if (need <= *capacity) return list;
    int64_t room = lm_max(need, lm_max(256, 2 * *capacity));
    size_t bytes;
    if (!lm_size_mul((size_t)room, size, &bytes)) return NULL;
    void *grown = realloc(list, bytes);
    if (grown) *capacity = room;
    return grown;
}

static lm_status append(lm_vocabulary *v, const void *bytes, size_t size, uint64_t *at,
                        lm_error *err) {
    *at = v->bytes.length;
    lm_text_append(&v->bytes, bytes, size);
    return v->bytes.failed ? no_memory(err) : LM_OK;
}

/* Ids up to this one exist. */
static lm_status reach(lm_vocabulary *v, int64_t id, lm_error *err) {
    LM_ASSERT(id >= 0 && id < LM_BPE_VOCAB_MOST);
    if (id < v->n_tokens) return LM_OK;
    lm_bpe_token *tokens = room_for(v->tokens, &v->tokens_capacity, id + 1, sizeof *tokens);
    if (!tokens) return no_memory(err);
    v->tokens = tokens;
    memset(v->tokens + v->n_tokens, 0, (size_t)(id + 1 - v->n_tokens) * sizeof *v->tokens);
    v->n_tokens = id + 1;
    return LM_OK;
}

lm_status lm_vocabulary_put(lm_vocabulary *v, int64_t id, const void *bytes, size_t size,
                            lm_error *err) {
    lm_status status = reach(v, id, err);
    if (status != LM_OK) return status;
    if (v->tokens[id].size > 0)
        return lm_error_set(err, LM_ERR_USAGE, "two tokens have the id %lld", (long long)id);
    if (size == 0 || size > UINT32_MAX)
        return lm_error_set(err, LM_ERR_USAGE, "token %lld has %zu bytes", (long long)id, size);
    v->tokens[id].size = (uint32_t)size;
    return append(v, bytes, size, &v->tokens[id].at, err);
}

lm_status lm_vocabulary_put_bytes(lm_vocabulary *v, lm_error *err) {
    lm_status status = LM_OK;
    for (int i = 0; i < 256 && status == LM_OK; i++) {
        unsigned char byte = (unsigned char)i;
        status = lm_vocabulary_put(v, i, &byte, 1, err);
    }
    return status;
}

lm_status lm_vocabulary_merge(lm_vocabulary *v, const void *left, size_t left_size,
                              const void *right, size_t right_size, lm_error *err) {
    uint64_t at, behind;
    lm_bpe_merge *merges =
        room_for(v->merges, &v->merges_capacity, v->n_merges + 1, sizeof *merges);
    if (!merges) return no_memory(err);
    v->merges = merges;
    lm_status status = append(v, left, left_size, &at, err);
    if (status == LM_OK) status = append(v, right, right_size, &behind, err);
    if (status != LM_OK) return status;
    v->merges[v->n_merges++] = (lm_bpe_merge){at, (uint32_t)left_size, (uint32_t)right_size};
    return LM_OK;
}

lm_status lm_vocabulary_add(lm_vocabulary *v, lm_added_token added, const void *text, size_t size,
                            lm_error *err) {
    lm_status status = reach(v, added.id, err);
    if (status != LM_OK) return status;
    if (size == 0 || size > UINT32_MAX)
        return lm_error_set(err, LM_ERR_USAGE, "added token %d is empty", (int)added.id);
    lm_added_token *list = room_for(v->added, &v->added_capacity, v->n_added + 1, sizeof *list);
    if (!list) return no_memory(err);
    v->added = list;
    if (v->tokens[added.id].added)
        return lm_error_set(err, LM_ERR_USAGE, "two added tokens have the id %d", (int)added.id);
    size_t had;
    const unsigned char *before = lm_vocabulary_bytes(v, added.id, &had);
    lm_bpe_token *t = &v->tokens[added.id];
    bool stays = had > 0 && v->form == LM_FORM_SENTENCE && !t->hidden;
    stays |= had == size && memcmp(before, text, size) == 0;
    if ((status = append(v, text, size, &added.at, err)) != LM_OK) return status;
    added.size = (uint32_t)size;
    v->added[v->n_added++] = added;
    if (!stays) *t = (lm_bpe_token){.at = added.at, .size = added.size, .hidden = true};
    t->added = true;
    return LM_OK;
}

lm_status lm_vocabulary_add_pattern(lm_vocabulary *v, const char *pattern, lm_error *err) {
    LM_ASSERT(v->n_patterns < LM_PATTERN_MOST);
    v->patterns[v->n_patterns] = strdup(pattern);
    if (!v->patterns[v->n_patterns]) return no_memory(err);
    v->n_patterns++;
    return LM_OK;
}

static void drop_patterns(lm_vocabulary *v) {
    while (v->n_patterns > 0) free(v->patterns[--v->n_patterns]);
}

void lm_vocabulary_find_split(lm_vocabulary *v) {
    const lm_split *split = NULL;
    if (v->n_patterns == 1) split = lm_split_of_pattern(v->patterns[0]);
    /* Digits one by one, then the pieces of GPT-2. */
    if (v->n_patterns == 2 && strcmp(v->patterns[0], LM_SPLIT_DIGITS) == 0 &&
        lm_split_of_pattern(v->patterns[1]) == lm_split_find("gpt2"))
        split = lm_split_find("digits");
    if (!split) return;
    v->split = split;
    drop_patterns(v);
}

const unsigned char *lm_vocabulary_added_text(const lm_vocabulary *v, int64_t i, size_t *size) {
    *size = v->added[i].size;
    return (const unsigned char *)lm_text_cstr(&v->bytes) + v->added[i].at;
}

void lm_vocabulary_decode(const lm_vocabulary *v, int64_t id, lm_text *out) {
    size_t size;
    const unsigned char *bytes = lm_vocabulary_bytes(v, id, &size);
    bool name = v->tokens[id].hidden && !v->tokens[id].byte && v->form == LM_FORM_SENTENCE;
    if (!name || !lm_name_parse(v->form, (const char *)bytes, size, out))
        lm_text_append(out, bytes, size);
}

int32_t lm_vocabulary_find_added(const lm_vocabulary *v, const char *text) {
    for (int64_t i = 0; i < v->n_added; i++) {
        size_t size;
        const unsigned char *bytes = lm_vocabulary_added_text(v, i, &size);
        if (size == strlen(text) && memcmp(bytes, text, size) == 0) return v->added[i].id;
    }
    return -1;
}

int32_t lm_vocabulary_end_of_text(const lm_vocabulary *v) {
    static const char *const names[] = {
        "<|endoftext|>",
        "<|end_of_text|>",
        "</s>",
        "<eos>",
        "<|eos|>",
        "[EOS]",
        "<\uFF5Cend\u2581of\u2581sentence\uFF5C>", /* DeepSeek */
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int32_t id = lm_vocabulary_find_added(v, names[i]);
        if (id >= 0) return id;
    }
    return -1;
}

const unsigned char *lm_vocabulary_bytes(const lm_vocabulary *v, int64_t id, size_t *size) {
    LM_ASSERT(id >= 0 && id < v->n_tokens);
    *size = v->tokens[id].size;
    return (const unsigned char *)lm_text_cstr(&v->bytes) + v->tokens[id].at;
}

void lm_vocabulary_free(lm_vocabulary *v) {
    lm_text_free(&v->bytes);
    free(v->tokens);
    free(v->merges);
    free(v->added);
    free(v->ranks);
    drop_patterns(v);
    *v = (lm_vocabulary){0};
}

lm_status lm_bpe_create_from(lm_bpe **b, const lm_vocabulary *v, lm_error *err) {
    const lm_bpe_source source = {.n_tokens = v->n_tokens,
                                  .tokens = v->tokens,
                                  .bytes = (const unsigned char *)lm_text_cstr(&v->bytes),
                                  .merges = v->merges,
                                  .n_merges = v->n_merges,
                                  .by_ranks = v->by_ranks,
                                  .whole_first = v->whole_first,
                                  .scan = v->split ? v->split->scan : NULL,
                                  .patterns = (const char *const *)v->patterns,
                                  .n_patterns = v->n_patterns,
                                  .characters = v->form == LM_FORM_SENTENCE,
                                  .each_space = v->each_space,
                                  .ranks = v->ranks};
    return lm_bpe_create(b, &source, err);
}

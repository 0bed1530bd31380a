#include "tokenizer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

/* One row a kind. encode appends to ids, whose room for one id a byte is there already. */
typedef struct kind {
    const char *name;
    int64_t vocab_size;
    double bytes_per_token;
    int64_t (*encode)(const char *text, size_t size, int32_t *ids);
    void (*decode)(int32_t id, lm_text *out);
} kind;

static int64_t bytes_encode(const char *text, size_t size, int32_t *ids) {
    for (size_t i = 0; i < size; i++) ids[i] = (unsigned char)text[i];
    return (int64_t)size;
}

static void bytes_decode(int32_t id, lm_text *out) {
    unsigned char byte = (unsigned char)id;
    lm_text_append(out, &byte, 1);
}

static const kind kinds[] = {
    {"bytes", 256, 1, bytes_encode, bytes_decode},
};
enum { COUNT = sizeof kinds / sizeof *kinds };

struct lm_tokenizer {
    const kind *kind;
};

const char *lm_tokenizer_name(int i) {
    return i >= 0 && i < COUNT ? kinds[i].name : NULL;
}

static const char *candidate(int i, const void *context) {
    (void)context;
    return lm_tokenizer_name(i);
}

lm_status lm_tokenizer_open(lm_tokenizer **t, const char *name, lm_error *err) {
    *t = NULL;
    for (int i = 0; i < COUNT; i++) {
        if (strcmp(kinds[i].name, name) != 0) continue;
        *t = malloc(sizeof **t);
        if (!*t) return lm_error_set(err, LM_ERR_RUNTIME, "out of memory for a tokenizer");
        (*t)->kind = &kinds[i];
        return LM_OK;
    }
    char near[LM_TEXT_SUGGESTION_SIZE];
    lm_text_did_you_mean(near, lm_text_nearest(name, candidate, NULL));
    lm_text known = {0};
    for (int i = 0; i < COUNT; i++) lm_text_printf(&known, "%s%s", i ? ", " : "", kinds[i].name);
    lm_error_set(err, LM_ERR_USAGE, "no tokenizer \"%s\"%s; expected one of: %s", name, near,
                 lm_text_cstr(&known));
    lm_text_free(&known);
    return err->code;
}

void lm_tokenizer_close(lm_tokenizer *t) {
    free(t);
}

int64_t lm_tokenizer_vocab_size(const lm_tokenizer *t) {
    return t->kind->vocab_size;
}
const char *lm_tokenizer_kind(const lm_tokenizer *t) {
    return t->kind->name;
}
double lm_tokenizer_bytes_per_token(const lm_tokenizer *t) {
    return t->kind->bytes_per_token;
}

lm_status lm_tokenizer_encode(const lm_tokenizer *t, const char *text, size_t size, int32_t **ids,
                              int64_t *count, int64_t *capacity, lm_error *err) {
    if (size > (size_t)INT64_MAX / sizeof **ids - (size_t)*count) goto no_memory;
    int64_t need = *count + (int64_t)size;
    if (need > *capacity) {
        int64_t room = need > 2 * *capacity ? need : 2 * *capacity;
        int32_t *grown = realloc(*ids, (size_t)room * sizeof *grown);
        if (!grown) goto no_memory;
        *ids = grown;
        *capacity = room;
    }
    if (size > 0) *count += t->kind->encode(text, size, *ids + *count);
    return LM_OK;
no_memory:
    return lm_error_set(err, LM_ERR_RUNTIME, "out of memory for the tokens of %zu bytes", size);
}

void lm_tokenizer_decode(const lm_tokenizer *t, int32_t id, lm_text *out) {
    if (id >= 0 && id < t->kind->vocab_size) t->kind->decode(id, out);
}

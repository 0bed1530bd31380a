#include "tokenizer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "tokenizer/kind.h"

static const lm_tokenizer_row *const kinds[] = {
    &lm_tokenizer_bytes,
};
enum { COUNT = sizeof kinds / sizeof *kinds };

/* ---- a tokenizer ------------------------------------------------------------------------------*/

const char *lm_tokenizer_name(int i) {
    return i >= 0 && i < COUNT ? kinds[i]->name : NULL;
}

static const char *candidate(int i, const void *context) {
    (void)context;
    return lm_tokenizer_name(i);
}

static lm_status unknown(const char *name, lm_error *err) {
    char near[LM_TEXT_SUGGESTION_SIZE];
    lm_text known = {0};
    lm_text_did_you_mean(near, lm_text_nearest(name, candidate, NULL));
    for (int i = 0; i < COUNT; i++) lm_text_printf(&known, "%s%s", i ? ", " : "", kinds[i]->name);
    lm_error_set(err, LM_ERR_USAGE, "no tokenizer \"%s\"%s; expected one of: %s", name, near,
                 lm_text_cstr(&known));
    lm_text_free(&known);
    return err->code;
}

lm_status lm_tokenizer_open_kind(lm_tokenizer **out, const lm_tokenizer_row *kind, lm_error *err) {
    *out = NULL;
    lm_tokenizer *t = calloc(1, sizeof *t);
    if (!t) return lm_error_no_memory(err, kind->name);
    t->kind = kind;
    lm_status status = kind->open(t, err);
    if (status == LM_OK) {
        *out = t;
    } else {
        lm_tokenizer_close(t);
    }
    return status;
}

lm_status lm_tokenizer_open(lm_tokenizer **t, const char *name, lm_error *err) {
    *t = NULL;
    for (int i = 0; i < COUNT; i++)
        if (strcmp(kinds[i]->name, name) == 0) return lm_tokenizer_open_kind(t, kinds[i], err);
    return unknown(name, err);
}

void lm_tokenizer_close(lm_tokenizer *t) {
    if (t && t->kind->close) t->kind->close(t);
    free(t);
}

const char *lm_tokenizer_kind(const lm_tokenizer *t) {
    return t->kind->name;
}
int64_t lm_tokenizer_vocab_size(const lm_tokenizer *t) {
    return t->vocab_size;
}
int32_t lm_tokenizer_separator(const lm_tokenizer *t) {
    return t->separator;
}
double lm_tokenizer_bytes_per_token(const lm_tokenizer *t) {
    return t->bytes_per_token;
}

void lm_tokenizer_decode(const lm_tokenizer *t, int32_t id, lm_text *out) {
    if (id >= 0 && id < t->vocab_size) t->kind->decode(t, id, out);
}

/* ---- encoding ---------------------------------------------------------------------------------*/

lm_status lm_token_list_reserve(lm_token_list *list, size_t n, lm_error *err) {
    size_t need, bytes;
    if (!lm_size_add((size_t)list->count, n, &need)) goto no_memory;
    if (need <= (size_t)list->capacity) return LM_OK;
    need = lm_size_max(need, 2 * (size_t)list->capacity);
    if (!lm_size_mul(need, sizeof *list->ids, &bytes)) goto no_memory;
    int32_t *grown = realloc(list->ids, bytes);
    if (!grown) goto no_memory;
    list->ids = grown;
    list->capacity = (int64_t)need;
    return LM_OK;
no_memory:
    return lm_error_set(err, LM_ERR_RUNTIME, "out of memory for %zu more tokens", n);
}

void lm_token_list_free(lm_token_list *list) {
    free(list->ids);
    *list = (lm_token_list){0};
}

lm_status lm_encoder_open(lm_encoder **out, const lm_tokenizer *t, lm_error *err) {
    *out = NULL;
    lm_encoder *e = calloc(1, sizeof *e);
    if (!e) return lm_error_no_memory(err, t->kind->name);
    e->tokenizer = t;
    lm_status status = t->kind->encoder_open ? t->kind->encoder_open(e, err) : LM_OK;
    if (status == LM_OK) {
        *out = e;
    } else {
        lm_encoder_close(e);
    }
    return status;
}

void lm_encoder_close(lm_encoder *e) {
    if (e && e->tokenizer->kind->encoder_close) e->tokenizer->kind->encoder_close(e);
    free(e);
}

lm_status lm_encoder_put(lm_encoder *e, const char *text, size_t size, lm_token_list *tokens,
                         lm_error *err) {
    return e->tokenizer->kind->encode(e, text, size, false, tokens, err);
}

lm_status lm_encoder_finish(lm_encoder *e, lm_token_list *tokens, lm_error *err) {
    return e->tokenizer->kind->encode(e, "", 0, true, tokens, err);
}

lm_status lm_tokenizer_encode(const lm_tokenizer *t, const char *text, size_t size,
                              lm_token_list *tokens, lm_error *err) {
    lm_encoder *e;
    lm_status status = lm_encoder_open(&e, t, err);
    if (status == LM_OK) status = t->kind->encode(e, text, size, true, tokens, err);
    lm_encoder_close(e);
    return status;
}

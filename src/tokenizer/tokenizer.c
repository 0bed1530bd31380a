#include "tokenizer/tokenizer.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/numbers.h"
#include "tokenizer/kind.h"
#include "tokenizer/load.h"

static const lm_tokenizer_row *const kinds[] = {
    &lm_tokenizer_bytes,
    &lm_tokenizer_chars,
    &lm_tokenizer_bpe,
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
    for (int i = 0; i < COUNT; i++)
        if (!kinds[i]->open && strcmp(kinds[i]->name, name) == 0)
            return lm_error_set(err, LM_ERR_USAGE,
                                "the tokenizer \"%s\" is read from a file: expected its path",
                                name);
    lm_text_did_you_mean(near, lm_text_nearest(name, candidate, NULL));
    for (int i = 0; i < COUNT; i++)
        if (kinds[i]->open)
            lm_text_printf(&known, "%s%s", known.length ? ", " : "", kinds[i]->name);
    lm_error_set(err, LM_ERR_USAGE,
                 "no tokenizer \"%s\"%s; expected one of: %s, or the path of a tokenizer's file",
                 name, near, lm_text_cstr(&known));
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

static lm_status find_split(const char *name, const lm_split **split, lm_error *err) {
    *split = name ? lm_split_find(name) : NULL;
    if (!name || *split) return LM_OK;
    lm_text known = {0};
    lm_text_list(&known, lm_split_name);
    lm_error_set(err, LM_ERR_USAGE, "no pre-tokenizer \"%s\"; expected one of: %s", name,
                 lm_text_cstr(&known));
    lm_text_free(&known);
    return err->code;
}

static const lm_tokenizer_options by_default = {0};

lm_status lm_tokenizer_open(lm_tokenizer **t, const char *what, const lm_tokenizer_options *o,
                            lm_error *err) {
    const lm_split *split;
    lm_vocabulary v;
    *t = NULL;
    if (!o) o = &by_default;
    lm_status status = find_split(o->pretokenizer, &split, err);
    if (status != LM_OK) return status;
    for (int i = 0; i < COUNT; i++) {
        if (strcmp(kinds[i]->name, what) != 0 || !kinds[i]->open) continue;
        if (split)
            return lm_error_set(
                err, LM_ERR_USAGE,
                "the tokenizer \"%s\" does not split text: leave --pretokenizer out", what);
        return lm_tokenizer_open_kind(t, kinds[i], err);
    }
    if (!lm_file_exists(what)) return unknown(what, err);
    if ((status = lm_vocabulary_load(&v, what, split, err)) != LM_OK) return status;
    status = lm_tokenizer_open_vocabulary(t, &v, o->allow_special, err);
    return status == LM_OK ? LM_OK : lm_error_prefix(err, "%s", what);
}

lm_status lm_tokenizer_parse(lm_tokenizer **t, const char *name, const char *text, size_t size,
                             const lm_tokenizer_options *o, lm_error *err) {
    lm_vocabulary v;
    *t = NULL;
    if (!o) o = &by_default;
    lm_status status = lm_vocabulary_parse(&v, name, text, size, err);
    if (status != LM_OK) return status;
    status = lm_tokenizer_open_vocabulary(t, &v, o->allow_special, err);
    return status == LM_OK ? LM_OK : lm_error_prefix(err, "%s", name);
}

bool lm_tokenizer_has_file(const lm_tokenizer *t) {
    return t->kind->vocabulary != NULL;
}

lm_status lm_tokenizer_vocabulary(const lm_tokenizer *t, lm_vocabulary *made,
                                  const lm_vocabulary **v, lm_error *err) {
    *v = made;
    if (t->kind->vocabulary) {
        *v = t->kind->vocabulary(t);
        return LM_OK;
    }
    /* The bytes: nothing is merged, so that the split does not matter. */
    LM_ASSERT(t->vocab_size == 256);
    made->split = lm_split_find("gpt2");
    made->document_token = t->document_token;
    return lm_vocabulary_put_bytes(made, err);
}

lm_status lm_tokenizer_save(const lm_tokenizer *t, lm_text *out, lm_error *err) {
    lm_vocabulary made = {0};
    const lm_vocabulary *v;
    lm_status status = lm_tokenizer_vocabulary(t, &made, &v, err);
    if (status == LM_OK) status = lm_vocabulary_save(v, out, err);
    lm_vocabulary_free(&made);
    return status;
}

lm_status lm_tokenizer_digest(const lm_tokenizer *t, uint64_t *digest, lm_error *err) {
    lm_text text = {0};
    *digest = 0;
    if (!lm_tokenizer_has_file(t)) return LM_OK;
    lm_status status = lm_tokenizer_save(t, &text, err);
    if (status == LM_OK) *digest = lm_digest_of(text.data, text.length);
    lm_text_free(&text);
    return status;
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
int32_t lm_tokenizer_document_token(const lm_tokenizer *t) {
    return t->document_token;
}
bool lm_tokenizer_begins(const lm_tokenizer *t) {
    return t->begins && t->document_token >= 0;
}
bool lm_tokenizer_separates(const lm_tokenizer *t) {
    return t->separates;
}

int32_t lm_tokenizer_end_token(const lm_tokenizer *t) {
    return t->end_token;
}

int64_t lm_tokenizer_text_bytes(const lm_tokenizer *t, int32_t id) {
    if (id < 0 || id >= t->vocab_size) return 0;
    return t->kind->text_bytes ? t->kind->text_bytes(t, id) : 1;
}

size_t lm_tokenizer_piece(const lm_tokenizer *t, const char *text, size_t size, size_t at) {
    LM_ASSERT(at < size);
    return t->kind->piece ? t->kind->piece(t, text, size, at) : size;
}

void lm_tokenizer_decode(const lm_tokenizer *t, int32_t id, lm_text *out) {
    if (id >= 0 && id < t->vocab_size) t->kind->decode(t, id, out);
}

void lm_tokenizer_decode_first(const lm_tokenizer *t, int32_t id, lm_text *out) {
    size_t before = out->length;
    lm_tokenizer_decode(t, id, out);
    if (out->length == before || out->data[before] != ' ') return;
    if (!t->kind->strips || !t->kind->strips(t)) return;
    out->length--;
    memmove(out->data + before, out->data + before + 1, out->length - before + 1);
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

lm_status lm_token_list_append(lm_token_list *list, int32_t id, lm_error *err) {
    lm_status status = lm_token_list_reserve(list, 1, err);
    if (status == LM_OK) list->ids[list->count++] = id;
    return status;
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
    if (!e) return;
    if (e->tokenizer->kind->encoder_close) e->tokenizer->kind->encoder_close(e);
    free(e);
}

lm_status lm_tokenizer_encode(const lm_tokenizer *t, const char *text, size_t size,
                              lm_token_list *tokens, lm_error *err) {
    lm_encoder *e;
    lm_status status = lm_encoder_open(&e, t, err);
    if (status == LM_OK) status = t->kind->encode(e, text, size, false, tokens, err);
    lm_encoder_close(e);
    return status;
}

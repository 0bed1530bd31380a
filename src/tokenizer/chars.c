#include "tokenizer/chars.h"

#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "tokenizer/unicode.h"

enum { PAGE = 256, PAGES = 0x110000 / PAGE, CONTEXT = 24 };

struct lm_chars {
    int64_t count;
    int32_t *pages[PAGES]; /* [PAGE] ids by the lower bits of the code point; NULL: none */
};

static lm_status put(lm_chars *c, const unsigned char *text, size_t size, int32_t id,
                     lm_error *err) {
    if (lm_text_utf8_length((const char *)text, size) != size)
        return lm_error_set(err, LM_ERR_USAGE, "token %d, \"%.*s\": expected one character",
                            (int)id, (int)lm_size_min(size, 40), text);
    uint32_t code = lm_unicode_code(text, size);
    int32_t **page = &c->pages[code / PAGE];
    if (!*page) {
        *page = malloc(PAGE * sizeof **page);
        if (!*page) return lm_error_no_memory(err, "a tokenizer");
        memset(*page, 0xFF, PAGE * sizeof **page); /* every id -1 */
    }
    int32_t *place = &(*page)[code % PAGE];
    if (*place >= 0)
        return lm_error_set(err, LM_ERR_USAGE, "tokens %d and %d are the same character",
                            (int)*place, (int)id);
    *place = id;
    c->count++;
    return LM_OK;
}

lm_status lm_chars_create(lm_chars **out, const lm_vocabulary *v, lm_error *err) {
    lm_status status = LM_OK;
    lm_chars *c = *out = calloc(1, sizeof *c);
    if (!c) return lm_error_no_memory(err, "a tokenizer");
    for (int64_t id = 0; id < v->n_tokens && status == LM_OK; id++) {
        size_t size;
        const unsigned char *bytes = lm_vocabulary_bytes(v, id, &size);
        if (size > 0 && !v->tokens[id].hidden) status = put(c, bytes, size, (int32_t)id, err);
    }
    if (status == LM_OK && c->count == 0)
        status = lm_error_set(err, LM_ERR_USAGE, "expected characters, found none");
    if (status != LM_OK) {
        lm_chars_free(c);
        *out = NULL;
    }
    return status;
}

void lm_chars_free(lm_chars *c) {
    if (!c) return;
    for (int i = 0; i < PAGES; i++) free(c->pages[i]);
    free(c);
}

/* The text around `at`, between characters. */
static lm_status unknown(const lm_chars *c, const unsigned char *text, size_t size, size_t at,
                         lm_error *err) {
    size_t n = lm_text_utf8_length((const char *)text + at, size - at);
    size_t begin = at - lm_size_min(at, CONTEXT), end = lm_size_min(size, at + CONTEXT);
    while (begin < at && (text[begin] & 0xC0) == 0x80) begin++;
    while (end > at + n && end < size && (text[end] & 0xC0) == 0x80) end--;
    if (n == 0)
        return lm_error_set(err, LM_ERR_USAGE,
                            "the text \"%.*s\": expected characters in UTF-8, found the byte"
                            " 0x%02X",
                            (int)(end - begin), text + begin, text[at]);
    return lm_error_set(err, LM_ERR_USAGE,
                        "the text \"%.*s\": expected the %lld characters of the tokenizer, found"
                        " \"%.*s\" (U+%04X), which is none of them",
                        (int)(end - begin), text + begin, (long long)c->count, (int)n, text + at,
                        (unsigned)lm_unicode_code(text + at, n));
}

lm_status lm_chars_encode(const lm_chars *c, const unsigned char *text, size_t size,
                          lm_token_list *tokens, lm_error *err) {
    lm_status status = lm_token_list_reserve(tokens, size, err);
    if (status != LM_OK) return status;
    int32_t *ids = tokens->ids + tokens->count;
    for (size_t at = 0, n; at < size; at += n) {
        uint32_t code = text[at];
        n = 1;
        if (code >= 0x80) {
            n = lm_text_utf8_length((const char *)text + at, size - at);
            if (n == 0) return unknown(c, text, size, at, err);
            code = lm_unicode_code(text + at, n);
        }
        const int32_t *page = c->pages[code / PAGE];
        int32_t id = page ? page[code % PAGE] : -1;
        if (id < 0) return unknown(c, text, size, at, err);
        *ids++ = id;
    }
    tokens->count = ids - tokens->ids;
    return LM_OK;
}

#include "tokenizer/character_set.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "tokenizer/kind.h"
#include "tokenizer/unicode.h"

enum { CODES = 0x110000, MOST = 4 /* bytes of a character */ };

struct lm_character_set {
    unsigned char seen[CODES]; /* 1: the code point occurs */
    char part[2 * MOST];       /* the beginning of a character whose rest has not come yet */
    size_t part_size;
    uint64_t offset; /* of the next byte in the document, those in `part` not counted */
};

lm_status lm_character_set_create(lm_character_set **s, lm_error *err) {
    *s = calloc(1, sizeof **s);
    return *s ? LM_OK : lm_error_no_memory(err, "a set of characters");
}

void lm_character_set_free(lm_character_set *s) {
    free(s);
}

/* The characters of a text that begins with one: bytes of those that are whole. */
static size_t take(lm_character_set *s, const unsigned char *text, size_t size) {
    size_t at = 0;
    while (at < size) {
        if (text[at] < 0x80) {
            s->seen[text[at++]] = 1;
            continue;
        }
        size_t n = lm_text_utf8_length((const char *)text + at, size - at);
        if (n == 0) break;
        s->seen[lm_unicode_code(text + at, n)] = 1;
        at += n;
    }
    s->offset += at;
    return at;
}

static lm_status not_utf8(const lm_character_set *s, unsigned char byte, lm_error *err) {
    return lm_error_set(err, LM_ERR_USAGE,
                        "byte %" PRIu64 ": expected characters in UTF-8, found the byte 0x%02X",
                        s->offset, byte);
}

/* With the character that was begun before; *used: bytes of the text that it took. */
static lm_status finish_part(lm_character_set *s, const char *text, size_t size, size_t *used,
                             lm_error *err) {
    size_t n = lm_size_min(size, MOST), had = s->part_size;
    *used = 0;
    if (had == 0) return LM_OK;
    memcpy(s->part + had, text, n);
    size_t whole = take(s, (const unsigned char *)s->part, had + n);
    if (whole < had && had + n >= MOST) return not_utf8(s, (unsigned char)s->part[0], err);
    *used = whole < had ? n : whole - had;
    s->part_size = whole < had ? had + n : 0;
    return LM_OK;
}

lm_status lm_character_set_put(lm_character_set *s, const char *text, size_t size, lm_error *err) {
    size_t used;
    lm_status status = finish_part(s, text, size, &used, err);
    if (status != LM_OK || used == size) return status;
    text += used;
    size -= used;
    size_t whole = take(s, (const unsigned char *)text, size);
    if (size - whole >= MOST) return not_utf8(s, (unsigned char)text[whole], err);
    memcpy(s->part, text + whole, size - whole);
    s->part_size = size - whole;
    return LM_OK;
}

lm_status lm_character_set_finish(lm_character_set *s, lm_error *err) {
    if (s->part_size > 0) return not_utf8(s, (unsigned char)s->part[0], err);
    s->offset = 0;
    return LM_OK;
}

lm_status lm_character_set_make(const lm_character_set *s, lm_tokenizer **t, lm_error *err) {
    lm_vocabulary v = {.form = LM_FORM_CHARACTERS, .document_token = -1};
    lm_status status = LM_OK;
    *t = NULL;
    for (uint32_t code = 0; code < CODES && status == LM_OK; code++) {
        char text[MOST];
        if (s->seen[code])
            status = lm_vocabulary_put(&v, v.n_tokens, text, lm_unicode_print(code, text), err);
    }
    if (status == LM_OK) status = lm_tokenizer_open_vocabulary(t, &v, false, err);
    lm_vocabulary_free(&v);
    return status;
}

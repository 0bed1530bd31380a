/* What the scanners are made of: runs of classes, contractions, white space. */
#ifndef LM_TOKENIZER_SCAN_PARTS_H
#define LM_TOKENIZER_SCAN_PARTS_H

#include <stdbool.h>

#include "tokenizer/scan.h"
#include "tokenizer/unicode.h"

typedef struct text_view {
    const unsigned char *text;
    size_t size;
} text_view;

/* Class of the character at `at`, and its length; 0 at the end of the text. */
static inline unsigned class_at(text_view v, size_t at, size_t *length) {
    if (at >= v.size) return 0;
    *length = 1;
    unsigned c = lm_ascii_class[v.text[at]];
    return c ? c : lm_unicode_class(v.text, v.size, at, length);
}

/* End of the longest run from `at` of characters in the classes. */
static inline size_t run_of(text_view v, size_t at, unsigned classes) {
    for (;;) {
        while (at < v.size && (lm_ascii_class[v.text[at]] & classes)) at++;
        if (at >= v.size || v.text[at] < 0x80) return at;
        size_t length;
        if (!(lm_unicode_class(v.text, v.size, at, &length) & classes)) return at;
        at += length;
    }
}

/* The same, of at most `most` characters. */
static inline size_t run_of_few(text_view v, size_t at, unsigned classes, int most) {
    size_t length = 0;
    for (; most > 0 && (class_at(v, at, &length) & classes); most--) at += length;
    return at;
}

static inline bool is_newline(unsigned char c) {
    return c == '\n' || c == '\r';
}

/* An optional space. */
static inline size_t skip_space(text_view v, size_t at) {
    return at + (v.text[at] == ' ');
}

/* End of 's, 't, 're, 've, 'm, 'll or 'd at `at`; at when there is none. Without regard to case the
 * long s (U+017F) is an s. */
static inline size_t contraction(text_view v, size_t at, bool any_case) {
    if (v.size - at < 2 || v.text[at] != '\'') return at;
    unsigned char fold = any_case ? 0x20 : 0, a = v.text[at + 1] | fold;
    if (a == 's' || a == 't' || a == 'm' || a == 'd') return at + 2;
    if (v.size - at < 3) return at;
    unsigned char b = v.text[at + 2] | fold;
    if ((a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l')) return at + 3;
    if (any_case && v.text[at + 1] == 0xC5 && v.text[at + 2] == 0xBF) return at + 3;
    return at;
}

/* First byte of the character that ends before `end`, in a run of valid white space. */
static inline size_t last_character(text_view v, size_t end) {
    do end--;
    while ((v.text[end] & 0xC0) == 0x80);
    return end;
}

/* White space from `at` to `end`: \s+(?!\S)|\s+ leaves its last character to what follows it,
 * unless there is only one or the text ends. */
static inline size_t leave_last(text_view v, size_t at, size_t end) {
    size_t last = last_character(v, end);
    return end == v.size || last == at ? end : last;
}

/* One scanner out of a function that gives the end of one piece. */
#define LM_SCANNER(name, end_of_piece)                                                          \
    size_t name(const unsigned char *text, size_t size, size_t at, size_t *ends, size_t most) { \
        const text_view v = {text, size};                                                       \
        size_t n = 0;                                                                           \
        for (; at < size && n < most; n++) ends[n] = at = end_of_piece;                         \
        return n;                                                                               \
    }

#endif

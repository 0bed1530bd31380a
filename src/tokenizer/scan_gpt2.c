#include "tokenizer/scan_parts.h"

static inline size_t piece(text_view v, size_t at) {
    size_t end = contraction(v, at, false);
    if (end > at) return end;
    size_t begin = skip_space(v, at), length = 0;
    unsigned c = class_at(v, begin, &length);
    if (c & LM_LETTERS) return run_of(v, begin + length, LM_LETTERS);
    if (c & LM_NUMBER) return run_of(v, begin + length, LM_NUMBER);
    if (c & LM_OTHERS) return run_of(v, begin + length, LM_OTHERS);
    return leave_last(v, at, run_of(v, at, LM_SPACE));
}

LM_SCANNER(lm_scan_gpt2, piece(v, at))

/* What lies between two digits is a text of its own for the pieces of GPT-2: white space before a
 * digit is at the end of its text. */
static inline size_t piece_between_digits(text_view v, size_t at) {
    size_t length = 0;
    if (class_at(v, at, &length) & LM_NUMBER) return at + length;
    size_t end = contraction(v, at, false);
    if (end > at) return end;
    size_t begin = skip_space(v, at);
    unsigned c = class_at(v, begin, &length);
    if (c & LM_LETTERS) return run_of(v, begin + length, LM_LETTERS);
    if (c & LM_OTHERS) return run_of(v, begin + length, LM_OTHERS);
    end = run_of(v, at, LM_SPACE);
    return class_at(v, end, &length) & LM_NUMBER ? end : leave_last(v, at, end);
}

LM_SCANNER(lm_scan_digits, piece_between_digits(v, at))

/* Is there a character before `at`, and is it not white space? */
static bool behind_no_space(text_view v, size_t at) {
    if (at == 0) return false;
    size_t length, before = at - 1;
    /* Continuation bytes of one character: at most three. */
    for (int i = 0; i < 3 && before > 0 && (v.text[before] & 0xC0) == 0x80; i++) before--;
    unsigned c = class_at(v, before, &length);
    return before + length == at ? !(c & LM_SPACE) : true;
}

static bool is_cut(text_view v, size_t at) {
    size_t length;
    if (at >= v.size) return false;
    if (v.text[at] == ' ') return behind_no_space(v, at);
    return at > 0 && v.text[at - 1] == '\n' && (class_at(v, at, &length) & LM_LETTERS) &&
           behind_no_space(v, at - 1);
}

size_t lm_scan_cut(const unsigned char *text, size_t size, size_t at, size_t limit) {
    const text_view v = {text, size};
    size_t i = limit;
    while (i > at && !is_cut(v, i)) i--;
    return i > at ? i : at;
}

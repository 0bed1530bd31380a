#include "tokenizer/scan_parts.h"

/* U*W+ from `at`, U and W the classes LM_UPPERS and LM_LOWERS, which share letters without case and
 * marks: the run of U, then that of W. When W finds nothing there, U gives characters back until
 * the one it gave is a W: the piece ends behind it. Returns at when there is no W at all;
 * *upper_end receives the end of the run of U. */
static inline size_t word(text_view v, size_t at, size_t *upper_end) {
    size_t length = 0, behind_last_lower = at, i = at;
    unsigned c;
    while ((c = class_at(v, i, &length)) & LM_UPPERS) {
        i += length;
        if (c & LM_LOWERS) behind_last_lower = i;
    }
    *upper_end = i;
    return c & LM_LOWERS ? run_of(v, i, LM_LOWERS) : behind_last_lower;
}

/* End of a word in one of its two forms, with its optional first character; at: no word here. */
static inline size_t words(text_view v, size_t at) {
    size_t length = 0, upper_end, end;
    unsigned c = class_at(v, at, &length);
    bool prefix = !(c & (LM_LETTERS | LM_NUMBER)) && !is_newline(v.text[at]);
    size_t begin = prefix ? at + length : at;
    if ((end = word(v, begin, &upper_end)) > begin) return end;
    size_t upper_word =
        upper_end > begin ? upper_end : at; /* the second form, when all others fail */
    if (prefix && (end = word(v, at, &upper_end)) > at) return end;
    return upper_word;
}

static inline size_t piece(text_view v, size_t at) {
    size_t end = words(v, at), length = 0;
    if (end > at) return end < v.size ? contraction(v, end, true) : end;
    if (class_at(v, at, &length) & LM_NUMBER) return run_of_few(v, at, LM_NUMBER, 3);
    size_t begin = skip_space(v, at);
    if (class_at(v, begin, &length) & LM_OTHERS) {
        end = run_of(v, begin, LM_OTHERS);
        while (end < v.size && (is_newline(v.text[end]) || v.text[end] == '/')) end++;
        return end;
    }
    end = run_of(v, at, LM_SPACE);
    for (size_t i = end; i > at; i--)
        if (is_newline(v.text[i - 1])) return i;
    return leave_last(v, at, end);
}

LM_SCANNER(lm_scan_o200k, piece(v, at))

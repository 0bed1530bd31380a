#include "tokenizer/scan_parts.h"

/* White space: \s*[\r\n]+ reaches to the last line break in it, \s+(?!\S)|\s+ takes what has none.
 * */
static inline size_t white_space(text_view v, size_t at, bool whole_at_end) {
    size_t end = run_of(v, at, LM_SPACE);
    if (whole_at_end && end == v.size) return end;
    for (size_t i = end; i > at; i--)
        if (is_newline(v.text[i - 1])) return i;
    return leave_last(v, at, end);
}

static inline size_t piece(text_view v, size_t at, int digits, bool whole_at_end) {
    size_t end = contraction(v, at, true);
    if (end > at) return end;
    size_t length = 0, next_length = 0;
    unsigned c = class_at(v, at, &length);
    if (c & LM_LETTERS) return run_of(v, at + length, LM_LETTERS);
    if (c & LM_NUMBER) return run_of_few(v, at, LM_NUMBER, digits);
    unsigned next = class_at(v, at + length, &next_length);
    if ((next & LM_LETTERS) && !is_newline(v.text[at]))
        return run_of(v, at + length + next_length, LM_LETTERS);
    if ((c & LM_OTHERS) || (v.text[at] == ' ' && (next & LM_OTHERS))) {
        end = run_of(v, at + length, LM_OTHERS);
        while (end < v.size && is_newline(v.text[end])) end++;
        return end;
    }
    return white_space(v, at, whole_at_end);
}

LM_SCANNER(lm_scan_cl100k, piece(v, at, 3, true))
LM_SCANNER(lm_scan_llama3, piece(v, at, 3, false))
LM_SCANNER(lm_scan_qwen2, piece(v, at, 1, false))

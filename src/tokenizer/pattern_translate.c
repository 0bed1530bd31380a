#include "tokenizer/pattern_translate.h"

#include <stdbool.h>
#include <string.h>

/* White_Space, which is \s for Oniguruma; PCRE2's has U+180E as well. */
#define SPACES "\\p{Z}\\t-\\r\\x{85}"

typedef struct translation {
    const char *pattern;
    size_t at;
    bool in_class;
    lm_text *out;
    lm_error *err;
} translation;

static lm_status refuse(const translation *t, const char *what) {
    return lm_error_set(t->err, LM_ERR_USAGE,
                        "the pattern %s: character %zu: %s, which lmtrain does not have",
                        t->pattern, t->at + 1, what);
}

static void copy(translation *t, size_t n) {
    lm_text_append(t->out, t->pattern + t->at, n);
    t->at += n;
}

static bool is_hex(char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* "\u00e9" */
static lm_status take_code(translation *t) {
    const char *digits = t->pattern + t->at + 2;
    for (int i = 0; i < 4; i++)
        if (!is_hex(digits[i])) return refuse(t, "\\u without four digits");
    lm_text_printf(t->out, "\\x{%.4s}", digits);
    t->at += 6;
    return LM_OK;
}

static lm_status take_escape(translation *t) {
    char c = t->pattern[t->at + 1], what[8] = {'\\', c};
    if (c == 's' || c == 'S') {
        if (t->in_class && c == 'S') return refuse(t, "\\S in brackets");
        lm_text_printf(t->out, t->in_class ? "%s%s" : "[%s%s]", c == 'S' ? "^" : "", SPACES);
        t->at += 2;
        return LM_OK;
    }
    if (c == 'u') return take_code(t);
    if (c == 'x' && t->pattern[t->at + 2] != '{' && t->pattern[t->at + 2] >= '8')
        return refuse(t, "\\x of a byte that is no character");
    if (c == 0) return refuse(t, "a backslash at the end");
    /* Letters that both engines read alike; other characters stand for themselves. */
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (letter && !strchr(t->in_class ? "pPdDtnrfvaex" : "pPdDtnrfvaexAzZ", c))
        return refuse(t, what);
    copy(t, 2);
    return LM_OK;
}

/* "{2,5}": its end; what is no such thing is text. */
static lm_status take_repetition(translation *t) {
    const char *p = t->pattern + t->at + 1, *first = p;
    while (is_digit(*p)) p++;
    bool lower = p > first, comma = *p == ',';
    if (comma) p++;
    while (is_digit(*p)) p++;
    if (*p != '}' || (!lower && !comma)) {
        copy(t, 1);
        return LM_OK;
    }
    if (!lower) return refuse(t, "{,n}");
    if (p[1] == '+' || p[1] == '?') return refuse(t, "a + or ? behind {n,m}");
    copy(t, (size_t)(p + 1 - t->pattern) - t->at);
    return LM_OK;
}

/* "(?i:", "(?=", "(?<!", ...: flags other than i mean something else. */
static lm_status take_group(translation *t) {
    const char *p = t->pattern + t->at;
    if (p[1] == '*') return refuse(t, "(*");
    if (p[1] == '?') {
        bool known = strchr(":=!>", p[2]) || strncmp(p, "(?<=", 4) == 0 ||
                     strncmp(p, "(?<!", 4) == 0 || strncmp(p, "(?i:", 4) == 0 ||
                     strncmp(p, "(?i)", 4) == 0 || strncmp(p, "(?-i:", 5) == 0;
        if (!p[2] || !known) return refuse(t, "a group that begins so");
    }
    copy(t, 1);
    return LM_OK;
}

static lm_status take_in_class(translation *t) {
    char c = t->pattern[t->at];
    if (c == '[') return refuse(t, "brackets in brackets");
    if (c == '&' && t->pattern[t->at + 1] == '&') return refuse(t, "&& in brackets");
    if (c == ']') t->in_class = false;
    copy(t, 1);
    return LM_OK;
}

static lm_status take_next(translation *t) {
    char c = t->pattern[t->at];
    if (c == '\\') return take_escape(t);
    if (t->in_class) return take_in_class(t);
    if (c == '{') return take_repetition(t);
    if (c == '(') return take_group(t);
    if (c == '[') {
        t->in_class = true;
        copy(t, t->pattern[t->at + 1] == '^' ? 2 : 1);
        if (t->pattern[t->at] == ']') return refuse(t, "an unescaped ] at the start of brackets");
        return LM_OK;
    }
    copy(t, 1);
    return LM_OK;
}

lm_status lm_pattern_translate(const char *pattern, lm_text *out, lm_error *err) {
    translation t = {.pattern = pattern, .out = out, .err = err};
    lm_status status = LM_OK;
    while (pattern[t.at] && status == LM_OK) status = take_next(&t);
    if (status == LM_OK && out->failed) status = lm_error_no_memory(err, "a pattern");
    return status;
}

#include "containers/json_pull.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lm_json_pull_begin(lm_json_pull *p, const char *file, const char *text, size_t size,
                        lm_error *err) {
    *p = (lm_json_pull){.file = file, .text = text, .size = size, .err = err};
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) p->at = 3; /* a byte order mark */
}

/* ---- errors -----------------------------------------------------------------------------------*/

static bool ok(const lm_json_pull *p) {
    return p->status == LM_OK;
}

void lm_json_pull_wrong(lm_json_pull *p, const char *format, ...) {
    if (!ok(p)) return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(p->what, sizeof p->what, format, arguments);
    va_end(arguments);
    size_t line = p->lines_before + 1, begin = 0;
    for (size_t i = 0; i < p->at && i < p->size; i++)
        if (p->text[i] == '\n') {
            line++;
            begin = i + 1;
        }
    p->status =
        lm_error_damaged(p->err, "%s:%zu:%zu: %s", p->file, line, p->at - begin + 1, p->what);
}

/* Names what stands at p->at. */
static void expected(lm_json_pull *p, const char *what) {
    if (p->at >= p->size) {
        lm_json_pull_wrong(p, "expected %s, found the end of the text", what);
    } else {
        unsigned char c = (unsigned char)p->text[p->at];
        if (c > 0x20 && c < 0x7F)
            lm_json_pull_wrong(p, "expected %s, found '%c'", what, c);
        else
            lm_json_pull_wrong(p, "expected %s, found the byte 0x%02X", what, c);
    }
}

void lm_json_pull_no_memory(lm_json_pull *p) {
    if (ok(p)) p->status = lm_error_no_memory(p->err, p->file);
}

/* ---- what comes next --------------------------------------------------------------------------*/

static int look(lm_json_pull *p) {
    while (p->at < p->size && strchr(" \t\r\n", p->text[p->at]) && p->text[p->at]) p->at++;
    return p->at < p->size ? (unsigned char)p->text[p->at] : -1;
}

/* Of the value that begins with c. */
static lm_json_kind kind_of(int c) {
    switch (c) {
    case '{':
        return LM_JSON_OBJECT;
    case '[':
        return LM_JSON_ARRAY;
    case '"':
        return LM_JSON_STRING;
    case 't':
        return LM_JSON_TRUE;
    case 'f':
        return LM_JSON_FALSE;
    case 'n':
        return LM_JSON_NULL;
    default:
        return c == '-' || (c >= '0' && c <= '9') ? LM_JSON_NUMBER : LM_JSON_NOTHING;
    }
}

lm_json_kind lm_json_pull_peek(lm_json_pull *p) {
    if (!ok(p)) return LM_JSON_NOTHING;
    int c = look(p);
    lm_json_kind kind = kind_of(c);
    if (kind == LM_JSON_NOTHING && c >= 0) expected(p, "a value");
    return kind;
}

static bool next_is(lm_json_pull *p, lm_json_kind kind, const char *what) {
    if (!ok(p)) return false;
    if (kind_of(look(p)) == kind) return true;
    expected(p, what);
    return false;
}

lm_status lm_json_pull_end(lm_json_pull *p) {
    if (ok(p) && p->depth == 0 && look(p) >= 0) expected(p, "the end of the text");
    lm_text_free(&p->string);
    return p->status;
}

/* ---- brackets ---------------------------------------------------------------------------------*/

static void open_bracket(lm_json_pull *p, lm_json_kind kind, const char *what) {
    if (!next_is(p, kind, what)) return;
    if (p->depth == LM_JSON_PULL_DEPTH) {
        lm_json_pull_wrong(p, "more than %d brackets inside each other", LM_JSON_PULL_DEPTH);
        return;
    }
    p->is_array[p->depth] = kind == LM_JSON_ARRAY;
    p->any[p->depth++] = false;
    p->at++;
}

void lm_json_pull_object(lm_json_pull *p) {
    open_bracket(p, LM_JSON_OBJECT, "an object");
}
void lm_json_pull_array(lm_json_pull *p) {
    open_bracket(p, LM_JSON_ARRAY, "an array");
}

/* Takes the closing bracket, or the comma before another member. */
static bool another(lm_json_pull *p, char close, const char *what) {
    if (!ok(p)) return false;
    LM_ASSERT(p->depth > 0 && p->is_array[p->depth - 1] == (close == ']'));
    bool *any = &p->any[p->depth - 1];
    int c = look(p);
    if (c == close) {
        p->at++;
        p->depth--;
        return false;
    }
    if (*any) {
        if (c != ',') {
            expected(p, what);
            return false;
        }
        p->at++;
        look(p);
    }
    *any = true;
    return true;
}

bool lm_json_pull_element(lm_json_pull *p) {
    return another(p, ']', "',' or ']'");
}

bool lm_json_pull_member(lm_json_pull *p) {
    if (!another(p, '}', "',' or '}'")) return false;
    lm_json_pull_string(p);
    if (!ok(p)) return false;
    if (look(p) != ':') {
        expected(p, "':'");
        return false;
    }
    p->at++;
    return true;
}

bool lm_json_pull_is(const lm_json_pull *p, const char *s) {
    return p->string.length == strlen(s) &&
           memcmp(lm_text_cstr(&p->string), s, p->string.length) == 0;
}

/* ---- strings ----------------------------------------------------------------------------------*/

/* Four hexadecimal digits at p->at; -1: they are not. */
static int32_t hex4(lm_json_pull *p) {
    int32_t x = 0;
    for (size_t i = 0; i < 4; i++) {
        int c = p->at + i < p->size ? p->text[p->at + i] : 0;
        int digit = c >= '0' && c <= '9'                 ? c - '0'
                    : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                         : -1;
        if (digit < 0) {
            lm_json_pull_wrong(p, "expected four hexadecimal digits after \\u");
            return -1;
        }
        x = x * 16 + digit;
    }
    p->at += 4;
    return x;
}

static void append_code(lm_json_pull *p, uint32_t c) {
    char b[4];
    size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    if (n == 1) {
        b[0] = (char)c;
    } else {
        for (size_t i = n - 1; i > 0; i--, c >>= 6) b[i] = (char)(0x80 | (c & 0x3F));
        b[0] = (char)((n == 2 ? 0xC0 : n == 3 ? 0xE0 : 0xF0) | c);
    }
    lm_text_append(&p->string, b, n);
}

static void take_code(lm_json_pull *p) {
    int32_t c = hex4(p);
    if (c >= 0xDC00 && c <= 0xDFFF) lm_json_pull_wrong(p, "half of a surrogate pair");
    if (c >= 0xD800 && c <= 0xDBFF) {
        int32_t low = -1;
        if (p->size - p->at >= 2 && p->text[p->at] == '\\' && p->text[p->at + 1] == 'u') {
            p->at += 2;
            low = hex4(p);
        }
        if (low < 0xDC00 || low > 0xDFFF) lm_json_pull_wrong(p, "half of a surrogate pair");
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    }
    if (ok(p)) append_code(p, (uint32_t)c);
}

static void take_escape(lm_json_pull *p) {
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char c = p->at < p->size ? p->text[p->at] : 0;
    const char *name = c ? strchr(names, c) : NULL;
    if (name) {
        lm_text_append(&p->string, values + (name - names), 1);
        p->at++;
    } else if (c == 'u') {
        p->at++;
        take_code(p);
    } else {
        expected(p, "an escape (one of \"\\/bfnrtu)");
    }
}

void lm_json_pull_string(lm_json_pull *p) {
    p->string.length = 0;
    if (!next_is(p, LM_JSON_STRING, "a string")) return;
    p->string_at = p->at;
    lm_text_append(&p->string, "", 0); /* a key may be empty */
    for (p->at++; ok(p);) {
        size_t begin = p->at, n = 1;
        while (p->at < p->size && p->text[p->at] != '"' && p->text[p->at] != '\\' && n > 0) {
            if ((unsigned char)p->text[p->at] < 0x20) break;
            n = lm_text_utf8_length(p->text + p->at, p->size - p->at);
            p->at += n;
        }
        lm_text_append(&p->string, p->text + begin, p->at - begin);
        if (n == 0) {
            expected(p, "UTF-8");
        } else if (p->at >= p->size || (unsigned char)p->text[p->at] < 0x20) {
            expected(p, "the end of the string");
        } else if (p->text[p->at++] == '"') {
            break;
        } else {
            take_escape(p);
        }
    }
    if (p->string.failed) lm_json_pull_no_memory(p);
}

/* ---- other values -----------------------------------------------------------------------------*/

static void take_word(lm_json_pull *p, const char *word) {
    size_t n = strlen(word);
    if (p->size - p->at < n || memcmp(p->text + p->at, word, n) != 0)
        expected(p, word);
    else
        p->at += n;
}

bool lm_json_pull_boolean(lm_json_pull *p) {
    lm_json_kind kind = lm_json_pull_peek(p);
    if (kind == LM_JSON_TRUE) {
        take_word(p, "true");
    } else if (next_is(p, LM_JSON_FALSE, "true or false")) {
        take_word(p, "false");
    }
    return ok(p) && kind == LM_JSON_TRUE;
}

void lm_json_pull_null(lm_json_pull *p) {
    if (next_is(p, LM_JSON_NULL, "null")) take_word(p, "null");
}

bool lm_json_pull_if_null(lm_json_pull *p) {
    if (lm_json_pull_peek(p) != LM_JSON_NULL) return false;
    take_word(p, "null");
    return true;
}

static size_t digits(lm_json_pull *p) {
    size_t begin = p->at;
    while (p->at < p->size && p->text[p->at] >= '0' && p->text[p->at] <= '9') p->at++;
    if (p->at == begin) expected(p, "a digit");
    return p->at - begin;
}

static bool take_char(lm_json_pull *p, const char *any_of) {
    if (p->at >= p->size || !p->text[p->at] || !strchr(any_of, p->text[p->at])) return false;
    p->at++;
    return true;
}

double lm_json_pull_number(lm_json_pull *p) {
    char copy[64];
    if (!next_is(p, LM_JSON_NUMBER, "a number")) return 0;
    size_t begin = p->at;
    take_char(p, "-");
    bool zero = p->at < p->size && p->text[p->at] == '0';
    if (digits(p) > 1 && zero) {
        p->at = begin;
        lm_json_pull_wrong(p, "a number that begins with 0");
    }
    if (take_char(p, ".")) digits(p);
    if (take_char(p, "eE")) {
        take_char(p, "+-");
        digits(p);
    }
    if (!ok(p)) return 0;
    size_t size = p->at - begin;
    char *text = size < sizeof copy ? copy : malloc(size + 1);
    if (!text) {
        lm_json_pull_no_memory(p);
        return 0;
    }
    memcpy(text, p->text + begin, size);
    text[size] = '\0';
    double x = strtod(text, NULL);
    if (text != copy) free(text);
    return x;
}

int64_t lm_json_pull_count(lm_json_pull *p, int64_t most) {
    double x = lm_json_pull_number(p);
    if (ok(p) && (x < 0 || x > (double)most || x != floor(x)))
        lm_json_pull_wrong(p, "expected a whole number from 0 to %lld, found %g", (long long)most,
                           x);
    return ok(p) ? (int64_t)x : 0;
}

void lm_json_pull_skip(lm_json_pull *p) {
    int outside = p->depth;
    do {
        switch (lm_json_pull_peek(p)) {
        case LM_JSON_OBJECT:
            lm_json_pull_object(p);
            break;
        case LM_JSON_ARRAY:
            lm_json_pull_array(p);
            break;
        case LM_JSON_STRING:
            lm_json_pull_string(p);
            break;
        case LM_JSON_NUMBER:
            lm_json_pull_number(p);
            break;
        case LM_JSON_TRUE:
        case LM_JSON_FALSE:
            lm_json_pull_boolean(p);
            break;
        case LM_JSON_NULL:
            lm_json_pull_null(p);
            break;
        case LM_JSON_NOTHING:
            expected(p, "a value");
            break;
        }
        /* Brackets that are over close; the one with more in it goes on. */
        while (ok(p) && p->depth > outside &&
               !(p->is_array[p->depth - 1] ? lm_json_pull_element(p) : lm_json_pull_member(p))) {
        }
    } while (ok(p) && p->depth > outside);
}

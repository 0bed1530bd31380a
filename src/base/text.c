#include "base/text.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/message.h"
#include "base/numbers.h"

/* ---- growing ----------------------------------------------------------------------------------*/

/* Room for n more bytes and the NUL. */
static bool reserve(lm_text *t, size_t n) {
    if (t->failed) return false;
    size_t need;
    if (!lm_size_add(t->length, n, &need) || need >= SIZE_MAX / 2) {
        t->failed = true;
        return false;
    }
    if (need < t->capacity) return true;
    size_t capacity = t->capacity ? t->capacity : 64;
    while (capacity <= need) capacity *= 2;
    char *data = realloc(t->data, capacity);
    if (!data) {
        t->failed = true;
        return false;
    }
    t->data = data;
    t->capacity = capacity;
    return true;
}

void lm_text_reserve(lm_text *t, size_t n) {
    (void)reserve(t, n); /* t->failed says whether it worked */
}

void lm_text_append(lm_text *t, const void *bytes, size_t n) {
    if (!reserve(t, n)) return;
    if (n > 0) memcpy(t->data + t->length, bytes, n);
    t->length += n;
    t->data[t->length] = '\0';
}

void lm_text_printf(lm_text *t, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int n = vsnprintf(NULL, 0, format, arguments);
    if (n < 0) {
        t->failed = true;
    } else if (reserve(t, (size_t)n)) {
        vsnprintf(t->data + t->length, (size_t)n + 1, format, again);
        t->length += (size_t)n;
    }
    va_end(again);
    va_end(arguments);
}

static void append_to(void *to, const char *bytes, size_t n) {
    lm_text_append(to, bytes, n);
}

void lm_text_say(lm_text *t, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    lm_message_format(append_to, t, format, arguments);
    va_end(arguments);
}

const char *lm_text_cstr(const lm_text *t) {
    return t->data ? t->data : "";
}

void lm_text_free(lm_text *t) {
    free(t->data);
    memset(t, 0, sizeof *t);
}

/* ---- JSON -------------------------------------------------------------------------------------*/

size_t lm_text_utf8_length(const char *text, size_t size) {
    const unsigned char *s = (const unsigned char *)text;
    if (s[0] < 0x80) return 1;
    if (s[0] < 0xC2 || s[0] > 0xF4) return 0;
    size_t n = s[0] < 0xE0 ? 2 : s[0] < 0xF0 ? 3 : 4;
    if (size < n) return 0;
    unsigned char low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < low || s[1] > high) return 0;
    for (size_t i = 2; i < n; i++)
        if ((s[i] & 0xC0) != 0x80) return 0;
    return n;
}

void lm_text_json_string(lm_text *t, const char *s) {
    lm_text_append(t, "\"", 1);
    size_t left = strlen(s);
    for (size_t n; left > 0; s += n, left -= n) {
        unsigned char c = (unsigned char)*s;
        n = lm_text_utf8_length(s, left);
        if (n == 0) {
            lm_text_append(t, "\xEF\xBF\xBD", 3);
            n = 1;
        } else if (c == '"' || c == '\\') {
            lm_text_printf(t, "\\%c", c);
        } else if (c == '\n') {
            lm_text_append(t, "\\n", 2);
        } else if (c == '\t') {
            lm_text_append(t, "\\t", 2);
        } else if (c < 0x20 || c == 0x7F || (c == 0xC2 && (unsigned char)s[1] < 0xA0)) {
            /* C1 too, U+0080 to U+009F: a terminal may take them for escape sequences. */
            lm_text_printf(t, "\\u%04x", n == 2 ? (unsigned char)s[1] : c);
        } else {
            lm_text_append(t, s, n);
        }
    }
    lm_text_append(t, "\"", 1);
}

void lm_text_json_number(lm_text *t, double x) {
    if (!isfinite(x)) {
        lm_text_append(t, "null", 4);
        return;
    }
    char digits[40];
    if (fabs(x) < 1e15 && x == floor(x)) {
        lm_text_printf(t, "%.0f", x == 0 ? 0.0 : x); /* no exponent, no -0 */
        return;
    }
    for (int precision = 1; precision <= 17; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, x);
        if (strtod(digits, NULL) == x) break;
    }
    lm_text_append(t, digits, strlen(digits));
}

/* ---- names ------------------------------------------------------------------------------------*/

bool lm_text_ends_with(const char *text, const char *end) {
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

void lm_text_list(lm_text *t, const char *(*name)(int i)) {
    for (int i = 0; name(i); i++) lm_text_printf(t, "%s%s", i ? ", " : "", name(i));
}

/* ---- suggestions ------------------------------------------------------------------------------*/

#define MAX_WORD 64

/* Optimal string alignment: insertions, deletions, substitutions, swaps of neighbours. */
static size_t distance(const char *a, const char *b) {
    size_t n = strlen(a), m = strlen(b);
    if (n > MAX_WORD || m > MAX_WORD) return SIZE_MAX;
    size_t rows[3][MAX_WORD + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    for (size_t j = 0; j <= m; j++) above[j] = j;
    for (size_t i = 1; i <= n; i++) {
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            row[j] = lm_size_min(lm_size_min(above[j], row[j - 1]) + 1, above[j - 1] + change);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = lm_size_min(row[j], before[j - 2] + 1);
        }
        size_t *oldest = before;
        before = above;
        above = row;
        row = oldest;
    }
    return above[m];
}

const char *lm_text_nearest(const char *word, const char *(*candidate)(int i, const void *context),
                            const void *context) {
    size_t best = 2 + strlen(word) / 4; /* one more than is near enough */
    const char *nearest = NULL, *name;
    for (int i = 0; (name = candidate(i, context)) != NULL; i++) {
        size_t d = distance(word, name);
        if (d < best) {
            best = d;
            nearest = name;
        }
    }
    return nearest;
}

const char *lm_text_did_you_mean(char out[LM_TEXT_SUGGESTION_SIZE], const char *name) {
    *out = '\0';
    if (name) snprintf(out, LM_TEXT_SUGGESTION_SIZE, "; did you mean \"%.128s\"?", name);
    return out;
}

/* ---- for people -------------------------------------------------------------------------------*/

static const char *scaled(char *out, size_t size, double x, double base, const char *const *units,
                          int n_units) {
    int unit = 0;
    while (fabs(x) >= 0.9995 * base && unit < n_units - 1) {
        x /= base;
        unit++;
    }
    int decimals = unit == 0 ? 0 : fabs(x) < 9.995 ? 2 : fabs(x) < 99.95 ? 1 : 0;
    snprintf(out, size, "%.*f%s", decimals, x, units[unit]);
    return out;
}

const char *lm_text_bytes(char *out, size_t size, double bytes) {
    static const char *const units[] = {" B", " KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
    return scaled(out, size, bytes, 1024, units, 7);
}

const char *lm_text_count(char *out, size_t size, double count) {
    static const char *const units[] = {"", " k", " M", " G", " T", " P", " E"};
    return scaled(out, size, count, 1000, units, 7);
}

#include "base/message.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/numbers.h"
#include "base/text.h"

enum { SPEC_SIZE = 32, NUMBER_SIZE = 512 }; /* a double has at most 310 digits before the point */

typedef struct out {
    lm_message_sink *sink;
    void *to;
} out;

static void put(const out *o, const char *bytes, size_t n) {
    if (n > 0) o->sink(o->to, bytes, n);
}

/* ---- escapes ----------------------------------------------------------------------------------*/

/* The code point of a well-formed sequence of n bytes. */
static uint32_t code_point(const unsigned char *s, size_t n) {
    if (n == 1) return s[0];
    uint32_t c = s[0] & (0xFFu >> (n + 1));
    for (size_t i = 1; i < n; i++) c = c << 6 | (s[i] & 0x3F);
    return c;
}

/* Line and paragraph separators, marks and overrides of direction (Unicode 15, chapters 23.2-3). */
static bool misleads(uint32_t c) {
    return (c >= 0x200E && c <= 0x200F) || (c >= 0x2028 && c <= 0x202E) ||
           (c >= 0x2066 && c <= 0x2069) || c == 0x061C;
}

/* The escape of what begins at s in *text, its length in *used; false: it is shown as it is. */
static bool escape(const char *s, size_t left, char text[8], size_t *used) {
    unsigned char byte = (unsigned char)*s;
    size_t n = lm_text_utf8_length(s, left);
    *used = n ? n : 1;
    uint32_t c = n ? code_point((const unsigned char *)s, n) : byte;
    if (c == '\n' || c == '\t' || c == '\r')
        snprintf(text, 8, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
    else if (n == 0 || c < 0x20 || c == 0x7F)
        snprintf(text, 8, "\\x%02x", byte);
    else if ((c >= 0x80 && c < 0xA0) || misleads(c))
        snprintf(text, 8, "\\u%04x", (unsigned)(c & 0xFFFF));
    else
        return false;
    return true;
}

/* Puts n bytes with escapes (or, o NULL, none); returns the bytes that are shown. */
static size_t quote(const out *o, const char *s, size_t n, bool lines) {
    char text[8];
    size_t shown = 0, plain = 0, used; /* plain: bytes before s that are still to be put */
    for (; n > 0; s += used, n -= used) {
        bool escaped = escape(s, n, text, &used) && !(lines && (*s == '\n' || *s == '\t'));
        shown += escaped ? strlen(text) : used;
        if (!escaped) {
            plain += used;
            continue;
        }
        if (o) put(o, s - plain, plain);
        if (o) put(o, text, strlen(text));
        plain = 0;
    }
    if (o) put(o, s - plain, plain);
    return shown;
}

/* ---- conversions ------------------------------------------------------------------------------*/

/* "%-20.*lld" taken apart; width and precision -1: none. */
typedef struct conversion {
    char flags[8], length[3], type;
    int width, precision;
} conversion;

static int number(const char **at) {
    int n = 0;
    for (; **at >= '0' && **at <= '9' && n < 100000; ++*at) n = 10 * n + (**at - '0');
    return n;
}

/* Reads what stands behind the %; returns where the format goes on. */
static const char *read_conversion(const char *at, conversion *c, va_list *arguments) {
    *c = (conversion){.width = -1, .precision = -1};
    size_t n = strspn(at, "-+ #0");
    LM_ASSERT(n < sizeof c->flags);
    memcpy(c->flags, at, n);
    at += n;
    if (*at == '*') {
        c->width = va_arg(*arguments, int);
        LM_ASSERT(c->width >= 0);
        at++;
    } else if (*at >= '1' && *at <= '9') {
        c->width = number(&at);
    }
    if (*at == '.') {
        at++;
        if (*at == '*') {
            c->precision = va_arg(*arguments, int);
            at++;
        } else {
            c->precision = number(&at);
        }
    }
    n = strspn(at, "hljztL");
    LM_ASSERT(n < sizeof c->length);
    memcpy(c->length, at, n);
    at += n;
    c->type = *at;
    return at + 1;
}

static void put_string(const out *o, const conversion *c, const char *s) {
    if (!s) s = "(null)";
    size_t n = c->precision < 0 ? strlen(s) : strnlen(s, (size_t)c->precision);
    bool left = strchr(c->flags, '-') != NULL, lines = left && c->width < 0;
    size_t shown = quote(NULL, s, n, lines), width = c->width < 0 ? 0 : (size_t)c->width;
    for (size_t i = shown; !left && i < width; i++) put(o, " ", 1);
    quote(o, s, n, lines);
    for (size_t i = shown; left && i < width; i++) put(o, " ", 1);
}

/* Numbers and pointers hold nothing to escape: the C library prints them. */
static void put_number(const out *o, const conversion *c, va_list *arguments) {
    char spec[SPEC_SIZE], text[NUMBER_SIZE];
    int n = 0;
    const int width = c->width < 0 ? 0 : c->width;
    const char *prec = c->precision < 0 ? "" : ".*";
    snprintf(spec, sizeof spec, "%%%s*%s%s%c", c->flags, prec, c->length, c->type);
#define PRINT(type_)                                                           \
    (c->precision < 0                                                          \
         ? snprintf(text, sizeof text, spec, width, va_arg(*arguments, type_)) \
         : snprintf(text, sizeof text, spec, width, c->precision, va_arg(*arguments, type_)))
    if (strchr("fegaFEGA", c->type))
        n = *c->length == 'L' ? PRINT(long double) : PRINT(double);
    else if (c->type == 'p')
        n = PRINT(void *);
    else if (!*c->length || *c->length == 'h')
        n = PRINT(int);
    else if (strcmp(c->length, "ll") == 0)
        n = PRINT(long long);
    else if (*c->length == 'l')
        n = PRINT(long);
    else if (*c->length == 'j')
        n = PRINT(intmax_t);
    else
        n = PRINT(size_t); /* z and t: of one size on every platform that has kernels */
#undef PRINT
    if (n > 0) put(o, text, lm_size_min((size_t)n, sizeof text - 1));
}

void lm_message_format(lm_message_sink *sink, void *to, const char *format, va_list given) {
    const out o = {sink, to};
    conversion c;
    va_list arguments;
    va_copy(arguments, given); /* of a parameter's va_list no address can be passed on */
    while (*format) {
        size_t n = strcspn(format, "%");
        put(&o, format, n);
        format += n;
        if (!*format) break;
        format = read_conversion(format + 1, &c, &arguments);
        LM_ASSERT(c.type && strchr("%csdiuoxXpfegaFEGA", c.type));
        if (c.type == '%') {
            put(&o, "%", 1);
        } else if (c.type == 's') {
            put_string(&o, &c, va_arg(arguments, const char *));
        } else if (c.type == 'c') {
            quote(&o, &(char){(char)va_arg(arguments, int)}, 1, false);
        } else {
            put_number(&o, &c, &arguments);
        }
    }
    va_end(arguments);
}

static void put_on_stream(void *stream, const char *bytes, size_t n) {
    fwrite(bytes, 1, n, stream);
}

void lm_message_write(FILE *stream, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    lm_message_format(put_on_stream, stream, format, arguments);
    va_end(arguments);
}

/* ---- into a buffer ----------------------------------------------------------------------------*/

typedef struct buffer {
    char *data;
    size_t size, used; /* used may be more than fits */
} buffer;

static void put_in_buffer(void *to, const char *bytes, size_t n) {
    buffer *b = to;
    if (b->used < b->size) memcpy(b->data + b->used, bytes, lm_size_min(n, b->size - b->used));
    b->used += n;
}

void lm_message_print(char *text, size_t size, const char *format, va_list arguments) {
    LM_ASSERT(size > 3);
    buffer b = {.data = text, .size = size - 1};
    lm_message_format(put_in_buffer, &b, format, arguments);
    text[lm_size_min(b.used, b.size)] = '\0';
    if (b.used > b.size) memcpy(text + b.size - 3, "...", 3);
}

#include "config/scan.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

bool lm_scan_blank_comments(char *text, size_t size, size_t *at) {
    size_t i = 0;
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) memset(text, ' ', 3);
    while (i < size) {
        if (text[i] == '"') {
            for (i++; i < size && text[i] != '"'; i++)
                if (text[i] == '\\' && i + 1 < size) i++;
            i++;
        } else if (text[i] == '/' && i + 1 < size && text[i + 1] == '/') {
            while (i < size && text[i] != '\n') text[i++] = ' ';
        } else if (text[i] == '/' && i + 1 < size && text[i + 1] == '*') {
            size_t end = i + 2;
            while (end + 1 < size && !(text[end] == '*' && text[end + 1] == '/')) end++;
            if (end + 1 >= size) {
                *at = i;
                return false;
            }
            for (; i < end + 2; i++)
                if (text[i] != '\n') text[i] = ' ';
        } else {
            i++;
        }
    }
    return true;
}

size_t lm_scan_bad_byte(const char *text, size_t size) {
    bool in_string = false;
    for (size_t i = 0; i < size;) {
        size_t n = lm_text_utf8_length(text + i, size - i);
        unsigned char c = (unsigned char)text[i];
        if (n == 0 || c == 0 || (in_string && c < 0x20)) return i;
        if (in_string && size - i >= 6 && memcmp(text + i, "\\u0000", 6) == 0) return i;
        if (in_string && c == '\\' && i + 1 < size) {
            i += text[i + 1] == '"' || text[i + 1] == '\\' ? 2
                                                           : 1; /* an escaped quote ends nothing */
            continue;
        }
        if (c == '"') in_string = !in_string;
        i += n;
    }
    return size;
}

void lm_scan_advance(const char *text, size_t from, size_t to, int *line, int *column) {
    for (size_t i = from; i < to; i++) {
        if (text[i] == '\n') {
            ++*line;
            *column = 1;
        } else {
            ++*column;
        }
    }
}

size_t lm_scan_skip_blanks(const char *text, size_t at) {
    return at + strspn(text + at, " \t\r\n,:");
}

static size_t skip_string(const char *text, size_t at) {
    for (at++; text[at] && text[at] != '"'; at++)
        if (text[at] == '\\' && text[at + 1]) at++;
    return text[at] ? at + 1 : at;
}

size_t lm_scan_skip_value(const char *text, size_t at) {
    size_t depth = 0;
    do {
        at = lm_scan_skip_blanks(text, at);
        if (text[at] == '"') {
            at = skip_string(text, at);
        } else if (text[at] == '{' || text[at] == '[') {
            depth++;
            at++;
        } else if (text[at] == '}' || text[at] == ']') {
            depth -= depth > 0;
            at++;
        } else {
            at += strcspn(text + at, " \t\r\n,:{}[]\"");
        }
    } while (depth > 0 && text[at]);
    return at;
}

bool lm_scan_is_number(const char *text, size_t at, size_t end) {
    const char digits[] = "0123456789";
    if (at < end && text[at] == '-') at++;
    size_t n = at < end ? strspn(text + at, digits) : 0;
    if (n == 0 || (n > 1 && text[at] == '0')) return false;
    at += n;
    if (at < end && text[at] == '.') {
        n = strspn(text + ++at, digits);
        if (n == 0) return false;
        at += n;
    }
    if (at < end && (text[at] == 'e' || text[at] == 'E')) {
        at++;
        if (at < end && (text[at] == '+' || text[at] == '-')) at++;
        n = strspn(text + at, digits);
        if (n == 0) return false;
        at += n;
    }
    return at == end;
}

/* The last byte before `at` that is not blank; NUL when there is none. */
static char before(const char *text, size_t at) {
    while (at > 0 && strchr(" \t\r\n", text[at - 1])) at--;
    return at > 0 ? text[at - 1] : '\0';
}

/* Where cJSON expects a quoted key and finds something else, it points one byte after that. */
static bool lacks_quotes(const char *text, size_t at) {
    return at > 0 && !strchr(" \t\r\n{}[],:\"", text[at - 1]) &&
           (before(text, at - 1) == '{' || before(text, at - 1) == ',');
}

size_t lm_scan_blame(const char *text, size_t size, size_t at, char *why, size_t why_size) {
    bool key = lacks_quotes(text, at);
    if (key) at--;
    at += strspn(text + at, " \t\r\n");
    /* After a comma, cJSON points one byte after the bracket that should not be there. */
    if (at > 0 && strchr("}]", text[at - 1]) && before(text, at - 1) == ',') at--;
    int n = (int)strcspn(text + at, "\r\n");
    if (at >= size) {
        snprintf(why, why_size, ": the text ends too early");
    } else if (strchr("}]", text[at]) && before(text, at) == ',') {
        snprintf(why, why_size, ": '%c' after a comma: no comma may follow the last value",
                 text[at]);
    } else {
        snprintf(why, why_size, " at \"%.*s\"%s", n > 20 ? 20 : n, text + at,
                 key ? ": keys and strings must be in double quotes" : "");
    }
    return at;
}

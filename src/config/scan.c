#include "config/scan.h"

#include <ctype.h>
#include <string.h>

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

/* The last byte before `at` that is not blank; NUL when there is none. */
static char before(const char *text, size_t at) {
    while (at > 0 && strchr(" \t\r\n", text[at - 1])) at--;
    return at > 0 ? text[at - 1] : '\0';
}

const char *lm_scan_hint(const char *text, size_t size, size_t at) {
    if (at >= size) return "";
    char c = text[at];
    if ((c == '}' || c == ']') && before(text, at) == ',')
        return ": no comma may follow the last value";
    if (c == '\n' || c == '\r') return ": the line ends inside a string";
    if (c == '\'' || c == '_' || isalpha((unsigned char)c))
        return ": keys and strings must be in double quotes";
    if (c == '.' || c == '+') return ": a number begins with a digit (0.5)";
    return "";
}

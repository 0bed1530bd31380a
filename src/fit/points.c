#include "fit/points.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMETERS, TOKENS, LOSS, UNIQUE, SECONDS, COLUMNS, COLUMNS_MOST = 64, NUMBER_MOST = 63 };
static const char *const names[COLUMNS] = {"parameters", "tokens", "loss", "unique_tokens",
                                           "seconds"};

lm_status lm_points_add(lm_points *p, const lm_scaling_point *point, double seconds,
                        lm_error *err) {
    size_t n = (size_t)p->count + 1;
    if ((n & (n - 1)) == 0) { /* room for twice as many */
        lm_scaling_point *items = realloc(p->items, 2 * n * sizeof *items);
        if (items) p->items = items;
        double *times = realloc(p->seconds, 2 * n * sizeof *times);
        if (times) p->seconds = times;
        if (!items || !times) return lm_error_no_memory(err, NULL);
    }
    p->items[p->count] = *point;
    p->seconds[p->count++] = seconds;
    return LM_OK;
}

void lm_points_free(lm_points *p) {
    free(p->items);
    free(p->seconds);
    *p = (lm_points){0};
}

/* A part of the text. */
typedef struct field {
    const char *at;
    size_t size;
} field;

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* The field at *at, which moves behind it and its comma; false: there is none. Blanks around it go.
 */
static bool next_field(const char **at, const char *end, field *f) {
    const char *from = *at, *to = from;
    if (from > end) return false;
    while (to < end && *to != ',') to++;
    *at = to + 1;
    while (from < to && is_blank(*from)) from++;
    while (from < to && is_blank(to[-1])) to--;
    *f = (field){from, (size_t)(to - from)};
    return true;
}

static bool is_named(const field *f, const char *name) {
    return f->size == strlen(name) && memcmp(f->at, name, f->size) == 0;
}

/* Which of our columns each column of the file is; -1: none. */
static lm_status read_header(const char *name, long line, const char *at, const char *end,
                             int columns[COLUMNS_MOST], int *count, lm_error *err) {
    bool found[COLUMNS] = {false};
    field f;
    *count = 0;
    while (next_field(&at, end, &f)) {
        if (*count == COLUMNS_MOST)
            return lm_error_set(err, LM_ERR_USAGE, "%s:%ld: expected at most %d columns", name,
                                line, COLUMNS_MOST);
        columns[*count] = -1;
        for (int c = 0; c < COLUMNS; c++) {
            if (!is_named(&f, names[c])) continue;
            if (found[c])
                return lm_error_set(err, LM_ERR_USAGE, "%s:%ld: expected one column %s, found two",
                                    name, line, names[c]);
            columns[*count] = c;
            found[c] = true;
        }
        ++*count;
    }
    for (int c = 0; c <= LOSS; c++)
        if (!found[c])
            return lm_error_set(err, LM_ERR_USAGE,
                                "%s:%ld: expected columns parameters, tokens and loss, found no"
                                " \"%s\"",
                                name, line, names[c]);
    return LM_OK;
}

/* A finite number above 0 and nothing else. */
static bool read_number(const field *f, double *x) {
    char text[NUMBER_MOST + 1], *rest;
    if (f->size == 0 || f->size > NUMBER_MOST) return false;
    memcpy(text, f->at, f->size);
    text[f->size] = '\0';
    *x = strtod(text, &rest);
    return rest == text + f->size && isfinite(*x) && *x > 0;
}

static lm_status read_point(lm_points *p, const char *name, long line, const char *at,
                            const char *end, const int columns[COLUMNS_MOST], int count,
                            lm_error *err) {
    double values[COLUMNS] = {0};
    field f;
    int i = 0;
    for (; next_field(&at, end, &f); i++) {
        int c = i < count ? columns[i] : -1;
        if (c < 0 || (f.size == 0 && c >= UNIQUE) || read_number(&f, &values[c])) continue;
        bool long_one = f.size > NUMBER_MOST;
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s:%ld: %s: expected a number above 0%s, found \"%.*s%s\"", name, line,
                            names[c], long_one ? " of at most 63 characters" : "",
                            (int)(long_one ? NUMBER_MOST : f.size), f.at, long_one ? "..." : "");
    }
    if (i != count)
        return lm_error_set(err, LM_ERR_USAGE, "%s:%ld: expected %d fields, found %d", name, line,
                            count, i);
    const lm_scaling_point point = {values[PARAMETERS], values[TOKENS], values[LOSS],
                                    values[UNIQUE]};
    return lm_points_add(p, &point, values[SECONDS], err);
}

lm_status lm_points_read(lm_points *p, const char *name, const char *text, size_t size,
                         lm_error *err) {
    int columns[COLUMNS_MOST], count = 0;
    lm_status status = LM_OK;
    const char *end = text + size;
    long line = 0;
    if (size >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) text += 3; /* a byte order mark */
    for (const char *at = text; at < end && status == LM_OK;) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (!stop) stop = end;
        line++;
        size_t blank = 0;
        while (at + blank < stop && is_blank(at[blank])) blank++;
        if (memchr(at, '\0', (size_t)(stop - at)))
            status = lm_error_set(err, LM_ERR_USAGE, "%s:%ld: expected text, found a NUL byte",
                                  name, line);
        else if (at + blank < stop && at[blank] != '#')
            status = count == 0 ? read_header(name, line, at, stop, columns, &count, err)
                                : read_point(p, name, line, at, stop, columns, count, err);
        at = stop + 1;
    }
    if (status == LM_OK && count == 0)
        status = lm_error_set(err, LM_ERR_USAGE,
                              "%s: expected a line that names columns, found none", name);
    return status;
}

#include "text/json_line.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "containers/json_pull.h"

enum { MOST_LEVELS = 16 }; /* of a field's path */

typedef struct finder {
    lm_json_pull pull;
    lm_text *text;
    bool found, null;
} finder;

/* The value at the field's path. */
static void take(finder *f, const char *field) {
    f->found = true;
    f->null = lm_json_pull_if_null(&f->pull);
    f->text->length = 0;
    if (f->null) return;
    if (lm_json_pull_peek(&f->pull) != LM_JSON_STRING)
        lm_json_pull_wrong(&f->pull, "expected a string at \"%.200s\", found another value", field);
    lm_json_pull_string(&f->pull);
    lm_text_append(f->text, lm_text_cstr(&f->pull.string), f->pull.string.length);
}

/* The members of an object that was entered; path: the rest of the field's path. */
static void search(finder *f, const char *field, const char *path, int level) {
    lm_json_pull *p = &f->pull;
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        size_t n = p->string.length;
        if (lm_json_pull_is(p, path)) {
            take(f, field);
        } else if (n < strlen(path) && path[n] == '.' && level < MOST_LEVELS &&
                   memcmp(path, lm_text_cstr(&p->string), n) == 0 &&
                   lm_json_pull_peek(p) == LM_JSON_OBJECT) {
            search(f, field, path + n + 1, level + 1);
        } else {
            lm_json_pull_skip(p);
        }
    }
}

static bool is_blank(const char *line, size_t size) {
    for (size_t i = 0; i < size; i++)
        if (!line[i] || !strchr(" \t\r", line[i])) return false;
    return true;
}

lm_status lm_json_line_text(const char *file, int64_t number, const char *line, size_t size,
                            const char *field, lm_text *text, lm_json_line_kind *kind,
                            lm_error *err) {
    finder f = {.text = text};
    *kind = LM_JSON_LINE_BLANK;
    text->length = 0;
    if (is_blank(line, size)) return LM_OK;
    lm_json_pull_begin(&f.pull, file, line, size, err);
    f.pull.lines_before = (size_t)(number - 1);
    search(&f, field, field, 0);
    lm_status status = lm_json_pull_end(&f.pull);
    if (status != LM_OK) return status;
    if (!f.found)
        return lm_error_damaged(err,
                                "%s:%" PRId64 ": expected the member \"%s\" (--field), found none",
                                file, number, field);
    if (text->failed) return lm_error_no_memory(err, file);
    *kind = f.null ? LM_JSON_LINE_NULL : LM_JSON_LINE_TEXT;
    return LM_OK;
}

#include "view/line.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "containers/json_pull.h"

enum { MOST_VALUES = 65536, MOST_NAME = 512 };

static bool grow(lm_line *l) {
    int64_t capacity = lm_max(32, 2 * l->capacity);
    lm_line_value *grown = realloc(l->values, (size_t)capacity * sizeof *grown);
    if (!grown) return false;
    l->values = grown;
    l->capacity = capacity;
    return true;
}

static void add(lm_line *l, const lm_text *path, double value) {
    if (l->n_values >= MOST_VALUES || path->length > MOST_NAME) return;
    if (l->n_values == l->capacity && !grow(l)) {
        l->failed = true;
        return;
    }
    l->values[l->n_values++] = (lm_line_value){l->names.length, value};
    lm_text_append(&l->names, lm_text_cstr(path), path->length + 1);
}

static void take_text(lm_json_pull *p, lm_text *out) {
    lm_json_pull_string(p);
    out->length = 0;
    /* What lies behind a zero byte would be lost: it is shown as a space. */
    for (size_t i = 0; i < p->string.length; i++)
        lm_text_append(out, p->string.data[i] ? &p->string.data[i] : " ", 1);
}

/* The member whose key p has just taken, at the outermost level; false: it is a figure. */
static bool take_known(lm_line *l, lm_json_pull *p) {
    lm_json_kind kind = lm_json_pull_peek(p);
    if (lm_json_pull_is(p, "step") && kind == LM_JSON_NUMBER) {
        l->step = lm_json_pull_count(p, (int64_t)1 << 53);
    } else if (lm_json_pull_is(p, "tokens") && kind == LM_JSON_NUMBER) {
        l->tokens = lm_json_pull_number(p);
    } else if (lm_json_pull_is(p, "seconds") && kind == LM_JSON_NUMBER) {
        l->seconds = lm_json_pull_number(p);
    } else if (lm_json_pull_is(p, "sample") && kind == LM_JSON_STRING) {
        take_text(p, &l->sample);
        l->has_sample = true;
    } else if (lm_json_pull_is(p, "prompt") && kind == LM_JSON_STRING) {
        take_text(p, &l->prompt);
    } else if (lm_json_pull_is(p, "event") && kind == LM_JSON_STRING) {
        take_text(p, &l->event);
        l->has_event = true;
    } else if (lm_json_pull_is(p, "why") && kind == LM_JSON_STRING) {
        take_text(p, &l->why);
    } else if (lm_json_pull_is(p, "val_tokens")) {
        lm_json_pull_skip(p);
    } else {
        return false;
    }
    return true;
}

static void take_members(lm_line *l, lm_json_pull *p, lm_text *path) {
    size_t length = path->length;
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        if (length == 0 && take_known(l, p)) continue;
        path->length = length;
        if (length > 0) lm_text_append(path, ".", 1);
        for (size_t i = 0; i < p->string.length; i++)
            if (p->string.data[i]) lm_text_append(path, &p->string.data[i], 1);
        switch (lm_json_pull_peek(p)) {
        case LM_JSON_NUMBER:
            add(l, path, lm_json_pull_number(p));
            break;
        case LM_JSON_OBJECT:
            take_members(l, p, path);
            break;
        case LM_JSON_NULL:
            lm_json_pull_null(p);
            add(l, path, NAN);
            break;
        default:
            lm_json_pull_skip(p);
        }
    }
    path->length = length;
}

bool lm_line_read(lm_line *l, const char *text, size_t length) {
    lm_error aside;
    lm_json_pull p;
    lm_text path = {0};
    l->step = -1;
    l->tokens = l->seconds = NAN;
    l->n_values = 0;
    l->names.length = l->sample.length = l->prompt.length = 0;
    l->event.length = l->why.length = 0;
    l->has_sample = l->has_event = false;
    lm_json_pull_begin(&p, "", text, length, &aside);
    if (lm_json_pull_peek(&p) == LM_JSON_OBJECT)
        take_members(l, &p, &path);
    else
        lm_json_pull_skip(&p);
    bool fine = lm_json_pull_end(&p) == LM_OK;
    l->failed |= path.failed || l->names.failed || l->sample.failed || l->prompt.failed ||
                 l->event.failed || l->why.failed;
    lm_text_free(&path);
    return fine && !l->failed && l->step >= 0;
}

const char *lm_line_name(const lm_line *l, int64_t i) {
    return l->names.data + l->values[i].name;
}

void lm_line_free(lm_line *l) {
    free(l->values);
    lm_text_free(&l->names);
    lm_text_free(&l->sample);
    lm_text_free(&l->prompt);
    lm_text_free(&l->event);
    lm_text_free(&l->why);
    *l = (lm_line){0};
}

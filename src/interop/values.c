#include "interop/values.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

static const char *text_at(const lm_interop_values *v, size_t at) {
    return v->texts.data + at;
}

static lm_interop_value *append(lm_interop_values *v) {
    if (v->count == v->capacity) {
        size_t capacity = v->capacity ? 2 * v->capacity : 64;
        lm_interop_value *grown = realloc(v->list, capacity * sizeof *grown);
        if (!grown) {
            v->texts.failed = true;
            return NULL;
        }
        v->list = grown;
        v->capacity = capacity;
    }
    v->list[v->count] = (lm_interop_value){0};
    return &v->list[v->count++];
}

static size_t keep(lm_interop_values *v, const char *text, size_t size) {
    size_t at = v->texts.length;
    lm_text_append(&v->texts, text, size);
    lm_text_append(&v->texts, "", 1);
    return at;
}

/* The value that comes next, under the path so far. */
static void take(lm_interop_values *v, lm_json_pull *p, lm_text *path);

static void take_members(lm_interop_values *v, lm_json_pull *p, lm_text *path) {
    const size_t before = path->length;
    if (lm_json_pull_peek(p) == LM_JSON_ARRAY) {
        int64_t i = 0;
        lm_json_pull_array(p);
        while (lm_json_pull_element(p)) {
            path->length = before;
            lm_text_printf(path, "%s%lld", before > 0 ? "." : "", (long long)i++);
            take(v, p, path);
        }
    } else {
        lm_json_pull_object(p);
        while (lm_json_pull_member(p)) {
            path->length = before;
            if (memchr(lm_text_cstr(&p->string), 0, p->string.length))
                lm_json_pull_wrong(p, "a key with a byte 0x00");
            lm_text_printf(path, "%s%s", before > 0 ? "." : "", lm_text_cstr(&p->string));
            take(v, p, path);
        }
    }
    path->length = before;
}

static void take(lm_interop_values *v, lm_json_pull *p, lm_text *path) {
    lm_json_kind kind = lm_json_pull_peek(p);
    if (kind == LM_JSON_OBJECT || kind == LM_JSON_ARRAY) {
        take_members(v, p, path);
        return;
    }
    lm_interop_value *value = append(v);
    if (!value) {
        lm_json_pull_skip(p);
        return;
    }
    value->kind = kind;
    value->path = keep(v, lm_text_cstr(path), path->length);
    if (kind == LM_JSON_NUMBER) {
        value->number = lm_json_pull_number(p);
    } else {
        lm_json_pull_skip(p);
        if (kind == LM_JSON_STRING)
            value->text = keep(v, lm_text_cstr(&p->string), p->string.length);
    }
}

static int by_path(const void *a, const void *b, void *v) {
    const lm_interop_value *x = a, *y = b;
    return strcmp(text_at(v, x->path), text_at(v, y->path));
}

lm_status lm_interop_values_parse(lm_interop_values *v, const char *file, const char *text,
                                  size_t size, lm_error *err) {
    lm_json_pull p;
    lm_text path = {0};
    *v = (lm_interop_values){.file = strdup(file), .err = err};
    if (!v->file) return lm_error_no_memory(err, file);
    lm_json_pull_begin(&p, file, text, size, err);
    if (lm_json_pull_peek(&p) != LM_JSON_OBJECT) lm_json_pull_object(&p); /* says so */
    if (p.status == LM_OK) take(v, &p, &path);
    lm_status status = lm_json_pull_end(&p);
    if (status == LM_OK && (v->texts.failed || path.failed)) status = lm_error_no_memory(err, file);
    if (status == LM_OK && v->count > 0) qsort_r(v->list, v->count, sizeof *v->list, by_path, v);
    for (size_t i = 1; i < v->count && status == LM_OK; i++)
        if (by_path(&v->list[i - 1], &v->list[i], v) == 0)
            status = lm_error_damaged(err, "%s: there are two keys %s", file,
                                      text_at(v, v->list[i].path));
    lm_text_free(&path);
    if (status != LM_OK) lm_interop_values_free(v);
    return status;
}

lm_status lm_interop_values_read(lm_interop_values *v, const char *file, lm_error *err) {
    lm_text text = {0};
    *v = (lm_interop_values){0};
    lm_status status = lm_file_read(file, LM_INTEROP_VALUES_MOST, &text, err);
    if (status == LM_OK)
        status = lm_interop_values_parse(v, file, lm_text_cstr(&text), text.length, err);
    lm_text_free(&text);
    return status;
}

void lm_interop_values_free(lm_interop_values *v) {
    free(v->file);
    free(v->list);
    lm_text_free(&v->texts);
    memset(v, 0, sizeof *v);
}

/* ---- getters ----------------------------------------------------------------------------------*/

static const lm_interop_value *find_any(const lm_interop_values *v, const char *path) {
    size_t low = 0, high = v->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(path, text_at(v, v->list[middle].path));
        if (order == 0) return &v->list[middle];
        *(order < 0 ? &high : &low) = order < 0 ? middle : middle + 1;
    }
    return NULL;
}

static const lm_interop_value *find(const lm_interop_values *v, const char *path) {
    const lm_interop_value *value = find_any(v, path);
    return value && value->kind != LM_JSON_NULL ? value : NULL;
}

bool lm_interop_value_is_null(const lm_interop_values *v, const char *path) {
    const lm_interop_value *value = find_any(v, path);
    return value && value->kind == LM_JSON_NULL;
}

bool lm_interop_has_value(const lm_interop_values *v, const char *path) {
    return find(v, path) != NULL;
}

void lm_interop_value_wrong(lm_interop_values *v, const char *path, const char *expected) {
    const lm_interop_value *value = find(v, path);
    lm_text found = {0};
    if (v->status != LM_OK) return;
    if (!value)
        lm_text_printf(&found, "no such key");
    else if (value->kind == LM_JSON_NUMBER)
        lm_text_json_number(&found, value->number);
    else if (value->kind == LM_JSON_STRING)
        lm_text_say(&found, "\"%.100s\"", text_at(v, value->text));
    else
        lm_text_printf(&found, "%s", value->kind == LM_JSON_TRUE ? "true" : "false");
    v->status = lm_error_set(v->err, LM_ERR_USAGE, "%s: key %s: expected %s, found %-s", v->file,
                             path, expected, lm_text_cstr(&found));
    lm_text_free(&found);
}

int64_t lm_interop_value_count(lm_interop_values *v, const char *path, int64_t low, int64_t high) {
    const lm_interop_value *value = find(v, path);
    lm_text expected = {0};
    if (v->status != LM_OK) return 0;
    if (value && value->kind == LM_JSON_NUMBER && value->number >= (double)low &&
        value->number <= (double)high && value->number == floor(value->number))
        return (int64_t)value->number;
    lm_text_printf(&expected, "a whole number from %lld to %lld", (long long)low, (long long)high);
    lm_interop_value_wrong(v, path, lm_text_cstr(&expected));
    lm_text_free(&expected);
    return 0;
}

double lm_interop_value_number(lm_interop_values *v, const char *path) {
    const lm_interop_value *value = find(v, path);
    if (v->status != LM_OK) return 0;
    if (value && value->kind == LM_JSON_NUMBER) return value->number;
    lm_interop_value_wrong(v, path, "a number");
    return 0;
}

const char *lm_interop_value_string(lm_interop_values *v, const char *path) {
    const lm_interop_value *value = find(v, path);
    if (v->status != LM_OK) return NULL;
    if (value && value->kind == LM_JSON_STRING) return text_at(v, value->text);
    lm_interop_value_wrong(v, path, "a string");
    return NULL;
}

int64_t lm_interop_value_count_or(lm_interop_values *v, const char *path, int64_t low, int64_t high,
                                  int64_t otherwise) {
    return find(v, path) ? lm_interop_value_count(v, path, low, high) : otherwise;
}

double lm_interop_value_number_or(lm_interop_values *v, const char *path, double otherwise) {
    return find(v, path) ? lm_interop_value_number(v, path) : otherwise;
}

bool lm_interop_value_boolean_or(lm_interop_values *v, const char *path, bool otherwise) {
    const lm_interop_value *value = find(v, path);
    if (!value || v->status != LM_OK) return otherwise;
    if (value->kind != LM_JSON_TRUE && value->kind != LM_JSON_FALSE)
        lm_interop_value_wrong(v, path, "true or false");
    return value->kind == LM_JSON_TRUE;
}

const char *lm_interop_value_string_or(lm_interop_values *v, const char *path,
                                       const char *otherwise) {
    return find(v, path) ? lm_interop_value_string(v, path) : otherwise;
}

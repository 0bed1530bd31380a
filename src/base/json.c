#include "base/json.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing ----------------------------------------------------------------------------------*/

static void append(lm_json_writer *w, const char *s) {
    lm_text_append(w->out, s, strlen(s));
}

static void break_line(lm_json_writer *w) {
    append(w, "\n");
    for (int i = 0; i < w->depth; i++) append(w, "  ");
}

/* Writes what precedes a value: comma, white space, key. */
static void begin_value(lm_json_writer *w, const char *key) {
    if (w->depth == 0) {
        LM_ASSERT(!key);
        return;
    }
    lm_json_level *level = &w->levels[w->depth - 1];
    LM_ASSERT(level->is_array == !key);
    if (level->any) append(w, level->layout == LM_JSON_LINE ? ", " : ",");
    if (level->layout == LM_JSON_LINES) break_line(w);
    level->any = true;
    if (!key) return;
    lm_text_json_string(w->out, key);
    append(w, level->layout == LM_JSON_TIGHT ? ":" : ": ");
}

static void open_level(lm_json_writer *w, bool is_array, bool any, lm_json_layout layout) {
    LM_ASSERT(w->depth < LM_JSON_DEPTH);
    w->levels[w->depth++] = (lm_json_level){layout, is_array, any};
}

void lm_json_object(lm_json_writer *w, const char *key, lm_json_layout layout) {
    begin_value(w, key);
    append(w, "{");
    open_level(w, false, false, layout);
}

void lm_json_array(lm_json_writer *w, const char *key, lm_json_layout layout) {
    begin_value(w, key);
    append(w, "[");
    open_level(w, true, false, layout);
}

void lm_json_end(lm_json_writer *w) {
    LM_ASSERT(w->depth > 0);
    const lm_json_level *level = &w->levels[--w->depth];
    if (level->any && level->layout == LM_JSON_LINES) break_line(w);
    append(w, level->is_array ? "]" : "}");
}

void lm_json_schema(lm_json_writer *w, const char *title) {
    lm_json_object(w, NULL, LM_JSON_LINES);
    lm_json_string(w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    lm_json_string(w, "title", title);
    lm_json_string(w, "type", "object");
    lm_json_boolean(w, "additionalProperties", false);
    lm_json_object(w, "properties", LM_JSON_LINES);
    lm_json_object(w, "$schema", LM_JSON_LINE);
    lm_json_string(w, "type", "string");
    lm_json_end(w);
}

/* Length of text without white space at its end. */
static size_t trimmed(const char *text, size_t length) {
    while (length > 0 && strchr(" \t\r\n", text[length - 1])) length--;
    return length;
}

void lm_json_reopen(lm_json_writer *w, lm_json_layout layout) {
    lm_text *t = w->out;
    LM_ASSERT(w->depth == 0);
    if (!t->failed) {
        t->length = trimmed(t->data, t->length);
        LM_ASSERT(t->length >= 2 && t->data[0] == '{' && t->data[t->length - 1] == '}');
        t->length = trimmed(t->data, t->length - 1);
    }
    open_level(w, false, t->length > 1, layout);
}

void lm_json_number(lm_json_writer *w, const char *key, double x) {
    begin_value(w, key);
    lm_text_json_number(w->out, x);
}

void lm_json_integer(lm_json_writer *w, const char *key, int64_t x) {
    begin_value(w, key);
    lm_text_printf(w->out, "%" PRId64, x);
}

void lm_json_boolean(lm_json_writer *w, const char *key, bool x) {
    begin_value(w, key);
    append(w, x ? "true" : "false");
}

void lm_json_string(lm_json_writer *w, const char *key, const char *s) {
    begin_value(w, key);
    if (s) {
        lm_text_json_string(w->out, s);
    } else {
        append(w, "null");
    }
}

void lm_json_digest(lm_json_writer *w, const char *key, uint64_t x) {
    begin_value(w, key);
    lm_text_printf(w->out, "\"%016" PRIx64 "\"", x);
}

void lm_json_text(lm_json_writer *w, const char *key, const char *text, size_t length) {
    begin_value(w, key);
    lm_text_append(w->out, text, trimmed(text, length));
}

void lm_json_members(lm_json_writer *w, const lm_text *object) {
    if (object->length <= strlen("{}")) return;
    LM_ASSERT(w->depth > 0 && w->levels[w->depth - 1].layout == LM_JSON_LINE);
    if (w->levels[w->depth - 1].any) append(w, ", ");
    w->levels[w->depth - 1].any = true;
    lm_text_append(w->out, object->data + 1, object->length - 2);
}

/* ---- reading: errors --------------------------------------------------------------------------*/

enum { MOST_SHOWN = 200 }; /* bytes of a value that an error shows */

/* "arrays[3].shape[0]", and key behind it. */
static void print_path(const lm_json_reader *r, const char *key, lm_text *out) {
    for (int i = 1; i <= r->depth; i++) {
        lm_text_printf(out, "%s%s", out->length ? "." : "", r->levels[i].key);
        if (r->levels[i].index >= 0) lm_text_printf(out, "[%" PRId64 "]", r->levels[i].index);
    }
    if (key) lm_text_printf(out, "%s%s", out->length ? "." : "", key);
}

static const cJSON *find(const lm_json_reader *r, const char *key) {
    const cJSON *object = r->levels[r->depth].object;
    return key ? cJSON_GetObjectItemCaseSensitive(object, key) : object;
}

void lm_json_wrong(lm_json_reader *r, const char *key, const char *expected) {
    if (r->status != LM_OK) return;
    const cJSON *item = find(r, key);
    char *found = item ? cJSON_PrintUnformatted(item) : NULL;
    const char *shown = !item ? "nothing" : found ? found : "another value";
    lm_text path = {0};
    print_path(r, key, &path);
    r->status = lm_error_set(r->err, LM_ERR_RUNTIME, "%s: key \"%s\": expected %s, found %.*s%s",
                             r->file, lm_text_cstr(&path), expected, MOST_SHOWN, shown,
                             strlen(shown) > MOST_SHOWN ? "..." : "");
    r->err->damaged = r->damaged;
    lm_text_free(&path);
    cJSON_free(found);
}

/* ---- reading ----------------------------------------------------------------------------------*/

/* "text that cannot be parsed at line 3, column 7": where parsing stopped. */
static void describe_stop(const char *text, const char *stop, size_t size, char out[96]) {
    long long line = 1, column = 1;
    size_t end = stop ? (size_t)(stop - text) : size;
    for (size_t i = 0; i < end && i < size; i++) {
        column = text[i] == '\n' ? 1 : column + 1;
        line += text[i] == '\n';
    }
    snprintf(out, 96, "text that cannot be parsed at line %lld, column %lld", line, column);
}

lm_status lm_json_open(lm_json_reader *r, const char *file, const char *text, size_t size,
                       lm_error *err) {
    const char *stop = NULL;
    char found[96] = "another value";
    *r = (lm_json_reader){.file = file, .err = err};
    r->root = cJSON_ParseWithLengthOpts(text, size, &stop, false);
    r->levels[0].object = r->root;
    if (cJSON_IsObject(r->root)) return LM_OK;
    if (!r->root) describe_stop(text, stop, size, found);
    r->status =
        lm_error_set(err, LM_ERR_RUNTIME, "%s: expected a JSON object, found %s", file, found);
    return lm_json_close(r);
}

lm_status lm_json_close(lm_json_reader *r) {
    cJSON_Delete(r->root);
    r->root = NULL;
    return r->status;
}

static bool is_whole(const cJSON *item, int64_t low, int64_t high) {
    if (!cJSON_IsNumber(item)) return false;
    double x = item->valuedouble;
    return x >= (double)low && x <= (double)high && x == floor(x);
}

int64_t lm_json_get_count(lm_json_reader *r, const char *key, int64_t low, int64_t high) {
    char expected[80];
    if (r->status != LM_OK) return 0;
    LM_ASSERT(low >= 0 && low <= high && high <= (int64_t)1 << 53);
    const cJSON *item = find(r, key);
    if (is_whole(item, low, high)) return (int64_t)item->valuedouble;
    snprintf(expected, sizeof expected, "a whole number from %" PRId64 " to %" PRId64, low, high);
    lm_json_wrong(r, key, expected);
    return 0;
}

bool lm_json_has(const lm_json_reader *r, const char *key) {
    return r->status == LM_OK && find(r, key) != NULL;
}

double lm_json_get_number(lm_json_reader *r, const char *key) {
    if (r->status != LM_OK) return NAN;
    const cJSON *item = find(r, key);
    if (cJSON_IsNumber(item)) return item->valuedouble;
    if (!cJSON_IsNull(item)) lm_json_wrong(r, key, "a number or null");
    return NAN;
}

uint64_t lm_json_get_digest(lm_json_reader *r, const char *key) {
    if (r->status != LM_OK) return 0;
    const cJSON *item = find(r, key);
    const char *digits = cJSON_IsString(item) ? item->valuestring : "";
    if (strlen(digits) == 16 && strspn(digits, "0123456789abcdef") == 16)
        return strtoumax(digits, NULL, 16);
    lm_json_wrong(r, key, "16 hexadecimal digits");
    return 0;
}

void lm_json_get_string(lm_json_reader *r, const char *key, char *out, size_t size) {
    char expected[64];
    out[0] = '\0';
    if (r->status != LM_OK) return;
    const cJSON *item = find(r, key);
    if (cJSON_IsString(item) && strlen(item->valuestring) < size) {
        strcpy(out, item->valuestring);
        return;
    }
    snprintf(expected, sizeof expected, "a string of at most %zu bytes", size - 1);
    lm_json_wrong(r, key, expected);
}

char *lm_json_get_object_text(lm_json_reader *r, const char *key) {
    if (r->status != LM_OK) return NULL;
    const cJSON *item = find(r, key);
    if (!cJSON_IsObject(item)) {
        lm_json_wrong(r, key, "an object");
        return NULL;
    }
    char *text = cJSON_PrintUnformatted(item);
    if (!text) r->status = lm_error_no_memory(r->err, r->file);
    return text;
}

void lm_json_expect_string(lm_json_reader *r, const char *key, const char *expected) {
    if (r->status != LM_OK) return;
    const cJSON *item = find(r, key);
    if (cJSON_IsString(item) && strcmp(item->valuestring, expected) == 0) return;
    lm_text quoted = {0};
    lm_text_json_string(&quoted, expected);
    lm_json_wrong(r, key, lm_text_cstr(&quoted));
    lm_text_free(&quoted);
}

void lm_json_expect_count(lm_json_reader *r, const char *key, int64_t expected) {
    char text[32];
    if (r->status != LM_OK || is_whole(find(r, key), expected, expected)) return;
    snprintf(text, sizeof text, "%" PRId64, expected);
    lm_json_wrong(r, key, text);
}

int64_t lm_json_enter(lm_json_reader *r, const char *key) {
    const cJSON *array = r->status == LM_OK ? find(r, key) : NULL;
    if (r->status == LM_OK && !cJSON_IsArray(array)) {
        lm_json_wrong(r, key, "an array");
        array = NULL;
    }
    LM_ASSERT(r->depth + 1 < LM_JSON_DEPTH);
    r->depth++;
    r->levels[r->depth].key = key;
    r->levels[r->depth].next = array ? array->child : NULL;
    r->levels[r->depth].object = array; /* what an error about the array as a whole shows */
    r->levels[r->depth].index = -1;
    return array ? cJSON_GetArraySize(array) : 0;
}

bool lm_json_next(lm_json_reader *r) {
    if (r->status != LM_OK || !r->levels[r->depth].next) return false;
    r->levels[r->depth].object = r->levels[r->depth].next;
    r->levels[r->depth].next = r->levels[r->depth].next->next;
    r->levels[r->depth].index++;
    return true;
}

void lm_json_leave(lm_json_reader *r) {
    LM_ASSERT(r->depth > 0);
    r->depth--;
}

#include "containers/safetensors.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/numbers.h"
#include "containers/json_pull.h"

enum {
    FRONT = 8,             /* bytes that say how long the JSON is */
    MOST_JSON = 100000000, /* MAX_HEADER_SIZE of the reference library */
    PADDING = 8,           /* the JSON is padded to a multiple of this */
};
#define MOST_COUNT (INT64_C(1) << 53) /* whole numbers that a double holds */
#define METADATA   "__metadata__"

/* ---- reading ----------------------------------------------------------------------------------*/

/* Appends the string taken last, with a NUL behind it. */
static void keep_string(lm_safetensors *s, lm_json_pull *p) {
    if (memchr(lm_text_cstr(&p->string), 0, p->string.length))
        lm_json_pull_wrong(p, "a string of " METADATA " with a byte 0x00");
    lm_text_append(&s->metadata, lm_text_cstr(&p->string), p->string.length + 1);
}

static void take_metadata(lm_safetensors *s, lm_json_pull *p) {
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        keep_string(s, p);
        lm_json_pull_string(p);
        keep_string(s, p);
    }
}

/* What is said of a tensor. */
typedef struct entry {
    int element, ndim;
    int64_t shape[LM_TENSOR_DIMS], begin, end;
    unsigned seen; /* which of the three members */
} entry;
enum { DTYPE = 1, SHAPE = 2, OFFSETS = 4, ALL = 7 };

static void take_dtype(entry *e, lm_json_pull *p) {
    lm_json_pull_string(p);
    if (p->status != LM_OK) return;
    e->element = lm_element_of_safetensors(lm_text_cstr(&p->string));
    if (e->element < 0 || strlen(lm_text_cstr(&p->string)) != p->string.length)
        lm_json_pull_wrong(p, "the dtype \"%.32s\" is not known", lm_text_cstr(&p->string));
}

static void take_shape(entry *e, lm_json_pull *p) {
    lm_json_pull_array(p);
    while (lm_json_pull_element(p)) {
        int64_t n = lm_json_pull_count(p, MOST_COUNT);
        if (e->ndim == LM_TENSOR_DIMS)
            lm_json_pull_wrong(p, "a tensor of more than %d dimensions", LM_TENSOR_DIMS);
        else
            e->shape[e->ndim++] = n;
    }
}

static void take_offsets(entry *e, lm_json_pull *p) {
    int n = 0;
    lm_json_pull_array(p);
    while (lm_json_pull_element(p)) {
        int64_t x = lm_json_pull_count(p, MOST_COUNT);
        *(n == 0 ? &e->begin : &e->end) = x;
        if (++n > 2) lm_json_pull_wrong(p, "expected two data_offsets, found more");
    }
    if (n < 2) lm_json_pull_wrong(p, "expected two data_offsets, found %d", n);
}

static void take_entry(entry *e, lm_json_pull *p) {
    *e = (entry){0};
    lm_json_pull_object(p);
    while (lm_json_pull_member(p)) {
        unsigned which = lm_json_pull_is(p, "dtype")          ? DTYPE
                         : lm_json_pull_is(p, "shape")        ? SHAPE
                         : lm_json_pull_is(p, "data_offsets") ? OFFSETS
                                                              : 0;
        if (e->seen & which)
            lm_json_pull_wrong(p, "a second \"%s\"", lm_text_cstr(&p->string));
        else if (which == DTYPE)
            take_dtype(e, p);
        else if (which == SHAPE)
            take_shape(e, p);
        else if (which == OFFSETS)
            take_offsets(e, p);
        else
            lm_json_pull_skip(p);
        e->seen |= which;
    }
    if (e->seen != ALL)
        lm_json_pull_wrong(p, "expected a tensor's dtype, shape and data_offsets, found no %s",
                           !(e->seen & DTYPE)   ? "dtype"
                           : !(e->seen & SHAPE) ? "shape"
                                                : "data_offsets");
}

/* `data`: where in the file the offsets begin. */
static void take_tensor(lm_safetensors *s, lm_json_pull *p, uint64_t data, lm_text *name) {
    entry e;
    char shape[LM_TENSOR_SHAPE_SIZE];
    name->length = 0;
    lm_text_append(name, lm_text_cstr(&p->string), p->string.length + 1);
    take_entry(&e, p);
    if (p->status != LM_OK) return;
    p->status = name->failed ? lm_error_no_memory(p->err, p->file)
                             : lm_tensors_add(&s->tensors, p->file, name->data, name->length - 1,
                                              e.element, e.ndim, e.shape, p->err);
    if (p->status != LM_OK) return;
    lm_tensor *t = &s->tensors.list[s->tensors.count - 1];
    t->offset = data + (uint64_t)e.begin;
    if (e.end < e.begin || (uint64_t)(e.end - e.begin) != t->bytes)
        p->status = lm_error_damaged(
            p->err,
            "%s: tensor %s: expected %llu bytes for its shape %s of %s, found data_offsets"
            " [%lld, %lld]",
            p->file, name->data, (unsigned long long)t->bytes,
            lm_tensor_shape(shape, e.ndim, e.shape), lm_element_at(e.element)->name,
            (long long)e.begin, (long long)e.end);
}

static lm_status parse(lm_safetensors *s, const char *json, size_t size, lm_error *err) {
    lm_json_pull p;
    lm_text name = {0};
    bool metadata = false;
    lm_json_pull_begin(&p, s->file.path, json, size, err);
    lm_json_pull_object(&p);
    while (lm_json_pull_member(&p)) {
        if (!lm_json_pull_is(&p, METADATA)) {
            take_tensor(s, &p, FRONT + size, &name);
        } else if (metadata) {
            lm_json_pull_wrong(&p, "a second \"" METADATA "\"");
        } else {
            metadata = true;
            take_metadata(s, &p);
        }
    }
    lm_status status = lm_json_pull_end(&p);
    if (status == LM_OK && s->metadata.failed) status = lm_error_no_memory(err, s->file.path);
    if (status == LM_OK)
        status =
            lm_tensors_finish(&s->tensors, s->file.path, FRONT + size, s->file.size, true, err);
    lm_text_free(&name);
    return status;
}

lm_status lm_safetensors_open(lm_safetensors *s, const char *path, lm_error *err) {
    unsigned char front[FRONT];
    char *json = NULL;
    *s = (lm_safetensors){0};
    lm_status status = lm_file_reader_open(&s->file, path, err);
    if (status != LM_OK) return status;
    if (s->file.size < FRONT) {
        status = lm_error_damaged(err, "%s: expected a safetensors file, found %llu bytes", path,
                                  (unsigned long long)s->file.size);
        goto out;
    }
    if ((status = lm_file_reader_at(&s->file, 0, front, FRONT, err)) != LM_OK) goto out;
    uint64_t size = lm_read_u64(front);
    if (size > MOST_JSON || size > s->file.size - FRONT) {
        status = lm_error_damaged(
            err, "%s: expected a JSON header of at most %llu bytes, found that it has %llu", path,
            (unsigned long long)lm_u64_min(MOST_JSON, s->file.size - FRONT),
            (unsigned long long)size);
        goto out;
    }
    if (!(json = malloc((size_t)size + 1))) {
        status = lm_error_no_memory(err, path);
        goto out;
    }
    if ((status = lm_file_reader_at(&s->file, FRONT, json, (size_t)size, err)) != LM_OK) goto out;
    status = parse(s, json, (size_t)size, err);
out:
    free(json);
    if (status != LM_OK) lm_safetensors_close(s);
    return status;
}

const char *lm_safetensors_get(const lm_safetensors *s, const char *key) {
    for (size_t at = 0; at < s->metadata.length;) {
        const char *k = s->metadata.data + at, *value = k + strlen(k) + 1;
        if (strcmp(k, key) == 0) return value;
        at = (size_t)(value - s->metadata.data) + strlen(value) + 1;
    }
    return NULL;
}

void lm_safetensors_close(lm_safetensors *s) {
    if (s->file.path) lm_file_reader_close(&s->file);
    lm_tensors_free(&s->tensors);
    lm_text_free(&s->metadata);
    memset(s, 0, sizeof *s);
}

/* ---- writing ----------------------------------------------------------------------------------*/

void lm_safetensors_put(lm_safetensors_writer *w, const char *key, const char *value) {
    if (w->metadata.length > 0) lm_text_append(&w->metadata, ",", 1);
    lm_text_json_string(&w->metadata, key);
    lm_text_append(&w->metadata, ":", 1);
    lm_text_json_string(&w->metadata, value);
}

void lm_safetensors_add(lm_safetensors_writer *w, const char *name, lm_element element, int ndim,
                        const int64_t *shape) {
    lm_error aside = {0};
    LM_ASSERT(lm_element_at((int)element)->safetensors && lm_element_at((int)element)->block == 1);
    lm_status status = lm_tensors_add(&w->tensors.tensors, "safetensors", name, strlen(name),
                                      (int)element, ndim, shape, &aside);
    LM_ASSERT(status == LM_OK || !aside.damaged);
    if (status != LM_OK) w->failed = true;
}

/* Offsets from the first tensor on; returns the bytes of all. */
static uint64_t place(lm_tensors *t) {
    uint64_t at = 0;
    for (uint32_t width = 8; width > 0; width /= 2)
        for (size_t i = 0; i < t->count; i++) {
            if (lm_element_at(t->list[i].element)->bytes != width) continue;
            t->list[i].offset = at;
            at += t->list[i].bytes;
        }
    return at;
}

static void put_tensor(lm_text *head, const lm_tensor *t, const char *name) {
    lm_text_json_string(head, name);
    lm_text_printf(head, ":{\"dtype\":\"%s\",\"shape\":[", lm_element_at(t->element)->name);
    for (int d = 0; d < t->ndim; d++)
        lm_text_printf(head, "%s%lld", d ? "," : "", (long long)t->shape[d]);
    lm_text_printf(head, "],\"data_offsets\":[%llu,%llu]}", (unsigned long long)t->offset,
                   (unsigned long long)(t->offset + t->bytes));
}

lm_status lm_safetensors_begin(lm_safetensors_writer *w, const char *path, lm_error *err) {
    lm_tensors *tensors = &w->tensors.tensors;
    uint64_t bytes = place(tensors);
    lm_text head = {.failed = w->failed || w->metadata.failed};
    lm_text_append(&head, "\0\0\0\0\0\0\0", FRONT); /* the length of what follows comes last */
    lm_text_printf(&head, "{\"" METADATA "\":{%s}", lm_text_cstr(&w->metadata));
    for (size_t i = 0; i < tensors->count; i++) {
        lm_text_append(&head, ",", 1);
        put_tensor(&head, &tensors->list[i], tensors->names.data + tensors->list[i].name_at);
    }
    lm_text_append(&head, "}", 1);
    while (head.length % PADDING != 0 && !head.failed) lm_text_append(&head, " ", 1);
    if (!head.failed) lm_write_u64(head.data, head.length - FRONT);
    for (size_t i = 0; i < tensors->count; i++) tensors->list[i].offset += head.length;
    lm_status status = lm_tensor_writer_begin(&w->tensors, path, &head, head.length + bytes, err);
    lm_text_free(&head);
    return status;
}

void lm_safetensors_writer_free(lm_safetensors_writer *w) {
    lm_text_free(&w->metadata);
    lm_tensor_writer_abort(&w->tensors);
    memset(w, 0, sizeof *w);
}

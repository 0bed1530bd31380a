#include <string.h>

#include "base/bytes.h"
#include "base/numbers.h"
#include "containers/gguf.h"

static void put_u32(lm_text *t, uint32_t x) {
    unsigned char bytes[4];
    lm_write_u32(bytes, x);
    lm_text_append(t, bytes, sizeof bytes);
}

static void put_u64(lm_text *t, uint64_t x) {
    unsigned char bytes[8];
    lm_write_u64(bytes, x);
    lm_text_append(t, bytes, sizeof bytes);
}

static void put_f32(lm_text *t, float x) {
    union {
        float value;
        uint32_t bits;
    } u = {x};
    put_u32(t, u.bits);
}

static void put_string(lm_text *t, const char *s, size_t length) {
    put_u64(t, length);
    lm_text_append(t, s, length);
}

/* ---- metadata ---------------------------------------------------------------------------------*/

static void put_key(lm_gguf_writer *w, const char *key, lm_gguf_type type) {
    put_string(&w->pairs, key, strlen(key));
    put_u32(&w->pairs, type);
    w->n_pairs++;
}

void lm_gguf_put_u32(lm_gguf_writer *w, const char *key, uint32_t x) {
    put_key(w, key, LM_GGUF_U32);
    put_u32(&w->pairs, x);
}

void lm_gguf_put_f32(lm_gguf_writer *w, const char *key, float x) {
    put_key(w, key, LM_GGUF_F32);
    put_f32(&w->pairs, x);
}

void lm_gguf_put_boolean(lm_gguf_writer *w, const char *key, bool x) {
    put_key(w, key, LM_GGUF_BOOL);
    lm_text_append(&w->pairs, x ? "\1" : "\0", 1);
}

void lm_gguf_put_string(lm_gguf_writer *w, const char *key, const char *s) {
    lm_gguf_put_bytes(w, key, s, strlen(s));
}

void lm_gguf_put_bytes(lm_gguf_writer *w, const char *key, const char *s, size_t length) {
    put_key(w, key, LM_GGUF_STRING);
    put_string(&w->pairs, s, length);
}

void lm_gguf_put_array(lm_gguf_writer *w, const char *key, lm_gguf_type of, uint64_t count) {
    put_key(w, key, LM_GGUF_ARRAY);
    put_u32(&w->pairs, of);
    put_u64(&w->pairs, count);
}

void lm_gguf_put_element_string(lm_gguf_writer *w, const char *s, size_t length) {
    put_string(&w->pairs, s, length);
}

void lm_gguf_put_element_i32(lm_gguf_writer *w, int32_t x) {
    put_u32(&w->pairs, (uint32_t)x);
}

void lm_gguf_put_element_f32(lm_gguf_writer *w, float x) {
    put_f32(&w->pairs, x);
}

/* ---- tensors ----------------------------------------------------------------------------------*/

void lm_gguf_add(lm_gguf_writer *w, const char *name, lm_element element, int ndim,
                 const int64_t *shape) {
    lm_error aside = {0};
    LM_ASSERT(ndim <= 4 && strlen(name) <= LM_GGUF_NAME && lm_element_at((int)element)->gguf >= 0);
    lm_status status = lm_tensors_add(&w->tensors.tensors, "GGUF", name, strlen(name), (int)element,
                                      ndim, shape, &aside);
    LM_ASSERT(status == LM_OK || !aside.damaged);
    if (status != LM_OK) w->failed = true;
}

static uint64_t padded(uint64_t n) {
    return (n + LM_GGUF_ALIGNMENT - 1) / LM_GGUF_ALIGNMENT * LM_GGUF_ALIGNMENT;
}

static void put_tensor(lm_text *head, const lm_tensor *t, const char *name, uint64_t offset) {
    put_string(head, name, strlen(name));
    put_u32(head, (uint32_t)t->ndim);
    for (int d = t->ndim - 1; d >= 0; d--) put_u64(head, (uint64_t)t->shape[d]);
    put_u32(head, (uint32_t)lm_element_at(t->element)->gguf);
    put_u64(head, offset);
}

lm_status lm_gguf_begin(lm_gguf_writer *w, const char *path, lm_error *err) {
    lm_tensors *tensors = &w->tensors.tensors;
    lm_text head = {.failed = w->failed};
    uint64_t at = 0; /* ggml takes only offsets that leave no gap */
    lm_text_append(&head, "GGUF", 4);
    put_u32(&head, 3);
    put_u64(&head, tensors->count);
    put_u64(&head, w->n_pairs);
    lm_text_append(&head, lm_text_cstr(&w->pairs), w->pairs.length);
    for (size_t i = 0; i < tensors->count; i++) {
        lm_tensor *t = &tensors->list[i];
        put_tensor(&head, t, tensors->names.data + t->name_at, at);
        t->offset = at;
        at += padded(t->bytes);
    }
    while (head.length % LM_GGUF_ALIGNMENT != 0 && !head.failed) lm_text_append(&head, "", 1);
    head.failed |= w->pairs.failed;
    for (size_t i = 0; i < tensors->count; i++) tensors->list[i].offset += head.length;
    lm_status status = lm_tensor_writer_begin(&w->tensors, path, &head, head.length + at, err);
    lm_text_free(&head);
    return status;
}

void lm_gguf_writer_free(lm_gguf_writer *w) {
    lm_text_free(&w->pairs);
    lm_tensor_writer_abort(&w->tensors);
    memset(w, 0, sizeof *w);
}

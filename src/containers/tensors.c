#include "containers/tensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"

/* ---- types of elements ------------------------------------------------------------------------*/

/* Numbers, blocks and bytes: ggml.h and gguf-py's constants.py; the dtypes of safetensors without a
 * number: its README. */
static const lm_element_row rows[] = {
    [LM_ELEMENT_F32] = {"F32", 0, true, 1, 4},
    [LM_ELEMENT_F16] = {"F16", 1, true, 1, 2},
    [LM_ELEMENT_BF16] = {"BF16", 30, true, 1, 2},
    [LM_ELEMENT_Q8_0] = {"Q8_0", 8, false, 32, 34},
    [LM_ELEMENT_Q4_0] = {"Q4_0", 2, false, 32, 18},
    [LM_ELEMENT_Q4_1] = {"Q4_1", 3, false, 32, 20},
    [LM_ELEMENT_F64] = {"F64", 28, true, 1, 8},
    [LM_ELEMENT_I32] = {"I32", 26, true, 1, 4},
    {"I8", 24, true, 1, 1},
    {"I16", 25, true, 1, 2},
    {"I64", 27, true, 1, 8},
    {"U8", -1, true, 1, 1},
    {"U16", -1, true, 1, 2},
    {"U32", -1, true, 1, 4},
    {"U64", -1, true, 1, 8},
    {"BOOL", -1, true, 1, 1},
    {"C64", -1, true, 1, 8},
    {"F8_E4M3", -1, true, 1, 1},
    {"F8_E5M2", -1, true, 1, 1},
    {"F8_E8M0", -1, true, 1, 1},
    {"F8_E4M3FNUZ", -1, true, 1, 1},
    {"F8_E5M2FNUZ", -1, true, 1, 1},
    {"F6_E2M3", -1, true, 4, 3},
    {"F6_E3M2", -1, true, 4, 3},
    {"F4", -1, true, 2, 1},
    {"Q5_0", 6, false, 32, 22},
    {"Q5_1", 7, false, 32, 24},
    {"Q8_1", 9, false, 32, 40},
    {"Q2_K", 10, false, 256, 84},
    {"Q3_K", 11, false, 256, 110},
    {"Q4_K", 12, false, 256, 144},
    {"Q5_K", 13, false, 256, 176},
    {"Q6_K", 14, false, 256, 210},
    {"Q8_K", 15, false, 256, 292},
    {"IQ2_XXS", 16, false, 256, 66},
    {"IQ2_XS", 17, false, 256, 74},
    {"IQ3_XXS", 18, false, 256, 98},
    {"IQ1_S", 19, false, 256, 50},
    {"IQ4_NL", 20, false, 32, 18},
    {"IQ3_S", 21, false, 256, 110},
    {"IQ2_S", 22, false, 256, 82},
    {"IQ4_XS", 23, false, 256, 136},
    {"IQ1_M", 29, false, 256, 56},
    {"TQ1_0", 34, false, 256, 54},
    {"TQ2_0", 35, false, 256, 66},
    {"MXFP4", 39, false, 32, 17},
    {"NVFP4", 40, false, 64, 36},
    {"Q1_0", 41, false, 128, 18},
};
enum { N_ROWS = sizeof rows / sizeof *rows };

const lm_element_row *lm_element_at(int element) {
    return element >= 0 && element < N_ROWS ? &rows[element] : NULL;
}

int lm_element_of_gguf(uint32_t number) {
    for (int i = 0; i < N_ROWS; i++)
        if (rows[i].gguf >= 0 && (uint32_t)rows[i].gguf == number) return i;
    return -1;
}

int lm_element_of_safetensors(const char *name) {
    for (int i = 0; i < N_ROWS; i++)
        if (rows[i].safetensors && strcmp(rows[i].name, name) == 0) return i;
    return -1;
}

bool lm_element_bytes(int element, int64_t count, uint64_t *bytes) {
    const lm_element_row *row = lm_element_at(element);
    return count % row->block == 0 && lm_u64_mul((uint64_t)(count / row->block), row->bytes, bytes);
}

/* ---- the list ---------------------------------------------------------------------------------*/

const char *lm_tensor_shape(char out[LM_TENSOR_SHAPE_SIZE], int ndim, const int64_t *shape) {
    int n = snprintf(out, LM_TENSOR_SHAPE_SIZE, "[");
    for (int d = 0; d < ndim; d++)
        n += snprintf(out + n, LM_TENSOR_SHAPE_SIZE - (size_t)n, "%s%lld", d ? ", " : "",
                      (long long)shape[d]);
    snprintf(out + n, LM_TENSOR_SHAPE_SIZE - (size_t)n, "]");
    return out;
}

static bool grow(lm_tensors *t) {
    if (t->count < t->capacity) return true;
    size_t capacity = t->capacity ? 2 * t->capacity : 64, bytes;
    if (!lm_size_mul(capacity, sizeof *t->list, &bytes)) return false;
    lm_tensor *list = realloc(t->list, bytes);
    if (!list) return false;
    t->list = list;
    t->capacity = capacity;
    return true;
}

lm_status lm_tensors_add(lm_tensors *t, const char *file, const char *text, size_t length,
                         int element, int ndim, const int64_t *shape, lm_error *err) {
    char shown[LM_TENSOR_SHAPE_SIZE];
    LM_ASSERT(ndim >= 0 && ndim <= LM_TENSOR_DIMS);
    if (length == 0) return lm_error_damaged(err, "%s: a tensor has an empty name", file);
    if (memchr(text, 0, length))
        return lm_error_damaged(err, "%s: tensor %s: its name holds a byte 0x00", file, text);
    lm_tensor row = {.element = element, .ndim = ndim, .count = 1};
    bool fits = true;
    for (int d = 0; d < ndim; d++) {
        row.shape[d] = shape[d];
        fits = fits && shape[d] >= 0 && lm_count_mul(row.count, shape[d], &row.count);
    }
    if (!fits)
        return lm_error_damaged(err, "%s: tensor %.*s: its shape %s has too many elements", file,
                                (int)lm_size_min(length, 256), text,
                                lm_tensor_shape(shown, ndim, shape));
    int64_t width = ndim > 0 ? shape[ndim - 1] : 1;
    if (width % rows[element].block != 0 || !lm_element_bytes(element, row.count, &row.bytes))
        return lm_error_damaged(err,
                                "%s: tensor %.*s: its shape %s is not of whole blocks of %lld"
                                " elements (%s)",
                                file, (int)lm_size_min(length, 256), text,
                                lm_tensor_shape(shown, ndim, shape), (long long)rows[element].block,
                                rows[element].name);
    if (!grow(t)) return lm_error_no_memory(err, file);
    row.name_at = t->names.length;
    lm_text_append(&t->names, text, length);
    lm_text_append(&t->names, "", 1);
    if (t->names.failed) return lm_error_no_memory(err, file);
    t->list[t->count++] = row;
    return LM_OK;
}

/* The names move while their text grows, so only now can they be pointed at. */
static void resolve_names(lm_tensors *t) {
    for (size_t i = 0; i < t->count; i++) t->list[i].name = t->names.data + t->list[i].name_at;
}

static int by_offset(const void *a, const void *b) {
    const lm_tensor *x = a, *y = b;
    if (x->offset != y->offset) return x->offset < y->offset ? -1 : 1;
    return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

static int by_name(const void *a, const void *b) {
    const lm_tensor *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* In the order of offsets. Tensors without elements lie anywhere. */
static lm_status check_places(const lm_tensors *t, const char *file, uint64_t begin, uint64_t end,
                              bool packed, lm_error *err) {
    uint64_t at = begin;
    const lm_tensor *before = NULL;
    for (size_t i = 0; i < t->count; i++) {
        const lm_tensor *row = &t->list[i];
        uint64_t last;
        if (!lm_u64_add(row->offset, row->bytes, &last) || last > end || row->offset < begin)
            return lm_error_damaged(err,
                                    "%s: tensor %s: expected its %llu bytes at byte offset %llu,"
                                    " found the data to span byte offsets %llu to %llu",
                                    file, row->name, (unsigned long long)row->bytes,
                                    (unsigned long long)row->offset, (unsigned long long)begin,
                                    (unsigned long long)end);
        if (row->offset < at && row->bytes > 0)
            return lm_error_damaged(err, "%s: tensors %s and %s overlap at byte offset %llu", file,
                                    before->name, row->name, (unsigned long long)row->offset);
        if (packed && row->offset > at) break;
        if (last > at) at = last;
        if (row->bytes > 0) before = row;
    }
    if (packed && at != end)
        return lm_error_damaged(err, "%s: the bytes from byte offset %llu on belong to no tensor",
                                file, (unsigned long long)at);
    return LM_OK;
}

lm_status lm_tensors_finish(lm_tensors *t, const char *file, uint64_t begin, uint64_t end,
                            bool packed, lm_error *err) {
    resolve_names(t);
    if (t->count > 0) qsort(t->list, t->count, sizeof *t->list, by_offset);
    lm_status status = check_places(t, file, begin, end, packed, err);
    if (status != LM_OK) return status;
    if (t->count > 0) qsort(t->list, t->count, sizeof *t->list, by_name);
    for (size_t i = 1; i < t->count; i++)
        if (strcmp(t->list[i - 1].name, t->list[i].name) == 0)
            return lm_error_damaged(err, "%s: there are two tensors with the name %s", file,
                                    t->list[i].name);
    return LM_OK;
}

static int against_name(const void *key, const void *row) {
    return strcmp(key, ((const lm_tensor *)row)->name);
}

const lm_tensor *lm_tensors_find(const lm_tensors *t, const char *name) {
    if (t->count == 0) return NULL;
    return bsearch(name, t->list, t->count, sizeof *t->list, against_name);
}

void lm_tensors_free(lm_tensors *t) {
    free(t->list);
    lm_text_free(&t->names);
    memset(t, 0, sizeof *t);
}

/* ---- writing ----------------------------------------------------------------------------------*/

lm_status lm_tensor_writer_begin(lm_tensor_writer *w, const char *path, const lm_text *head,
                                 uint64_t end, lm_error *err) {
    if (head->failed) return lm_error_no_memory(err, path);
    resolve_names(&w->tensors);
    w->end = end;
    w->written = calloc(w->tensors.count + 1, sizeof *w->written);
    if (!w->written) return lm_error_no_memory(err, path);
    lm_status status = lm_file_writer_open(&w->file, path, err);
    if (status != LM_OK) return status;
    return lm_file_writer_write(&w->file, lm_text_cstr(head), head->length, err);
}

lm_status lm_tensor_write(lm_tensor_writer *w, size_t i, uint64_t at, const void *data, size_t size,
                          lm_error *err) {
    LM_ASSERT(i < w->tensors.count);
    const lm_tensor *t = &w->tensors.list[i];
    LM_ASSERT(at <= t->bytes && size <= t->bytes - at);
    lm_status status = lm_file_writer_write_at(&w->file, t->offset + at, data, size, err);
    if (status == LM_OK) w->written[i] += size;
    return status;
}

lm_status lm_tensor_writer_commit(lm_tensor_writer *w, lm_error *err) {
    uint64_t last = w->file.offset;
    for (size_t i = 0; i < w->tensors.count; i++) {
        const lm_tensor *t = &w->tensors.list[i];
        LM_ASSERT(w->written[i] == t->bytes);
        if (t->offset + t->bytes > last) last = t->offset + t->bytes;
    }
    lm_status status = LM_OK;
    if (last < w->end) status = lm_file_writer_write_at(&w->file, w->end - 1, "", 1, err);
    if (status == LM_OK) status = lm_file_writer_commit(&w->file, err);
    lm_tensor_writer_abort(w);
    return status;
}

void lm_tensor_writer_abort(lm_tensor_writer *w) {
    if (w->file.path) lm_file_writer_abort(&w->file);
    lm_tensors_free(&w->tensors);
    free(w->written);
    memset(w, 0, sizeof *w);
}

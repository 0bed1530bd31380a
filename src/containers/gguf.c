#include "containers/gguf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/numbers.h"

#define MAGIC "GGUF"
enum {
    FRONT = 24,           /* bytes before the first pair */
    FIRST_READ = 1 << 20, /* bytes of the file that are read first; mostly the whole head */
    MOST_DIMS = 4,        /* GGML_MAX_DIMS */
    MOST_ALIGNMENT = 1 << 20,
    MOST_VERSION = 3,
};

static const struct type_row {
    const char *name;
    size_t bytes; /* of a value; 0: it varies */
} types[LM_GGUF_TYPES] = {
    [LM_GGUF_U8] = {"a u8", 1},         [LM_GGUF_I8] = {"an i8", 1},
    [LM_GGUF_U16] = {"a u16", 2},       [LM_GGUF_I16] = {"an i16", 2},
    [LM_GGUF_U32] = {"a u32", 4},       [LM_GGUF_I32] = {"an i32", 4},
    [LM_GGUF_F32] = {"an f32", 4},      [LM_GGUF_BOOL] = {"a boolean", 1},
    [LM_GGUF_STRING] = {"a string", 0}, [LM_GGUF_ARRAY] = {"an array", 0},
    [LM_GGUF_U64] = {"a u64", 8},       [LM_GGUF_I64] = {"an i64", 8},
    [LM_GGUF_F64] = {"an f64", 8},
};

bool lm_gguf_is(const void *front, size_t size) {
    return size >= 4 && memcmp(front, MAGIC, 4) == 0;
}

/* ---- the head, from its first byte on ---------------------------------------------------------*/

/* The head's size is known only when it has been read. So its bytes are parsed as far as they are
 * in memory; `more` says that the file goes on: parsing begins anew with more of it. */
typedef struct parser {
    lm_gguf *g;
    size_t at, size;  /* of g->head */
    uint64_t in_file; /* bytes of the whole file */
    bool more;
    lm_status status;
    lm_error *err;
} parser;

static void wrong(parser *p, const char *expected, const char *found) {
    if (p->status == LM_OK)
        p->status = lm_error_damaged(p->err, "%s: byte offset %zu: expected %s, found %s",
                                     p->g->path, p->at, expected, found);
}

/* The next n bytes, which are taken; NULL: they are not there, and p->status or p->more says so. */
static const unsigned char *take(parser *p, uint64_t n, const char *what) {
    if (p->status != LM_OK) return NULL;
    if (n > p->in_file - p->at) {
        lm_text expected = {0};
        lm_text_printf(&expected, "%s (%llu bytes)", what, (unsigned long long)n);
        wrong(p, lm_text_cstr(&expected), "the end of the file");
        lm_text_free(&expected);
        return NULL;
    }
    if (n > p->size - p->at) {
        p->more = true;
        p->status = LM_ERR_RUNTIME; /* ends every loop */
        return NULL;
    }
    const unsigned char *bytes = p->g->head + p->at;
    p->at += (size_t)n;
    return bytes;
}

static uint64_t take_u64(parser *p, const char *what) {
    const unsigned char *bytes = take(p, 8, what);
    return bytes ? lm_read_u64(bytes) : 0;
}

static uint32_t take_u32(parser *p, const char *what) {
    const unsigned char *bytes = take(p, 4, what);
    return bytes ? lm_read_u32(bytes) : 0;
}

/* "" after an error. */
static const char *take_string(parser *p, const char *what, size_t *length) {
    uint64_t n = take_u64(p, what);
    const unsigned char *bytes = take(p, n, what);
    *length = bytes ? (size_t)n : 0;
    return bytes ? (const char *)bytes : "";
}

static lm_gguf_type take_type(parser *p) {
    uint32_t type = take_u32(p, "a value's type");
    if (p->status == LM_OK && type >= LM_GGUF_TYPES) {
        p->at -= 4;
        wrong(p, "the type of a value, 0 to 12", "another number");
    }
    return p->status == LM_OK ? (lm_gguf_type)type : LM_GGUF_U8;
}

static void take_booleans(parser *p, uint64_t count) {
    const unsigned char *bytes = take(p, count, "booleans");
    for (uint64_t i = 0; bytes && i < count; i++)
        if (bytes[i] > 1) {
            p->at -= (size_t)(count - i);
            wrong(p, "a boolean, 0 or 1", "another byte");
            return;
        }
}

static void take_elements(parser *p, lm_gguf_type of, uint64_t count) {
    uint64_t bytes;
    if (of == LM_GGUF_BOOL) {
        take_booleans(p, count);
    } else if (of == LM_GGUF_STRING) {
        size_t length;
        for (uint64_t i = 0; i < count && p->status == LM_OK; i++)
            take_string(p, "a string of an array", &length);
    } else if (!lm_u64_mul(count, types[of].bytes, &bytes)) {
        wrong(p, "the number of an array's elements", "one that does not fit 64 bits");
    } else {
        take(p, bytes, "an array's elements");
    }
}

static void take_pair(parser *p, lm_gguf_pair *pair) {
    *pair = (lm_gguf_pair){.count = 1};
    pair->key = take_string(p, "a key", &pair->key_length);
    if (p->status == LM_OK && pair->key_length == 0) wrong(p, "a key", "an empty string");
    pair->type = pair->of = take_type(p);
    if (pair->type == LM_GGUF_ARRAY) {
        pair->of = take_type(p);
        pair->count = take_u64(p, "the number of an array's elements");
        if (p->status == LM_OK && pair->of == LM_GGUF_ARRAY)
            wrong(p, "an array's elements", "an array, which no reader takes");
    } else if (pair->type == LM_GGUF_STRING) {
        pair->count = take_u64(p, "the length of a string");
    }
    pair->at = p->at;
    if (pair->type == LM_GGUF_STRING)
        take(p, pair->count, "a string");
    else if (p->status == LM_OK)
        take_elements(p, pair->of, pair->count);
    pair->length = p->at - pair->at;
}

static int by_key(const void *a, const void *b) {
    const lm_gguf_pair *x = a, *y = b;
    size_t n = lm_size_min(x->key_length, y->key_length);
    int order = memcmp(x->key, y->key, n);
    return order ? order : (x->key_length > y->key_length) - (x->key_length < y->key_length);
}

/* A file of size bytes holds at most size / least things of at least `least` bytes each. */
static uint64_t take_number(parser *p, const char *what, uint64_t least) {
    uint64_t n = take_u64(p, what);
    if (p->status == LM_OK && n > (p->in_file - p->at) / least) {
        p->at -= 8;
        wrong(p, what, "more than fit in the file");
    }
    return p->status == LM_OK ? n : 0;
}

static void take_pairs(parser *p, uint64_t count) {
    lm_gguf *g = p->g;
    size_t capacity = 0;
    for (uint64_t i = 0; i < count && p->status == LM_OK; i++) {
        if (g->n_pairs == capacity) {
            capacity = capacity ? 2 * capacity : 64;
            lm_gguf_pair *pairs = realloc(g->pairs, capacity * sizeof *pairs);
            if (!pairs) {
                p->status = lm_error_no_memory(p->err, g->path);
                return;
            }
            g->pairs = pairs;
        }
        take_pair(p, &g->pairs[g->n_pairs]);
        if (p->status == LM_OK) g->n_pairs++;
    }
    if (p->status != LM_OK || g->n_pairs == 0) return;
    qsort(g->pairs, g->n_pairs, sizeof *g->pairs, by_key);
    for (size_t i = 1; i < g->n_pairs; i++)
        if (by_key(&g->pairs[i - 1], &g->pairs[i]) == 0 && p->status == LM_OK)
            p->status =
                lm_error_damaged(p->err, "%s: there are two keys %.*s", g->path,
                                 (int)lm_size_min(g->pairs[i].key_length, 256), g->pairs[i].key);
}

/* Offsets are relative to the data, which begins behind the last of these. */
static void take_tensor(parser *p, uint64_t alignment) {
    int64_t shape[MOST_DIMS] = {0};
    size_t length;
    const char *name = take_string(p, "a tensor's name", &length);
    if (p->status == LM_OK && length > LM_GGUF_NAME)
        wrong(p, "a tensor's name of at most 63 bytes", "a longer one");
    uint32_t ndim = take_u32(p, "a tensor's number of dimensions");
    if (p->status == LM_OK && ndim > MOST_DIMS) wrong(p, "at most 4 dimensions", "more");
    for (uint32_t d = 0; d < ndim && p->status == LM_OK; d++) {
        uint64_t n = take_u64(p, "a tensor's dimension");
        if (n > INT64_MAX) wrong(p, "a tensor's dimension", "one that does not fit 63 bits");
        shape[ndim - 1 - d] = (int64_t)n;
    }
    uint32_t number = take_u32(p, "a tensor's type");
    int element = lm_element_of_gguf(number);
    uint64_t offset = take_u64(p, "a tensor's offset");
    if (p->status != LM_OK) return;
    if (element < 0) {
        p->status = lm_error_damaged(p->err, "%s: tensor %.*s: its type %u is not known",
                                     p->g->path, (int)length, name, number);
    } else if (offset % alignment != 0) {
        p->status = lm_error_damaged(p->err,
                                     "%s: tensor %.*s: expected an offset that is a multiple of"
                                     " %llu, found %llu",
                                     p->g->path, (int)length, name, (unsigned long long)alignment,
                                     (unsigned long long)offset);
    } else {
        p->status = lm_tensors_add(&p->g->tensors, p->g->path, name, length, element, (int)ndim,
                                   shape, p->err);
        if (p->status == LM_OK) p->g->tensors.list[p->g->tensors.count - 1].offset = offset;
    }
}

static uint64_t get_alignment(lm_gguf *g) {
    static const char key[] = "general.alignment";
    if (!lm_gguf_has(g, key)) return LM_GGUF_ALIGNMENT;
    uint64_t n = (uint64_t)lm_gguf_get_count(g, key, 1, MOST_ALIGNMENT);
    if (n & (n - 1)) lm_gguf_wrong(g, key, "a power of two");
    return g->status == LM_OK ? n : 1;
}

static void take_front(parser *p, uint64_t *n_tensors, uint64_t *n_pairs) {
    const unsigned char *magic = take(p, 4, "\"" MAGIC "\"");
    if (magic && !lm_gguf_is(magic, 4)) {
        p->at = 0;
        wrong(p, "\"" MAGIC "\"", "other bytes");
    }
    uint32_t version = take_u32(p, "the version");
    if (p->status == LM_OK && (version < 2 || version > MOST_VERSION))
        p->status = lm_error_damaged(p->err, "%s: expected GGUF version 2 or 3, found %s%u",
                                     p->g->path, version > 0xFFFF ? "a big-endian file: " : "",
                                     version > 0xFFFF ? version >> 24 : version);
    *n_tensors = take_number(p, "the number of tensors", 8 + 1 + 4 + 4 + 8);
    *n_pairs = take_number(p, "the number of keys", 8 + 1 + 4 + 1);
}

static void parse(parser *p) {
    lm_gguf *g = p->g;
    uint64_t n_tensors, n_pairs, last;
    take_front(p, &n_tensors, &n_pairs);
    take_pairs(p, n_pairs);
    if (p->status != LM_OK) return;
    uint64_t alignment = get_alignment(g);
    if ((p->status = g->status) != LM_OK) return;
    for (uint64_t i = 0; i < n_tensors && p->status == LM_OK; i++) take_tensor(p, alignment);
    if (p->status != LM_OK) return;
    g->data = (p->at + alignment - 1) / alignment * alignment;
    for (size_t i = 0; i < g->tensors.count; i++) {
        lm_tensor *t = &g->tensors.list[i];
        if (!lm_u64_add(t->offset, g->data, &t->offset)) t->offset = UINT64_MAX;
    }
    last = p->in_file > g->data ? p->in_file : g->data;
    p->status = lm_tensors_finish(&g->tensors, g->path, g->data, last, false, p->err);
}

static void forget(lm_gguf *g) {
    free(g->pairs);
    g->pairs = NULL;
    g->n_pairs = 0;
    lm_tensors_free(&g->tensors);
}

lm_status lm_gguf_open(lm_gguf *g, const char *path, lm_error *err) {
    *g = (lm_gguf){.err = err};
    lm_status status = lm_file_reader_open(&g->file, path, err);
    if (status != LM_OK) return status;
    g->path = g->file.path;
    parser p = {.more = true, .in_file = g->file.size, .err = err};
    for (size_t size = FIRST_READ; p.more; size *= 2) {
        forget(g);
        size_t had = g->head_size;
        g->head_size = (size_t)lm_u64_min(size, g->file.size);
        unsigned char *head = realloc(g->head, g->head_size + 1);
        if (!head) {
            status = lm_error_no_memory(err, path);
            goto out;
        }
        g->head = head;
        status = lm_file_reader_at(&g->file, had, head + had, g->head_size - had, err);
        if (status != LM_OK) goto out;
        p = (parser){.g = g, .size = g->head_size, .in_file = g->file.size, .err = err};
        parse(&p);
    }
    status = p.status;
out:
    if (status != LM_OK) lm_gguf_close(g);
    return status;
}

void lm_gguf_close(lm_gguf *g) {
    forget(g);
    free(g->head);
    if (g->path) lm_file_reader_close(&g->file);
    memset(g, 0, sizeof *g);
}

/* ---- getters ----------------------------------------------------------------------------------*/

static const lm_gguf_pair *find(const lm_gguf *g, const char *key) {
    const lm_gguf_pair wanted = {.key = key, .key_length = strlen(key)};
    if (g->n_pairs == 0) return NULL;
    return bsearch(&wanted, g->pairs, g->n_pairs, sizeof *g->pairs, by_key);
}

bool lm_gguf_has(const lm_gguf *g, const char *key) {
    return find(g, key) != NULL;
}

static double number_at(lm_gguf_type type, const unsigned char *bytes) {
    union {
        uint32_t bits;
        float value;
    } f32;
    union {
        uint64_t bits;
        double value;
    } f64;
    switch (type) {
    case LM_GGUF_U8:
    case LM_GGUF_BOOL:
        return *bytes;
    case LM_GGUF_I8:
        return (int8_t)*bytes;
    case LM_GGUF_U16:
        return lm_read_u16(bytes);
    case LM_GGUF_I16:
        return (int16_t)lm_read_u16(bytes);
    case LM_GGUF_U32:
        return lm_read_u32(bytes);
    case LM_GGUF_I32:
        return (int32_t)lm_read_u32(bytes);
    case LM_GGUF_U64:
        return (double)lm_read_u64(bytes);
    case LM_GGUF_I64:
        return (double)(int64_t)lm_read_u64(bytes);
    case LM_GGUF_F32:
        f32.bits = lm_read_u32(bytes);
        return (double)f32.value;
    case LM_GGUF_F64:
        f64.bits = lm_read_u64(bytes);
        return f64.value;
    default:
        return NAN;
    }
}

static bool is_number(lm_gguf_type type) {
    return types[type].bytes > 0 && type != LM_GGUF_BOOL;
}

void lm_gguf_wrong(lm_gguf *g, const char *key, const char *expected) {
    const lm_gguf_pair *pair = find(g, key);
    lm_text found = {0};
    if (g->status != LM_OK) return;
    if (!pair) {
        lm_text_printf(&found, "no such key");
    } else if (is_number(pair->type)) {
        lm_text_json_number(&found, number_at(pair->type, g->head + pair->at));
    } else if (pair->type == LM_GGUF_STRING) {
        lm_text_say(&found, "\"%.*s\"", (int)lm_u64_min(pair->count, 64),
                    (const char *)g->head + pair->at);
    } else {
        lm_text_printf(&found, "%s", types[pair->type].name);
        if (pair->type == LM_GGUF_ARRAY)
            lm_text_printf(&found, " of %llu, each %s", (unsigned long long)pair->count,
                           types[pair->of].name);
    }
    g->status = lm_error_damaged(g->err, "%s: key %s: expected %s, found %-s", g->path, key,
                                 expected, lm_text_cstr(&found));
    lm_text_free(&found);
}

/* The pair when it is of the type; LM_GGUF_TYPES: of a number. NULL after an error. */
static const lm_gguf_pair *get(lm_gguf *g, const char *key, lm_gguf_type type,
                               const char *expected) {
    if (g->status != LM_OK) return NULL;
    const lm_gguf_pair *pair = find(g, key);
    if (pair && (type == LM_GGUF_TYPES ? is_number(pair->type) : pair->type == type)) return pair;
    lm_gguf_wrong(g, key, expected);
    return NULL;
}

int64_t lm_gguf_get_count(lm_gguf *g, const char *key, int64_t low, int64_t high) {
    lm_text expected = {0};
    lm_text_printf(&expected, "a whole number from %lld to %lld", (long long)low, (long long)high);
    const lm_gguf_pair *pair = get(g, key, LM_GGUF_TYPES, lm_text_cstr(&expected));
    double x = pair ? number_at(pair->type, g->head + pair->at) : 0;
    if (pair && !(x >= (double)low && x <= (double)high && x == floor(x)))
        lm_gguf_wrong(g, key, lm_text_cstr(&expected));
    lm_text_free(&expected);
    return g->status == LM_OK ? (int64_t)x : 0;
}

double lm_gguf_get_number(lm_gguf *g, const char *key) {
    const lm_gguf_pair *pair = get(g, key, LM_GGUF_TYPES, "a number");
    return pair ? number_at(pair->type, g->head + pair->at) : 0;
}

bool lm_gguf_get_boolean(lm_gguf *g, const char *key) {
    const lm_gguf_pair *pair = get(g, key, LM_GGUF_BOOL, "a boolean");
    return pair && g->head[pair->at] == 1;
}

const char *lm_gguf_get_string(lm_gguf *g, const char *key, size_t *length) {
    const lm_gguf_pair *pair = get(g, key, LM_GGUF_STRING, "a string");
    *length = pair ? pair->length : 0;
    return pair ? (const char *)g->head + pair->at : NULL;
}

bool lm_gguf_string_is(lm_gguf *g, const char *key, const char *s) {
    size_t length;
    const char *found = lm_gguf_get_string(g, key, &length);
    return found && length == strlen(s) && memcmp(found, s, length) == 0;
}

void lm_gguf_get_array(lm_gguf *g, const char *key, lm_gguf_type of, lm_gguf_array *a) {
    const char *expected = of == LM_GGUF_STRING ? "an array of strings" : "an array of numbers";
    *a = (lm_gguf_array){0};
    const lm_gguf_pair *pair = get(g, key, LM_GGUF_ARRAY, expected);
    if (!pair) return;
    if (pair->count > 0 && (of == LM_GGUF_STRING) != (pair->of == LM_GGUF_STRING)) {
        lm_gguf_wrong(g, key, expected);
        return;
    }
    *a = (lm_gguf_array){
        .next = g->head + pair->at, .of = pair->of, .count = pair->count, .left = pair->count};
}

bool lm_gguf_next(lm_gguf_array *a) {
    if (a->left == 0) return false;
    a->left--;
    if (a->of == LM_GGUF_STRING) {
        a->length = (size_t)lm_read_u64(a->next); /* was checked when it was opened */
        a->string = (const char *)a->next + 8;
        a->next += 8 + a->length;
    } else {
        a->number = number_at(a->of, a->next);
        a->next += types[a->of].bytes;
    }
    return true;
}

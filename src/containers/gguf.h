/* GGUF, the file format of llama.cpp: typed metadata, a directory of tensors, and their elements
 * (github.com/ggml-org/ggml, docs/gguf.md). Versions 2 and 3 are read, version 3 is written.
 *
 *     +-- "GGUF", version, number of tensors, number of keys ---------------+
 *     | key, type, value   ...                                              |
 *     | name, dimensions (the contiguous one first), type, offset   ...     |
 *     +-- zeros up to a multiple of general.alignment (32) -----------------+
 *     | the tensors' elements, each padded with zeros to that alignment     |
 *     +---------------------------------------------------------------------+
 *
 *     read:   lm_gguf g;
 *             lm_gguf_open(&g, path, err);               // checks the whole head
 *             layers = lm_gguf_get_count(&g, "llama.block_count", 1, 1000);
 *             const lm_tensor *t = lm_tensors_find(&g.tensors, "token_embd.weight");
 *             lm_file_reader_at(&g.file, t->offset, ...);
 *             if (g.status != LM_OK) ...                 // the first error of the getters
 *             lm_gguf_close(&g);
 *
 *     write:  lm_gguf_writer w = {0};
 *             lm_gguf_put_string(&w, "general.architecture", "llama");
 *             lm_gguf_add(&w, "token_embd.weight", LM_ELEMENT_F32, 2, shape);       // 0
 *             lm_gguf_begin(&w, path, err);              // path.tmp now holds the head
 *             lm_tensor_write(&w.tensors, 0, 0, data, bytes, err);
 *             lm_tensor_writer_commit(&w.tensors, err);
 *             lm_gguf_writer_free(&w);                   // after an error too
 *
 * Only the head is in memory, and never more than the file holds. */
#ifndef LM_CONTAINERS_GGUF_H
#define LM_CONTAINERS_GGUF_H

#include "containers/tensors.h"

/* Types of values, as they are numbered in the file. */
typedef enum lm_gguf_type {
    LM_GGUF_U8,
    LM_GGUF_I8,
    LM_GGUF_U16,
    LM_GGUF_I16,
    LM_GGUF_U32,
    LM_GGUF_I32,
    LM_GGUF_F32,
    LM_GGUF_BOOL,
    LM_GGUF_STRING,
    LM_GGUF_ARRAY,
    LM_GGUF_U64,
    LM_GGUF_I64,
    LM_GGUF_F64,
    LM_GGUF_TYPES
} lm_gguf_type;

/* ---- reading ----------------------------------------------------------------------------------*/

typedef struct lm_gguf_pair {
    const char *key; /* [key_length], without a NUL, as are strings */
    size_t key_length;
    lm_gguf_type type;
    lm_gguf_type of;   /* of an array's elements */
    uint64_t count;    /* elements of an array, bytes of a string; else 1 */
    size_t at, length; /* the value (of an array: its elements) in the head */
} lm_gguf_pair;

typedef struct lm_gguf {
    lm_file_reader file;
    unsigned char *head; /* what the pairs point into */
    size_t head_size;
    lm_gguf_pair *pairs; /* by key */
    size_t n_pairs;
    lm_tensors tensors;
    uint64_t data; /* where in the file the first tensor may begin */
    char *path;
    lm_status status; /* of the first getter that failed; after it they return 0, false, NULL */
    lm_error *err;
} lm_gguf;

bool lm_gguf_is(const void *front, size_t size); /* do the first bytes of a file say so? */
/* After an error there is nothing to close. Errors name the byte offset and are `damaged`. */
lm_status lm_gguf_open(lm_gguf *g, const char *path, lm_error *err);
void lm_gguf_close(lm_gguf *g); /* zero-initialised or twice is fine */

/* Getters of values by key: any type of integers and of floats will do where the value fits. What
 * is missing or of another type is an error that names file, key and what was found. A string is
 * [*length], without a NUL. */
bool lm_gguf_has(const lm_gguf *g, const char *key);
int64_t lm_gguf_get_count(lm_gguf *g, const char *key, int64_t low, int64_t high);
double lm_gguf_get_number(lm_gguf *g, const char *key);
bool lm_gguf_get_boolean(lm_gguf *g, const char *key);
const char *lm_gguf_get_string(lm_gguf *g, const char *key, size_t *length);
bool lm_gguf_string_is(lm_gguf *g, const char *key, const char *s);
/* An error of the caller's own: "FILE: key KEY: expected WHAT, found ...". */
void lm_gguf_wrong(lm_gguf *g, const char *key, const char *expected);

/* An array, element after element:
 *     lm_gguf_array a;
 *     lm_gguf_get_array(&g, "tokenizer.ggml.tokens", LM_GGUF_STRING, &a);
 *     while (lm_gguf_next(&a)) ... a.string, a.length ...       // or a.number */
typedef struct lm_gguf_array {
    const unsigned char *next;
    lm_gguf_type of;
    uint64_t count, left; /* elements in all, and after the present one */
    const char *string;   /* the present element */
    size_t length;
    double number; /* of integers and floats; 0 and 1 of booleans */
} lm_gguf_array;
/* `of`: LM_GGUF_STRING, or LM_GGUF_TYPES for numbers of any type. Count 0 after an error. */
void lm_gguf_get_array(lm_gguf *g, const char *key, lm_gguf_type of, lm_gguf_array *a);
bool lm_gguf_next(lm_gguf_array *a);

/* ---- writing ----------------------------------------------------------------------------------*/

enum { LM_GGUF_ALIGNMENT = 32, LM_GGUF_NAME = 63 /* bytes of a tensor's name that ggml takes */ };

/* Zero-initialise. Keys and names are ours and unique; that memory ran out is said by begin. */
typedef struct lm_gguf_writer {
    lm_text pairs; /* as in the file */
    uint64_t n_pairs;
    lm_tensor_writer tensors;
    bool failed;
} lm_gguf_writer;

void lm_gguf_put_u32(lm_gguf_writer *w, const char *key, uint32_t x);
void lm_gguf_put_f32(lm_gguf_writer *w, const char *key, float x);
void lm_gguf_put_boolean(lm_gguf_writer *w, const char *key, bool x);
void lm_gguf_put_string(lm_gguf_writer *w, const char *key, const char *s);
void lm_gguf_put_bytes(lm_gguf_writer *w, const char *key, const char *s, size_t length);
/* An array: just `count` calls of the element's function must follow. */
void lm_gguf_put_array(lm_gguf_writer *w, const char *key, lm_gguf_type of, uint64_t count);
void lm_gguf_put_element_string(lm_gguf_writer *w, const char *s, size_t length);
void lm_gguf_put_element_i32(lm_gguf_writer *w, int32_t x);
void lm_gguf_put_element_f32(lm_gguf_writer *w, float x);

/* Tensors are numbered in the order in which they are added; shape in C order (out, in), ndim at
 * most 4, the last axis whole blocks (asserted). */
void lm_gguf_add(lm_gguf_writer *w, const char *name, lm_element element, int ndim,
                 const int64_t *shape);
/* Creates the temporary file with its head. Then each tensor is written (lm_tensor_write). */
lm_status lm_gguf_begin(lm_gguf_writer *w, const char *path, lm_error *err);
void lm_gguf_writer_free(lm_gguf_writer *w); /* removes the temporary unless it was committed */

#endif

/* Named tensors in a file: what GGUF and safetensors have in common. A list says where each tensor
 * lies; its elements are read at offsets of the open file, by any number of threads:
 *
 *     const lm_tensor *t = lm_tensors_find(&g.tensors, "blk.0.attn_q.weight");
 *     lm_file_reader_at(&g.file, t->offset + at, data, size, err);
 *
 * Opening has checked that every tensor lies inside the file and that no two overlap. */
#ifndef LM_CONTAINERS_TENSORS_H
#define LM_CONTAINERS_TENSORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/file.h"
#include "base/text.h"

/* Types of elements, each a row of the table in tensors.c. Only the first few are read and written
 * by lmtrain; of the others their size is known, so that a file that holds them can be listed. */
typedef enum lm_element {
    LM_ELEMENT_F32,
    LM_ELEMENT_F16,
    LM_ELEMENT_BF16,
    LM_ELEMENT_Q8_0, /* blocks of 32: f16 scale, 32 int8 */
    LM_ELEMENT_Q4_0, /* blocks of 32: f16 scale, 16 bytes of two elements each */
    LM_ELEMENT_Q4_1, /* blocks of 32: f16 scale, f16 minimum, 16 bytes of two elements each */
    LM_ELEMENT_F64,
    LM_ELEMENT_I32,
    LM_ELEMENT_OTHERS, /* from here on the table goes on without names in C */
} lm_element;

typedef struct lm_element_row {
    const char *name; /* "F32", "Q4_K": as GGML and safetensors spell it */
    int gguf;         /* its number in GGUF; -1: none */
    bool safetensors; /* is it a dtype of safetensors? */
    int64_t block;    /* elements of a block */
    uint32_t bytes;   /* of a block */
} lm_element_row;
const lm_element_row *lm_element_at(int element); /* NULL past the end */
int lm_element_of_gguf(uint32_t number);          /* -1: not known */
int lm_element_of_safetensors(const char *name);  /* -1: not known */
/* *bytes of count elements; false: not whole blocks, or it does not fit 64 bits. */
bool lm_element_bytes(int element, int64_t count, uint64_t *bytes);

enum { LM_TENSOR_DIMS = 8 };
typedef struct lm_tensor {
    const char *name;
    size_t name_at; /* of the name in lm_tensors.names */
    int element;    /* lm_element, or a later row of its table */
    int ndim;
    int64_t shape[LM_TENSOR_DIMS]; /* C order: the last axis is contiguous */
    int64_t count;                 /* product(shape) */
    uint64_t offset, bytes;        /* in the file */
} lm_tensor;

/* Zero-initialise. Filled by lm_tensors_add, then put in order by lm_tensors_finish. */
typedef struct lm_tensors {
    lm_tensor *list; /* by name, in strcmp order, once finished */
    size_t count, capacity;
    lm_text names; /* what the names point into */
} lm_tensors;

/* Appends a tensor with this name, type and shape (ndim at most LM_TENSOR_DIMS); count and bytes
 * are computed with checks, offset is left at 0 for the caller to set in the list's last row.
 * `file` begins the errors, which are `damaged`. Names are resolved by finish. */
lm_status lm_tensors_add(lm_tensors *t, const char *file, const char *name, size_t name_length,
                         int element, int ndim, const int64_t *shape, lm_error *err);
/* Sorts, and checks: no name twice, all of every tensor between `begin` and `end` of the file, no
 * overlap; with packed, no byte between `begin` and `end` that is of no tensor. */
lm_status lm_tensors_finish(lm_tensors *t, const char *file, uint64_t begin, uint64_t end,
                            bool packed, lm_error *err);
const lm_tensor *lm_tensors_find(const lm_tensors *t, const char *name); /* NULL: none */
void lm_tensors_free(lm_tensors *t); /* zero-initialised or twice is fine */

/* "[32000, 64]" for messages; returns out. */
enum { LM_TENSOR_SHAPE_SIZE = 192 };
const char *lm_tensor_shape(char out[LM_TENSOR_SHAPE_SIZE], int ndim, const int64_t *shape);

/* ---- writing ----------------------------------------------------------------------------------*/

/* The part of a writer that both formats share: where tensors go in the file, and that each is
 * written whole. The formats' own headers say how it is begun. */
typedef struct lm_tensor_writer {
    lm_file_writer file;
    lm_tensors tensors; /* in the order in which they were added; offsets from the file's start */
    uint64_t *written;  /* [count] bytes so far */
    uint64_t end;       /* bytes of the whole file */
} lm_tensor_writer;

/* Bytes [at, at + size) of tensor i, by the order of adding. Different threads may write different
 * tensors at once; the pieces of one tensor are written by one thread at a time, each byte once. */
lm_status lm_tensor_write(lm_tensor_writer *w, size_t i, uint64_t at, const void *data, size_t size,
                          lm_error *err);
/* Asserts that all tensors were written whole; syncs, and gives the file its name. */
lm_status lm_tensor_writer_commit(lm_tensor_writer *w, lm_error *err);
/* Frees, and removes the temporary file; after commit it only frees. Zero-initialised is fine. */
void lm_tensor_writer_abort(lm_tensor_writer *w);

/* For the formats: creates the file and writes its head, the bytes before the first tensor. Offsets
 * of the tensors are set already. */
lm_status lm_tensor_writer_begin(lm_tensor_writer *w, const char *path, const lm_text *head,
                                 uint64_t end, lm_error *err);

#endif

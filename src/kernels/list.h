/* The list of kernels: one row per kernel says which buffers it takes and how to call it. Tests
 * compare every row of any table with the scalar one, `lmtrain bench` times every row. A new ISA
 * needs no line here, a new kernel one row.
 *
 *     lm_kernel_call c = {.rows = 48, .n = 768, .stride = 768};
 *     lm_kernel_describe(row, &c);       // c.size[] says how large each buffer has to be
 *     for (...) c.b[i] = ...;            // those that the row takes: row->buffers[i].shape
 *     row->call(&table, &c);
 */
#ifndef LM_KERNELS_LIST_H
#define LM_KERNELS_LIST_H

#include <stddef.h>

#include "kernels/kernels.h"

enum { LM_KERNEL_BUFFERS = 32 }; /* list.c names them */

/* One call: sizes, a number that picks among the row's variants, and the buffers. */
typedef struct lm_kernel_call {
    int64_t rows, n, k;
    int64_t stride; /* of matrices with one: n or more */
    int variant;
    int64_t count[LM_KERNEL_BUFFERS]; /* elements: set by lm_kernel_describe */
    int64_t size[LM_KERNEL_BUFFERS];  /* floats that hold them: likewise */
    float *b[LM_KERNEL_BUFFERS];
} lm_kernel_call;

/* What varies: n; rows and n; rows, n and k. */
typedef enum lm_kernel_sizes { LM_KERNEL_VECTOR, LM_KERNEL_MATRIX, LM_KERNEL_GEMM } lm_kernel_sizes;

/* What an element is. Tests compare the bits of bf16 and of pairs; of fp32 too, but two NaNs are
 * equal. */
typedef enum lm_kernel_type { LM_KERNEL_F32, LM_KERNEL_BF16, LM_KERNEL_PAIRS } lm_kernel_type;

/* One buffer of a kernel. The typical use, the last variant, reads and writes it so many times. */
typedef struct lm_kernel_buffer {
    int64_t (*shape)(const lm_kernel_call *c); /* elements; NULL: the kernel takes no such buffer */
    lm_kernel_type type;
    int reads, writes;
} lm_kernel_buffer;

typedef struct lm_kernel_row {
    const char *name;
    size_t member; /* offset of the function in lm_kernels */
    lm_kernel_sizes sizes;
    int variants; /* the last one is the typical use */
    void (*call)(const lm_kernels *k, const lm_kernel_call *c);
    double flops; /* times rows n k; 0: what it moves counts, not what it computes */
    lm_kernel_buffer buffers[LM_KERNEL_BUFFERS];
} lm_kernel_row;

extern const lm_kernel_row lm_kernel_list[];
extern const int lm_kernel_list_count;
extern const char *const lm_kernel_buffer_names[LM_KERNEL_BUFFERS];

/* Sets c->count and c->size from c's sizes and variant. */
void lm_kernel_describe(const lm_kernel_row *row, lm_kernel_call *c);

#endif

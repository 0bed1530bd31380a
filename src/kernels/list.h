/* The list of kernels: one row a kernel says which buffers it takes and how to call it. Tests compare
 * every row of any table with the scalar one, `lmtrain bench` times every row. A new ISA needs no
 * line here, a new kernel one row.
 *
 *     lm_kernel_call c = {.rows = 48, .n = 768, .stride = 768};
 *     row->describe(&c);                 // c.size[] says how large each buffer has to be
 *     for (...) c.b[i] = ...;
 *     row->call(&table, &c);
 */
#ifndef LM_KERNELS_LIST_H
#define LM_KERNELS_LIST_H

#include <stddef.h>

#include "kernels/kernels.h"

enum { LM_KERNEL_BUFFERS = 8 };

/* One call: sizes, a number that picks among the row's variants, and the buffers. */
typedef struct lm_kernel_call {
    int64_t rows, n, k;
    int64_t stride; /* of matrices with one: n or more */
    int variant;
    int64_t size[LM_KERNEL_BUFFERS]; /* floats, set by the row */
    unsigned pairs; /* likewise: bit i says that b[i] holds pairs of bf16 instead */
    float *b[LM_KERNEL_BUFFERS];
} lm_kernel_call;

/* What varies: n; rows and n; rows, n and k. */
typedef enum lm_kernel_sizes { LM_KERNEL_VECTOR, LM_KERNEL_MATRIX, LM_KERNEL_GEMM } lm_kernel_sizes;

typedef struct lm_kernel_row {
    const char *name;
    size_t member; /* offset of the function in lm_kernels */
    lm_kernel_sizes sizes;
    int variants;                        /* the last one is the typical use */
    void (*describe)(lm_kernel_call *c); /* sets size[], pairs */
    void (*call)(const lm_kernels *k, const lm_kernel_call *c);
    const char *reads, *writes; /* the buffers that the typical use reads and writes, as digits */
    double flops;               /* times rows n k; 0: what it moves counts, not what it computes */
} lm_kernel_row;

extern const lm_kernel_row lm_kernel_list[];
extern const int lm_kernel_list_count;

#endif

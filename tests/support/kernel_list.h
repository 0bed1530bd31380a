/* The list of kernels as the tests see it: one row a kernel says which buffers it takes and how to
 * call it; the comparison of any table with the scalar one follows from the rows. A new ISA needs
 * no line here, a new kernel one row.
 *
 *     char why[512];
 *     uint64_t digest;
 *     for (int i = 0; i < kernel_list_count; i++)
 *         if (!kernel_compare(&kernel_list[i], &table, &digest, why, sizeof why)) fail(why);
 */
#ifndef LM_TESTS_SUPPORT_KERNEL_LIST_H
#define LM_TESTS_SUPPORT_KERNEL_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/kernels.h"

enum { KERNEL_BUFFERS = 8 };

/* One call: sizes, a number that picks among the row's variants, and the buffers. */
typedef struct kernel_call {
    int64_t rows, n, k;
    int64_t stride; /* of matrices with one: n or more */
    int variant;
    int64_t size[KERNEL_BUFFERS]; /* floats, set by the row */
    float *b[KERNEL_BUFFERS];
} kernel_call;

typedef enum kernel_sizes { KERNEL_VECTOR, KERNEL_MATRIX, KERNEL_GEMM } kernel_sizes;

typedef struct kernel_row {
    const char *name;
    size_t member; /* offset of the function in lm_kernels */
    kernel_sizes sizes;
    int variants;
    void (*describe)(kernel_call *c); /* sets size[] */
    void (*call)(const lm_kernels *k, const kernel_call *c);
} kernel_row;

extern const kernel_row kernel_list[];
extern const int kernel_list_count;

/* Runs the row's kernel of `table` and of the scalar table over awkward sizes, special values and
 * buffers that end at a guard page; false, and the first difference in `why`, when a bit differs.
 * Two NaNs are equal. *digest is a number that the results of all calls determine, for comparison
 * with another machine. */
bool kernel_compare(const kernel_row *row, const lm_kernels *table, uint64_t *digest, char *why,
                    size_t size);

#endif

/* The comparison that follows from the list of kernels (kernels/list.h).
 *
 *     char why[512];
 *     uint64_t digest;
 *     for (int i = 0; i < lm_kernel_list_count; i++)
 *         if (!kernel_compare(&lm_kernel_list[i], &table, &digest, why, sizeof why)) fail(why);
 */
#ifndef LM_TESTS_SUPPORT_KERNEL_COMPARE_H
#define LM_TESTS_SUPPORT_KERNEL_COMPARE_H

#include <stdbool.h>

#include "kernels/list.h"

/* Runs the row's kernel of `table` and of the scalar table over awkward sizes, special values and
 * buffers that end at a guard page; false, and the first difference in `why`, when a bit differs.
 * Two NaNs are equal. *digest is a number that the results of all calls determine, for comparison
 * with another machine. */
bool kernel_compare(const lm_kernel_row *row, const lm_kernels *table, uint64_t *digest, char *why,
                    size_t size);

#endif

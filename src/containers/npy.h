/* NumPy's .npy format, version 1.0 (numpy.lib.format): a header that says type and shape, then the
 * elements. */
#ifndef LM_CONTAINERS_NPY_H
#define LM_CONTAINERS_NPY_H

#include <stdint.h>

#include "base/text.h"

/* Append the header of an array in C order: descr is NumPy's name of the type ("|u1": uint8), shape
 * [ndim]. A multiple of 64 bytes, below 64 KiB: ndim at most 64 (asserted). */
void lm_npy_header_print(const char *descr, int ndim, const int64_t *shape, lm_text *out);

#endif

/* NumPy's .npy format (numpy.lib.format): a header that says type and shape, then the elements.
 * Written in version 1.0, read in versions 1 to 3. */
#ifndef LM_CONTAINERS_NPY_H
#define LM_CONTAINERS_NPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

/* Append the header of an array in C order: descr is NumPy's name of the type ("|u1": uint8), shape
 * [ndim]. A multiple of 64 bytes, below 64 KiB: ndim at most 64 (asserted). */
void lm_npy_header_print(const char *descr, int ndim, const int64_t *shape, lm_text *out);

enum {
    LM_NPY_MOST_DIMS = 64,
    LM_NPY_FRONT = 12,            /* bytes that say how long the header is */
    LM_NPY_MOST_HEADER = 1 << 16, /* bytes; NumPy itself refuses headers above 10,000 characters */
};
typedef struct lm_npy_header {
    char descr[16]; /* NumPy's name of the type: "<u2" */
    bool fortran_order;
    int ndim;
    int64_t shape[LM_NPY_MOST_DIMS];
    int64_t count; /* elements */
} lm_npy_header;

/* Do the first bytes of a file say that it is a .npy? */
bool lm_npy_is(const unsigned char *front, size_t size);
/* Bytes of the header, from the first LM_NPY_FRONT bytes of such a file; 0 when they are of another
 * version, or the header is larger than LM_NPY_MOST_HEADER. */
size_t lm_npy_header_size(const unsigned char front[LM_NPY_FRONT]);
/* Reads a whole header of lm_npy_header_size bytes. Structured types and objects are refused; so is
 * whatever NumPy refuses. Errors begin with `name` and name the byte offset. */
lm_status lm_npy_header_read(lm_npy_header *h, const unsigned char *bytes, size_t size,
                             const char *name, lm_error *err);

#endif

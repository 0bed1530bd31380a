#include "containers/npy.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "base/error.h"

#define MAGIC "\x93NUMPY\x01\x00" /* and the version, 1.0 */
enum { MAGIC_SIZE = sizeof MAGIC - 1, FRONT = MAGIC_SIZE + 2, ALIGNMENT = 64, MOST_DIMS = 64 };

void lm_npy_header_print(const char *descr, int ndim, const int64_t *shape, lm_text *out) {
    size_t start = out->length;
    LM_ASSERT(ndim >= 0 && ndim <= MOST_DIMS);
    lm_text_append(out, MAGIC "\0\0", FRONT); /* the length of what follows comes last */
    lm_text_printf(out, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < ndim; i++) lm_text_printf(out, "%s%" PRId64, i ? ", " : "", shape[i]);
    lm_text_printf(out, ndim == 1 ? ",), }" : "), }"); /* a tuple of one has a comma */
    while ((out->length - start + 1) % ALIGNMENT != 0 && !out->failed) lm_text_append(out, " ", 1);
    lm_text_append(out, "\n", 1);
    if (!out->failed)
        lm_write_u16(out->data + start + MAGIC_SIZE, (uint16_t)(out->length - start - FRONT));
}

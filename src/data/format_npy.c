/* NumPy arrays of integers, of any shape, in C order: the rows follow one another. */
#include <inttypes.h>
#include <string.h>

#include "base/numbers.h"
#include "containers/npy.h"
#include "data/format.h"

/* "<u2", "|u1", ">i8". False: no integers. NumPy on any machine writes the order; '=' is written by
 * hand only. */
static bool integers(const char *descr, lm_ids *ids) {
    if (strlen(descr) != 3 || !strchr("<>|", descr[0]) || !strchr("ui", descr[1]) ||
        !strchr("1248", descr[2]))
        return false;
    *ids = (lm_ids){.bytes = descr[2] - '0',
                    .is_signed = descr[1] == 'i',
                    .big_endian = descr[0] == '>' && descr[2] != '1'};
    return descr[0] != '|' || ids->bytes == 1;
}

static lm_status check(lm_shard *s, const lm_npy_header *h, uint64_t header, lm_error *err) {
    uint64_t size;
    if (!integers(h->descr, &s->ids))
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: expected an array of integers, found elements of type '%s'"
                            " (from Python: a.astype('<u4'))",
                            s->path, h->descr);
    if (h->fortran_order && h->ndim > 1)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: expected an array in C order, found Fortran's, in which rows do"
                            " not follow one another (from Python: numpy.ascontiguousarray(a))",
                            s->path);
    if (!lm_u64_mul((uint64_t)h->count, (uint64_t)s->ids.bytes, &size) ||
        !lm_u64_add(size, header, &size) || size != s->file.size)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: expected %" PRId64
                            " elements of %d bytes after a header of %" PRIu64
                            " bytes, found a size of %" PRIu64 " bytes",
                            s->path, h->count, s->ids.bytes, header, s->file.size);
    s->start = header;
    s->tokens = h->count;
    return LM_OK;
}

static lm_status open_npy(lm_shard *s, bool *mine, lm_error *err) {
    unsigned char bytes[LM_NPY_MOST_HEADER];
    lm_npy_header h;
    if (s->manifest.found || s->file.size < LM_NPY_FRONT) return LM_OK;
    lm_status status = lm_shard_read_bytes(s, 0, bytes, LM_NPY_FRONT, err);
    if (status != LM_OK || !lm_npy_is(bytes, LM_NPY_FRONT)) return status;
    *mine = true;
    size_t size = lm_npy_header_size(bytes);
    if (size == 0)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: expected a NumPy header of version 1 to 3 and at most %d bytes,"
                            " found version %d",
                            s->path, LM_NPY_MOST_HEADER, bytes[6]);
    if (size > s->file.size)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: expected a NumPy header of %zu bytes, found a size of %" PRIu64
                            " bytes",
                            s->path, size, s->file.size);
    if ((status = lm_shard_read_bytes(s, 0, bytes, size, err)) != LM_OK) return status;
    if ((status = lm_npy_header_read(&h, bytes, size, s->path, err)) != LM_OK) return status;
    return check(s, &h, size, err);
}

const lm_format lm_format_npy = {.name = "NumPy .npy", .open = open_npy};

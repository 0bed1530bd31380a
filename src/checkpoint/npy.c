#include "checkpoint/npy.h"

#include <inttypes.h>

#include "base/bytes.h"
#include "checkpoint/planes.h"

bool lm_npy_count(const lm_checkpoint_array *a, int64_t *count) {
    int64_t product = 1;
    for (int i = 0; i < a->ndim; i++) {
        if (a->shape[i] < 0 || __builtin_mul_overflow(product, a->shape[i], &product)) return false;
        if (product > (int64_t)1 << 60) return false;
    }
    *count = product;
    return true;
}

void lm_npy_header(const lm_checkpoint_array *a, lm_text *out) {
    lm_text dict = {0};
    lm_text_printf(&dict, "{'descr': '|u1', 'fortran_order': False, 'shape': (%d", LM_PLANES);
    for (int i = 0; i < a->ndim; i++) lm_text_printf(&dict, ", %" PRId64, a->shape[i]);
    lm_text_printf(&dict, a->ndim == 0 ? ",), }" : "), }");
    while ((10 + dict.length + 1) % 64 != 0 && !dict.failed) lm_text_append(&dict, " ", 1);
    lm_text_append(&dict, "\n", 1);
    const unsigned char prefix[] = {0x93,
                                    'N',
                                    'U',
                                    'M',
                                    'P',
                                    'Y',
                                    1,
                                    0,
                                    (unsigned char)dict.length,
                                    (unsigned char)(dict.length >> 8)};
    lm_text_append(out, prefix, sizeof prefix);
    lm_text_append(out, lm_text_cstr(&dict), dict.length);
    out->failed |= dict.failed;
    lm_text_free(&dict);
}

void lm_npy_block(const lm_checkpoint_array *a, lm_text *out) {
    size_t start = out->length, front = start + LM_NPY_BLOCK_FRONT;
    lm_text_append(out, "\0\0\0\0\0", LM_NPY_BLOCK_FRONT); /* not final, stored */
    lm_npy_header(a, out);
    if (out->failed) return;
    lm_write_u16(out->data + start + 1, (uint16_t)(out->length - front));
    lm_write_u16(out->data + start + 3, (uint16_t) ~(out->length - front));
}

int64_t lm_npy_chunks(int64_t count) {
    return (count + LM_PLANE_CHUNK - 1) / LM_PLANE_CHUNK;
}

int64_t lm_npy_chunk_length(int64_t count, int64_t chunk) {
    int64_t left = count - chunk * LM_PLANE_CHUNK;
    return left < LM_PLANE_CHUNK ? left : LM_PLANE_CHUNK;
}

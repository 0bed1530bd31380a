#include "checkpoint/layout.h"

#include "base/bytes.h"
#include "base/numbers.h"
#include "checkpoint/planes.h"
#include "containers/npy.h"

bool lm_layout_count(const lm_checkpoint_array *a, int64_t *count) {
    int64_t product = 1;
    for (int i = 0; i < a->ndim; i++) {
        if (a->shape[i] < 0 || !lm_count_mul(product, a->shape[i], &product)) return false;
        if (product > (int64_t)1 << 60) return false;
    }
    *count = product;
    return true;
}

void lm_layout_block(const lm_checkpoint_array *a, lm_text *out) {
    size_t start = out->length, front = start + LM_LAYOUT_BLOCK_FRONT;
    int64_t shape[1 + LM_CHECKPOINT_MAX_DIMS] = {LM_PLANES};
    for (int i = 0; i < a->ndim; i++) shape[1 + i] = a->shape[i];
    lm_text_append(out, "\0\0\0\0\0", LM_LAYOUT_BLOCK_FRONT); /* not final, stored */
    lm_npy_header_print("|u1", 1 + a->ndim, shape, out);
    if (out->failed) return;
    lm_write_u16(out->data + start + 1, (uint16_t)(out->length - front));
    lm_write_u16(out->data + start + 3, (uint16_t) ~(out->length - front));
}

int64_t lm_layout_chunks(int64_t count) {
    return lm_divide_up(count, LM_PLANE_CHUNK);
}

int64_t lm_layout_chunk_length(int64_t count, int64_t chunk) {
    return lm_min(count - chunk * LM_PLANE_CHUNK, LM_PLANE_CHUNK);
}

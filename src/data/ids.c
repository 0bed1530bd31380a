#include "data/ids.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/numbers.h"

int64_t lm_ids_most_vocab_size(lm_ids type) {
    int bits = 8 * type.bytes - (type.is_signed ? 1 : 0);
    return bits >= 31 ? INT32_MAX : (int64_t)1 << bits;
}

const char *lm_ids_name(lm_ids type, char out[LM_IDS_NAME_SIZE]) {
    snprintf(out, LM_IDS_NAME_SIZE, "%s%sint%d", type.big_endian ? "big-endian " : "",
             type.is_signed ? "" : "u", 8 * type.bytes);
    return out;
}

int64_t lm_ids_value(lm_ids type, const unsigned char *bytes) {
    uint64_t x = 0;
    for (int i = 0; i < type.bytes; i++)
        x = x << 8 | bytes[type.big_endian ? i : type.bytes - 1 - i];
    if (!type.is_signed) return (int64_t)lm_u64_min(x, INT64_MAX);
    uint64_t sign = (uint64_t)1 << (8 * type.bytes - 1);
    return (x & sign) ? -(int64_t)(sign - (x & (sign - 1)) - 1) - 1 : (int64_t)x;
}

/* The types that nearly all corpora have get loops of their own. */
void lm_ids_decode(lm_ids type, const unsigned char *bytes, int64_t n, int32_t *ids) {
    if (type.bytes == 2 && !type.is_signed && !type.big_endian) {
        for (int64_t i = 0; i < n; i++) ids[i] = lm_read_u16(bytes + 2 * i);
    } else if (type.bytes == 4 && !type.big_endian) {
        /* A negative int32_t and a uint32_t above INT32_MAX have the same bits. */
        for (int64_t i = 0; i < n; i++) {
            uint32_t x = lm_read_u32(bytes + 4 * i);
            ids[i] = x <= INT32_MAX ? (int32_t)x : -1;
        }
    } else {
        for (int64_t i = 0; i < n; i++) {
            int64_t x = lm_ids_value(type, bytes + type.bytes * i);
            ids[i] = x >= 0 && x <= INT32_MAX ? (int32_t)x : -1;
        }
    }
}

void lm_ids_encode(lm_ids type, const int32_t *ids, int64_t n, unsigned char *bytes) {
    LM_ASSERT(!type.big_endian && (type.bytes == 2 || type.bytes == 4));
    for (int64_t i = 0; i < n; i++) {
        if (type.bytes == 2) {
            lm_write_u16(bytes + 2 * i, (uint16_t)ids[i]);
        } else {
            lm_write_u32(bytes + 4 * i, (uint32_t)ids[i]);
        }
    }
}

uint32_t lm_ids_largest(const int32_t *ids, int64_t n) {
    uint32_t most = 0;
    for (int64_t i = 0; i < n; i++) most = (uint32_t)ids[i] > most ? (uint32_t)ids[i] : most;
    return most;
}

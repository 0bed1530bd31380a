#include "data/ids.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

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

/* ---- scanning ---------------------------------------------------------------------------------*/

enum { BLOCK = 2048 }; /* ids: of any width they fit the first cache */

/* Loops that compilers turn into vectors: plain arrays, no branches. */
#define SCAN(name, type)                                                                          \
    static uint32_t name(const type *ids, int64_t n, bool asked, type watch, bool *watched) {     \
        type most = 0, found = 0;                                                                 \
        for (int64_t i = 0; i < n; i++) most = ids[i] > most ? ids[i] : most;                     \
        for (int64_t i = 0; i < n && asked; i++) found = (type)(found | (type)(ids[i] == watch)); \
        *watched = found != 0;                                                                    \
        return most;                                                                              \
    }
SCAN(scan_uint16, uint16_t)
SCAN(scan_uint32, uint32_t)

static bool is_native(lm_ids type) {
    const uint16_t one = 1;
    unsigned char first;
    memcpy(&first, &one, 1);
    return first == 1 && !type.big_endian &&
           ((type.bytes == 2 && !type.is_signed) || type.bytes == 4);
}

static uint32_t scan_block(lm_ids type, const unsigned char *bytes, int64_t n, int64_t watch,
                           bool *watched) {
    union {
        uint16_t two[BLOCK];
        uint32_t four[BLOCK];
        int32_t any[BLOCK];
    } ids;
    const bool may_occur = watch >= 0 && watch < lm_ids_most_vocab_size(type);
    uint32_t most;
    if (!is_native(type)) lm_ids_decode(type, bytes, n, ids.any);
    if (is_native(type)) memcpy(&ids, bytes, (size_t)(n * type.bytes));
    if (is_native(type) && type.bytes == 2) {
        most = scan_uint16(ids.two, n, may_occur, (uint16_t)watch, watched);
    } else {
        most = scan_uint32(ids.four, n, may_occur, (uint32_t)watch, watched);
    }
    return type.bytes >= 4 && most > INT32_MAX ? UINT32_MAX : most;
}

uint32_t lm_ids_scan(lm_ids type, const unsigned char *bytes, int64_t n, int64_t watch,
                     bool *watched) {
    uint32_t most = 0;
    *watched = false;
    for (int64_t done = 0; done < n; done += BLOCK) {
        bool found;
        uint32_t largest =
            scan_block(type, bytes + done * type.bytes, lm_min(n - done, BLOCK), watch, &found);
        if (largest > most) most = largest;
        *watched |= found;
    }
    return most;
}

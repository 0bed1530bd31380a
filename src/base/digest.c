#include "base/digest.h"

#include <string.h>

#include "base/bytes.h"
#include "base/numbers.h"

#define P1 0x9E3779B185EBCA87u
#define P2 0xC2B2AE3D27D4EB4Fu
#define P3 0x165667B19E3779F9u
#define P4 0x85EBCA77C2B2AE63u
#define P5 0x27D4EB2F165667C5u

static uint64_t rotate(uint64_t x, int n) {
    return x << n | x >> (64 - n);
}

static uint64_t stir(uint64_t lane, uint64_t input) {
    return rotate(lane + input * P2, 31) * P1;
}

void lm_digest_init(lm_digest *d) {
    *d = (lm_digest){.lanes = {P1 + P2, P2, 0, 0 - P1}};
}

/* Whole blocks of 32 bytes. */
static void take_blocks(lm_digest *d, const unsigned char *p, size_t blocks) {
    uint64_t a = d->lanes[0], b = d->lanes[1], c = d->lanes[2], e = d->lanes[3];
    for (; blocks > 0; blocks--, p += 32) {
        a = stir(a, lm_read_u64(p));
        b = stir(b, lm_read_u64(p + 8));
        c = stir(c, lm_read_u64(p + 16));
        e = stir(e, lm_read_u64(p + 24));
    }
    d->lanes[0] = a;
    d->lanes[1] = b;
    d->lanes[2] = c;
    d->lanes[3] = e;
}

void lm_digest_add(lm_digest *d, const void *data, size_t size) {
    const unsigned char *p = data;
    size_t held = (size_t)(d->length % 32);
    d->length += size;
    if (held > 0) {
        size_t missing = 32 - held, n = lm_size_min(size, missing);
        if (n > 0) memcpy(d->block + held, p, n);
        if (n < missing) return;
        take_blocks(d, d->block, 1);
        p += n;
        size -= n;
    }
    take_blocks(d, p, size / 32);
    if (size % 32 > 0) memcpy(d->block, p + size / 32 * 32, size % 32);
}

uint64_t lm_digest_end(const lm_digest *d) {
    const uint64_t *v = d->lanes;
    uint64_t h = P5;
    if (d->length >= 32) {
        h = rotate(v[0], 1) + rotate(v[1], 7) + rotate(v[2], 12) + rotate(v[3], 18);
        for (int i = 0; i < 4; i++) h = (h ^ stir(0, v[i])) * P1 + P4;
    }
    h += d->length;
    const unsigned char *p = d->block, *end = p + d->length % 32;
    for (; p + 8 <= end; p += 8) h = rotate(h ^ stir(0, lm_read_u64(p)), 27) * P1 + P4;
    for (; p + 4 <= end; p += 4) h = rotate(h ^ lm_read_u32(p) * P1, 23) * P2 + P3;
    for (; p < end; p++) h = rotate(h ^ *p * P5, 11) * P1;
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}

uint64_t lm_digest_of(const void *data, size_t size) {
    lm_digest d;
    lm_digest_init(&d);
    lm_digest_add(&d, data, size);
    return lm_digest_end(&d);
}

/* Inside the room: a short piece of text as two words. */
#ifndef LM_TOKENIZER_PIECE_KEY_H
#define LM_TOKENIZER_PIECE_KEY_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum { SHORT_KEY = 15 };

/* The bytes of a piece of 1 to SHORT_KEY bytes, zeros, and its length in the last byte: no two
 * pieces have the same key, and none is all zeros. */
typedef struct piece_key {
    uint64_t low, high;
} piece_key;

/* Key of p[0 .. n), 1 <= n <= SHORT_KEY; `whole`: 16 bytes may be read. */
static inline piece_key key_of(const unsigned char *p, size_t n, bool whole) {
    piece_key k = {0, 0};
    if (whole) {
        memcpy(&k.low, p, 8);
        memcpy(&k.high, p + 8, 8);
        if (n < 8) {
            k.low &= ((uint64_t)1 << 8 * n) - 1;
            k.high = 0;
        } else {
            k.high &= ((uint64_t)1 << 8 * (n - 8)) - 1;
        }
    } else {
        unsigned char copy[16] = {0};
        memcpy(copy, p, n);
        memcpy(&k.low, copy, 8);
        memcpy(&k.high, copy + 8, 8);
    }
    k.high |= (uint64_t)n << 56;
    return k;
}

static inline bool same_key(piece_key a, piece_key b) {
    return a.low == b.low && a.high == b.high;
}

/* The upper 32 bits are well mixed. */
static inline uint64_t hash_key(piece_key k) {
    return (k.low ^ k.high * 0x9E3779B97F4A7C15u) * 0x9FB21C651E98DF25u;
}

#endif

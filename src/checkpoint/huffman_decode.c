#include <string.h>

#include "base/bytes.h"
#include "checkpoint/huffman.h"

enum { LITERALS = LM_HUFFMAN_LITERALS, END = 256, DISTANCES = LM_HUFFMAN_DISTANCES };

/* ---- bits -------------------------------------------------------------------------------------*/

/* The next `count` bits of the stream are the lowest of `bits`; those above are of the stream too,
 * or 0. Behind the end of the input bits are 0, and count becomes negative. */
typedef struct bit_reader {
    const unsigned char *at, *end;
    uint64_t bits;
    int count;
} bit_reader;

/* 56 bits or more, as long as there are any. */
static inline void fill(bit_reader *r) {
    if (r->end - r->at >= 8) {
        r->bits |= lm_read_u64(r->at) << r->count;
        r->at += (63 - r->count) / 8;
        r->count |= 56;
        return;
    }
    for (; r->count < 56 && r->at < r->end; r->count += 8)
        r->bits |= (uint64_t)*r->at++ << r->count;
}

static inline unsigned take(bit_reader *r, int count) {
    unsigned x = (unsigned)(r->bits & ((1u << count) - 1));
    r->bits >>= count;
    r->count -= count;
    return x;
}

/* ---- tables -----------------------------------------------------------------------------------*/

/* Each entry describes the code that the lowest bits of its index begin with: symbol << 4 |
 * length. */
static void fill_table(const uint8_t *lengths, const uint16_t *codes, int n, int limit,
                       uint16_t *table) {
    for (unsigned s = 0; s < (unsigned)n; s++) {
        if (lengths[s] == 0) continue;
        for (unsigned i = codes[s]; i < 1u << limit; i += 1u << lengths[s])
            table[i] = (uint16_t)(s << 4 | lengths[s]);
    }
}

/* Up to three bytes whose codes an index begins with: the bytes << 8 | their number << 6 | bits of
 * their codes. Number 0: the block ends here. Bytes beyond the number mean nothing. */
static bool make_tables(const uint8_t lengths[LITERALS], lm_huffman_tables *t) {
    enum { LIMIT = LM_HUFFMAN_LIMIT };
    uint16_t codes[LITERALS];
    if (!lm_huffman_codes(lengths, LITERALS, LIMIT, codes)) return false;
    fill_table(lengths, codes, END, LIMIT, t->single);
    /* The end is never the second or third of an entry: too long for it. */
    for (unsigned i = codes[END]; i < 1u << LIMIT; i += 1u << lengths[END])
        t->single[i] = LIMIT + 1;
    for (unsigned i = 0; i < 1u << LIMIT; i++) {
        unsigned a = t->single[i], bits1 = a & 15;
        unsigned b = t->single[i >> bits1], bits2 = bits1 + (b & 15);
        unsigned c = t->single[i >> bits2], bits3 = bits2 + (c & 15);
        /* No branches: nothing could predict them. */
        unsigned two = bits2 <= LIMIT, three = bits3 <= LIMIT;
        unsigned bits = bits1 + ((b & 15) & (0 - two)) + ((c & 15) & (0 - three));
        t->combined[i] =
            (a >> 4) | (b >> 4) << 8 | (c >> 4) << 16 | bits << 24 | (1 + two + three) << 30;
    }
    for (unsigned i = codes[END]; i < 1u << LIMIT; i += 1u << lengths[END])
        t->combined[i] = (uint32_t)lengths[END] << 24;
    return true;
}

/* The lengths of a block's codes, from its header. */
static bool take_lengths(bit_reader *r, uint8_t lengths[LITERALS + DISTANCES]) {
    uint8_t of_lengths[LM_HUFFMAN_LENGTH_CODES] = {0};
    uint16_t table[1 << LM_HUFFMAN_LENGTH_LIMIT], codes[LM_HUFFMAN_LENGTH_CODES];
    fill(r);
    if (take(r, 5) != LITERALS - 257 || take(r, 5) != DISTANCES - 1) return false;
    for (unsigned i = 0, n = 4 + take(r, 4); i < n; i++) {
        fill(r);
        of_lengths[lm_huffman_length_order[i]] = (uint8_t)take(r, 3);
    }
    if (!lm_huffman_codes(of_lengths, LM_HUFFMAN_LENGTH_CODES, LM_HUFFMAN_LENGTH_LIMIT, codes))
        return false;
    fill_table(of_lengths, codes, LM_HUFFMAN_LENGTH_CODES, LM_HUFFMAN_LENGTH_LIMIT, table);
    for (unsigned i = 0; i < LITERALS + DISTANCES;) {
        fill(r);
        unsigned code = table[r->bits & ((1u << LM_HUFFMAN_LENGTH_LIMIT) - 1)], symbol = code >> 4;
        unsigned repeats = 1;
        uint8_t length = (uint8_t)symbol;
        take(r, code & 15);
        if (symbol == 16) {
            if (i == 0) return false;
            length = lengths[i - 1];
            repeats = 3 + take(r, 2);
        } else if (symbol > 16) {
            length = 0;
            repeats = symbol == 17 ? 3 + take(r, 3) : 11 + take(r, 7);
        }
        if (repeats > LITERALS + DISTANCES - i) return false;
        memset(lengths + i, length, repeats);
        i += repeats;
    }
    return r->count >= 0 && lengths[LITERALS] == 1 && lengths[LITERALS + 1] == 1;
}

/* ---- blocks -----------------------------------------------------------------------------------*/

/* Appends to out[*at ...), at most size and what LM_HUFFMAN_SLACK covers. */
static bool take_coded(lm_huffman_tables *t, bit_reader *reader, unsigned char *out, size_t *at,
                       size_t size) {
    uint8_t lengths[LITERALS + DISTANCES];
    if (!take_lengths(reader, lengths)) return false;
    if (!make_tables(lengths, t)) return false;
    bit_reader r = *reader; /* in registers */
    unsigned char *p = out + *at, *end = out + size;
    while (r.count >= 0 && p <= end) {
        fill(&r);
        for (int i = 0; i < 56 / LM_HUFFMAN_LIMIT; i++) {
            uint32_t next = t->combined[r.bits & ((1u << LM_HUFFMAN_LIMIT) - 1)];
            unsigned bits = next >> 24 & 63, count = next >> 30;
            r.bits >>= bits;
            r.count -= (int)bits;
            lm_write_u32(p, next);
            p += count;
            if (count > 0) continue;
            *at = (size_t)(p - out);
            *reader = r;
            return r.count >= 0 && p <= end;
        }
    }
    return false;
}

static bool take_stored(bit_reader *r, unsigned char *out, size_t *at, size_t size) {
    r->at -= r->count / 8; /* from the next whole byte on */
    r->bits = 0;
    r->count = 0;
    if (r->end - r->at < 4) return false;
    unsigned n = lm_read_u16(r->at);
    if ((n ^ lm_read_u16(r->at + 2)) != 0xFFFF) return false;
    r->at += 4;
    if (n > (size_t)(r->end - r->at) || n > size - *at) return false;
    memcpy(out + *at, r->at, n);
    r->at += n;
    *at += n;
    return true;
}

bool lm_huffman_decode(lm_huffman_tables *t, const unsigned char *in, size_t in_size,
                       unsigned char *out, size_t size) {
    bit_reader r = {.at = in, .end = in + in_size};
    size_t at = 0;
    if (in_size > size + LM_HUFFMAN_SLACK) return false; /* for example many empty blocks */
    while (r.at < r.end || r.count > 0) {
        fill(&r);
        switch (take(&r, 3)) { /* not final, and which kind */
        case 0:
            if (r.count < 0 || !take_stored(&r, out, &at, size)) return false;
            break;
        case 2 << 1:
            if (!take_coded(t, &r, out, &at, size)) return false;
            break;
        default:
            return false;
        }
    }
    return r.count == 0 && at == size;
}

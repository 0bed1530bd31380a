#include <string.h>

#include "base/bytes.h"
#include "base/error.h"
#include "base/numbers.h"
#include "checkpoint/huffman.h"

enum { LITERALS = LM_HUFFMAN_LITERALS, END = 256, DISTANCES = LM_HUFFMAN_DISTANCES };

/* A code's bits above the number of them: bits << 8 | length. */
typedef uint32_t code;

static void make_codes(const uint8_t *lengths, int n, int limit, code *codes) {
    uint16_t bits[LITERALS];
    LM_ASSERT(lm_huffman_codes(lengths, n, limit, bits));
    for (int s = 0; s < n; s++) codes[s] = (code)bits[s] << 8 | lengths[s];
}

/* ---- bits -------------------------------------------------------------------------------------*/

/* Bits that are not written yet: less than a byte between calls. */
typedef struct bit_writer {
    unsigned char *at;
    uint64_t bits;
    unsigned count;
} bit_writer;

/* At most 56 bits. */
static inline void put(bit_writer *w, uint64_t bits, unsigned count) {
    w->bits |= bits << w->count;
    w->count += count;
    lm_write_u64(w->at, w->bits);
    w->at += w->count / 8;
    w->bits >>= w->count & ~7u;
    w->count &= 7;
}

static void put_code(bit_writer *w, code c) {
    put(w, c >> 8, c & 0xFF);
}

/* pairs[first | second << 8] for the bytes that occur. */
static void make_pairs(const code codes[LITERALS], code *pairs) {
    uint8_t used[256];
    int n = 0;
    for (int s = 0; s < 256; s++)
        if (codes[s]) used[n++] = (uint8_t)s;
    for (int i = 0; i < n; i++) {
        code second = codes[used[i]];
        code *row = pairs + ((size_t)used[i] << 8);
        for (int j = 0; j < n; j++) {
            code first = codes[used[j]];
            row[used[j]] = (first + (second & 0xFF)) | (second >> 8) << (8 + (first & 0xFF));
        }
    }
}

static void put_bytes(bit_writer *w, const code *codes, const code *pairs, const unsigned char *in,
                      size_t size) {
    bit_writer b = *w; /* in registers */
    size_t i = 0;
    for (; i + 4 <= size; i += 4) {
        code low = pairs[lm_read_u16(in + i)], high = pairs[lm_read_u16(in + i + 2)];
        unsigned n = low & 0xFF;
        put(&b, (uint64_t)(low >> 8) | (uint64_t)(high >> 8) << n, n + (high & 0xFF));
    }
    for (; i < size; i++) put_code(&b, codes[in[i]]);
    *w = b;
}

/* ---- blocks -----------------------------------------------------------------------------------*/

/* Runs of lengths as one symbol: 16 repeats the last one 3 to 6 times, 17 and 18 are 3 to 10 and 11
 * to 138 zeros. Above the symbol (8 bits) lies the number of repeats beyond the least. */
static unsigned run_lengths(const uint8_t *lengths, int n, uint16_t *out) {
    unsigned used = 0;
    for (int i = 0, run; i < n; i += run) {
        int most = lengths[i] == 0 ? 138 : 7;
        for (run = 1; run < most && i + run < n && lengths[i + run] == lengths[i];) run++;
        if (lengths[i] == 0 && run >= 11) {
            out[used++] = (uint16_t)(18 | (run - 11) << 8);
        } else if (lengths[i] == 0 && run >= 3) {
            out[used++] = (uint16_t)(17 | (run - 3) << 8);
        } else if (run >= 4) { /* itself, then what repeats it */
            out[used++] = lengths[i];
            out[used++] = (uint16_t)(16 | (run - 4) << 8);
        } else {
            run = 1;
            out[used++] = lengths[i];
        }
    }
    return used;
}

static void put_lengths(bit_writer *w, const uint8_t lengths[LITERALS + DISTANCES]) {
    uint16_t runs[LITERALS + DISTANCES];
    uint32_t counts[LM_HUFFMAN_LENGTH_CODES] = {0};
    uint8_t of_lengths[LM_HUFFMAN_LENGTH_CODES];
    code codes[LM_HUFFMAN_LENGTH_CODES];
    unsigned n = run_lengths(lengths, LITERALS + DISTANCES, runs), given = LM_HUFFMAN_LENGTH_CODES;
    for (unsigned i = 0; i < n; i++) counts[runs[i] & 0xFF]++;
    lm_huffman_lengths(counts, LM_HUFFMAN_LENGTH_CODES, LM_HUFFMAN_LENGTH_LIMIT, of_lengths);
    make_codes(of_lengths, LM_HUFFMAN_LENGTH_CODES, LM_HUFFMAN_LENGTH_LIMIT, codes);
    while (given > 4 && of_lengths[lm_huffman_length_order[given - 1]] == 0) given--;
    put(w, LITERALS - 257, 5);
    put(w, DISTANCES - 1, 5);
    put(w, given - 4, 4);
    for (unsigned i = 0; i < given; i++) put(w, of_lengths[lm_huffman_length_order[i]], 3);
    for (unsigned i = 0; i < n; i++) {
        unsigned symbol = runs[i] & 0xFF, more = runs[i] >> 8;
        put_code(w, codes[symbol]);
        if (symbol >= 16) put(w, more, symbol == 16 ? 2 : symbol == 17 ? 3 : 7);
    }
}

/* false when it would not end before `end`. It begins there at the latest and writes no more than
 * its header beyond: at most 259 codes of 7 bits. */
static bool put_block(lm_huffman_tables *t, bit_writer *w, const unsigned char *in, size_t size,
                      const uint32_t counts[256], const unsigned char *end) {
    uint32_t all[LITERALS];
    uint8_t lengths[LITERALS + DISTANCES];
    code codes[LITERALS];
    uint64_t bits = 0;
    memcpy(all, counts, 256 * sizeof all[0]);
    all[END] = 1;
    lm_huffman_lengths(all, LITERALS, LM_HUFFMAN_LIMIT, lengths);
    memset(lengths + LITERALS, 1, DISTANCES);
    for (int s = 0; s < LITERALS; s++) bits += (uint64_t)all[s] * lengths[s];
    if (bits / 8 > (size_t)(end - w->at)) return false;
    make_codes(lengths, LITERALS, LM_HUFFMAN_LIMIT, codes);
    make_pairs(codes, t->pairs);
    put(w, 2 << 1, 3);
    put_lengths(w, lengths);
    put_bytes(w, codes, t->pairs, in, size);
    put_code(w, codes[END]);
    return w->at <= end;
}

size_t lm_huffman_encode(lm_huffman_tables *t, const unsigned char *in, size_t size,
                         const uint32_t (*counts)[256], unsigned char *out, size_t most) {
    bit_writer w = {.at = out};
    for (size_t at = 0; at < size; at += LM_HUFFMAN_BLOCK, counts++) {
        size_t n = lm_size_min(size - at, LM_HUFFMAN_BLOCK);
        if (!put_block(t, &w, in + at, n, *counts, out + most)) return 0;
    }
    put(&w, 0, 3);
    if (w.count > 0) put(&w, 0, 8 - w.count);
    put(&w, 0xFFFF0000, 32);
    return w.at <= out + most ? (size_t)(w.at - out) : 0;
}

/* Deflate blocks of our own making: what zlib makes of them, how small they are, and what the
 * decoder makes of anything else. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/digest.h"
#include "base/rng.h"
#include "checkpoint/huffman.h"
#include "checkpoint/planes.h"

enum { MOST = 4 * LM_HUFFMAN_BLOCK, ROOM = 2 * MOST, GUARD = 0xA5 };

static lm_huffman_tables *tables;
static unsigned char *data, *coded, *back, *again; /* [ROOM] */

static int set_up(void **state) {
    (void)state;
    tables = malloc(sizeof *tables);
    data = malloc(ROOM);
    coded = malloc(ROOM);
    back = malloc(ROOM);
    again = malloc(ROOM);
    return tables && data && coded && back && again ? 0 : -1;
}
static int tear_down(void **state) {
    (void)state;
    free(tables);
    free(data);
    free(coded);
    free(back);
    free(again);
    return 0;
}

static uint64_t draw(uint64_t i) {
    static const lm_rng rng = {.seed = 5, .purpose = LM_RNG_TEST};
    return (uint64_t)(lm_rng_uniform(&rng, i) * 0x1p32);
}

/* ---- what bytes look like ---------------------------------------------------------------------*/

/* Byte i of a kind: a share of 2^32 picks from weights, whose sum is the last of `upto`. */
static void fill(size_t size, const double *weights, int n) {
    double sum = 0, part = 0;
    for (int s = 0; s < n; s++) sum += weights[s];
    uint64_t upto[256];
    for (int s = 0; s < n; s++) upto[s] = (uint64_t)((part += weights[s]) / sum * 0x1p32);
    upto[n - 1] = UINT64_MAX;
    for (size_t i = 0; i < size; i++) {
        int s = 0;
        for (uint64_t x = draw(i); x >= upto[s];) s++;
        data[i] = (unsigned char)(s * 37); /* any order of symbols */
    }
}

enum { ONE, TWO, EQUAL, FIBONACCI, EXPONENTS, RARE, KINDS };

static void make(int kind, size_t size) {
    double weights[256], before = 1;
    int n = kind == ONE ? 1 : kind == TWO ? 2 : kind == FIBONACCI ? 24 : 256;
    for (int s = 0; s < n; s++) weights[s] = 1;
    switch (kind) {
    case TWO:
        weights[0] = 6;
        break;
    case FIBONACCI:
        for (int s = 2; s < n; s++) {
            weights[s] = weights[s - 1] + before;
            before = weights[s - 1];
        }
        break;
    case EXPONENTS: /* of normal numbers, about: each power of two half as often as the one above */
        for (int s = 0; s < n; s++) weights[s] = s < 40 ? 1.0 / (double)(1u << (s / 2)) : 0;
        break;
    case RARE: /* many of them, which get codes of the greatest length */
        weights[0] = weights[1] = 60000;
        break;
    default:
        break;
    }
    fill(size, weights, n);
    /* A very rare symbol in the Fibonacci tail must occur in every block. */
    for (size_t i = 0; kind == FIBONACCI && i < size && i % LM_HUFFMAN_BLOCK < 24; i++)
        data[i] = (unsigned char)(i * 37);
}

/* ---- coders -----------------------------------------------------------------------------------*/

static void count(size_t size, uint32_t (*counts)[256]) {
    memset(counts, 0, (MOST / LM_HUFFMAN_BLOCK) * sizeof *counts);
    for (size_t i = 0; i < size; i++) counts[i / LM_HUFFMAN_BLOCK][data[i]]++;
}

static size_t encode(size_t size, unsigned char *out, size_t most) {
    uint32_t counts[MOST / LM_HUFFMAN_BLOCK][256];
    count(size, counts);
    return lm_huffman_encode(tables, data, size, (const uint32_t(*)[256])counts, out, most);
}

/* By zlib: at most `most` bytes to out; the number of them, -1 when it is wrong or goes on. */
static long inflate_all(unsigned char *in, size_t in_size, unsigned char *out, size_t most,
                        int expected) {
    z_stream z = {
        .next_in = in, .avail_in = (uInt)in_size, .next_out = out, .avail_out = (uInt)most};
    assert_int_equal(inflateInit2(&z, -15), Z_OK);
    int result = inflate(&z, Z_SYNC_FLUSH);
    long n = result == expected && z.avail_in == 0 ? (long)(most - z.avail_out) : -1;
    inflateEnd(&z);
    return n;
}

static void test_round_trip(void **state) {
    (void)state;
    static const size_t sizes[] = {
        0,   1, 2, 3, 4, 5, 63, 1000, LM_HUFFMAN_BLOCK - 1, LM_HUFFMAN_BLOCK, LM_HUFFMAN_BLOCK + 1,
        MOST};
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
            size_t size = sizes[i], most = size + size / 8 + 300;
            make(kind, size);
            memset(coded, GUARD, ROOM);
            memset(back, GUARD, ROOM);
            size_t n = encode(size, coded, most);
            assert_in_range(n, 5, most);
            assert_memory_equal(coded + n - 4, "\0\0\xff\xff", 4);
            assert_int_equal(coded[most + LM_HUFFMAN_SLACK], GUARD);
            assert_int_equal(inflate_all(coded, n, again, ROOM, Z_OK), size);
            assert_memory_equal(again, data, size);
            assert_true(lm_huffman_decode(tables, coded, n, back, size));
            assert_memory_equal(back, data, size);
            assert_int_equal(back[size + LM_HUFFMAN_SLACK], GUARD);
            /* Not what was meant. */
            assert_false(lm_huffman_decode(tables, coded, n, back, size + 1));
            if (size > 0) assert_false(lm_huffman_decode(tables, coded, n, back, size - 1));
            /* No room: never written beyond what is allowed. */
            for (size_t less = 0; less < n; less += 1 + n / 7) {
                memset(coded, GUARD, ROOM);
                assert_int_equal(encode(size, coded, less), 0);
                assert_int_equal(coded[less + LM_HUFFMAN_SLACK], GUARD);
            }
        }
    }
}

/* Chunks by run lengths, codes and stored blocks, one behind the other. */
static void test_chunks_are_one_stream(void **state) {
    (void)state;
    const int kinds[] = {EXPONENTS, ONE, EQUAL, TWO, FIBONACCI};
    const size_t size = 10000;
    lm_plane_coder *coder = lm_plane_coder_create();
    unsigned char *all = malloc(5 * size), *stream = malloc(5 * LM_PLANE_BOUND);
    size_t length = 0;
    assert_true(coder && all && stream);
    for (size_t i = 0; i < 5; i++) {
        make(kinds[i], size);
        memcpy(all + i * size, data, size);
        size_t n = lm_plane_compress(coder, data, size, stream + length);
        assert_true(lm_plane_decompress(coder, stream + length, n, back, size));
        assert_memory_equal(back, data, size);
        assert_false(lm_plane_decompress(coder, stream + length, n, back, size - 1));
        assert_false(lm_plane_decompress(coder, stream + length, n, back, size + 1));
        length += n;
    }
    memcpy(stream + length, LM_PLANE_TRAILER, LM_PLANE_TRAILER_SIZE);
    length += LM_PLANE_TRAILER_SIZE;
    assert_int_equal(inflate_all(stream, length, again, ROOM, Z_STREAM_END), 5 * size);
    assert_memory_equal(again, all, 5 * size);
    free(stream);
    free(all);
    lm_plane_coder_free(coder);
}

/* ---- how small --------------------------------------------------------------------------------*/

typedef struct packet {
    uint64_t weight;
    uint32_t symbols[257]; /* how often each is in it */
} packet;

static int lighter(const void *a, const void *b) {
    uint64_t x = ((const packet *)a)->weight, y = ((const packet *)b)->weight;
    return (x > y) - (x < y);
}

/* Bits of the best code of at most `limit` bits: Larmore & Hirschberg 1990 (package-merge). */
static uint64_t best_bits(const uint32_t *counts, int limit) {
    packet *list = calloc(3 * 257, sizeof *list), *next = calloc(3 * 257, sizeof *list);
    int n = 0, length = 0;
    uint64_t bits = 0;
    assert_true(list && next);
    for (int level = 0; level < limit; level++) {
        int made = 0;
        memset(next, 0, 3 * 257 * sizeof *next);
        for (n = 0; n < 257; n++) {
            if (counts[n] == 0) continue;
            next[made].weight = counts[n];
            next[made++].symbols[n] = 1;
        }
        n = made;
        for (int i = 0; i + 1 < length; i += 2, made++) {
            next[made].weight = list[i].weight + list[i + 1].weight;
            for (int s = 0; s < 257; s++)
                next[made].symbols[s] = list[i].symbols[s] + list[i + 1].symbols[s];
        }
        qsort(next, (size_t)made, sizeof *next, lighter);
        packet *swap = list;
        list = next;
        next = swap;
        length = made;
    }
    for (int i = 0; i < 2 * n - 2; i++)
        for (int s = 0; s < 257; s++) bits += (uint64_t)list[i].symbols[s] * counts[s];
    free(list);
    free(next);
    return bits;
}

static void test_size_is_that_of_the_best_code(void **state) {
    (void)state;
    for (int kind = TWO; kind < KINDS; kind++) {
        uint32_t counts[257] = {0};
        make(kind, LM_HUFFMAN_BLOCK);
        for (size_t i = 0; i < LM_HUFFMAN_BLOCK; i++) counts[data[i]]++;
        counts[256] = 1;
        double best = (double)best_bits(counts, LM_HUFFMAN_LIMIT) / 8;
        size_t n = encode(LM_HUFFMAN_BLOCK, coded, MOST);
        /* The header: 17 bits, 19 lengths of 3 bits, 259 codes that are mostly of 2 to 4. */
        assert_true((double)n <= best * 1.001 + 17.0 / 8 + 19 * 3 / 8.0 + 259 * 4 / 8.0 + 6);
        assert_true((double)n >= best);
    }
}

/* The code lengths themselves, of counts that ask for more than the limit: complete, and longer for
 * what is rarer. */
static void test_code_lengths_stay_within_the_limit(void **state) {
    (void)state;
    for (int n = 2; n <= 40; n++) {
        uint32_t counts[40] = {1, 1};
        uint8_t lengths[40];
        uint16_t codes[40];
        for (int s = 2; s < n; s++) counts[s] = counts[s - 1] + counts[s - 2];
        for (int limit = 7; limit <= 15; limit++) {
            lm_huffman_lengths(counts, n, limit, lengths);
            for (int s = 1; s < n; s++)
                assert_true(lengths[s] >= 1 && lengths[s] <= lengths[s - 1]);
            assert_true(lm_huffman_codes(lengths, n, limit, codes));
            if (n <= limit) assert_int_equal(lengths[0], n - 1);
            lengths[0]--;
            assert_false(lm_huffman_codes(lengths, n, limit, codes));
        }
    }
}

/* ---- anything else ----------------------------------------------------------------------------*/

/* What the decoder accepts, zlib reads too, as the same bytes. */
static bool agree(size_t coded_size, size_t size) {
    memset(back, GUARD, size + LM_HUFFMAN_SLACK + 1);
    bool accepted = lm_huffman_decode(tables, coded, coded_size, back, size);
    assert_int_equal(back[size + LM_HUFFMAN_SLACK], GUARD);
    if (!accepted) return false;
    assert_int_equal(inflate_all(coded, coded_size, again, ROOM, Z_OK), size);
    assert_memory_equal(back, again, size);
    return true;
}

static void test_damage(void **state) {
    (void)state;
    const size_t size = 700;
    int accepted = 0;
    make(EXPONENTS, size);
    size_t n = encode(size, coded, MOST);
    for (size_t less = 0; less < n; less++) assert_false(agree(less, size));
    for (size_t bit = 0; bit < 8 * n; bit++) {
        coded[bit / 8] ^= (unsigned char)(1u << bit % 8);
        accepted += agree(n, size);
        coded[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_true(accepted > 0 && accepted < (int)(8 * n)); /* a code may become another as long */
    for (uint64_t round = 0; round < 3000; round++) {
        for (size_t i = 0; i < 64; i++) coded[i] = (unsigned char)draw(round * 64 + i);
        coded[0] = (unsigned char)((coded[0] & ~7u) | 4); /* a block of ours */
        coded[1] &= 0xE0;
        coded[1] |= 1;
        agree(64, (size_t)(draw(round) % 300));
    }
}

/* As files of before are: codes by zlib, up to 15 bits long. */
static void test_zlib_codes_are_read(void **state) {
    (void)state;
    lm_plane_coder *coder = lm_plane_coder_create();
    assert_non_null(coder);
    for (int kind = 0; kind < KINDS; kind++) {
        make(kind, MOST);
        z_stream z = {.next_in = data, .avail_in = MOST, .next_out = coded, .avail_out = ROOM};
        assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, -15, 9, Z_HUFFMAN_ONLY), Z_OK);
        assert_int_equal(deflate(&z, Z_SYNC_FLUSH), Z_OK);
        size_t n = ROOM - z.avail_out;
        deflateEnd(&z);
        assert_true(lm_plane_decompress(coder, coded, n, back, MOST));
        assert_memory_equal(back, data, MOST);
    }
    lm_plane_coder_free(coder);
}

/* The same bytes on every machine. */
static void test_encoded_bytes_have_not_changed(void **state) {
    (void)state;
    make(EXPONENTS, MOST);
    size_t n = encode(MOST, coded, MOST);
    assert_int_equal(n, 0x1821c);
    assert_true(lm_digest_of(coded, n) == 0x914c8cdfcec27d14);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_chunks_are_one_stream),
        cmocka_unit_test(test_size_is_that_of_the_best_code),
        cmocka_unit_test(test_code_lengths_stay_within_the_limit),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_zlib_codes_are_read),
        cmocka_unit_test(test_encoded_bytes_have_not_changed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

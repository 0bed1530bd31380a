#include "checkpoint/planes.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/elementary.h"
#include "base/numbers.h"
#include "checkpoint/huffman.h"

#define RAW_DEFLATE  (-15)
#define MEMORY_LEVEL 9
#define STORED_MAX   65535u /* bytes in a stored block */

_Static_assert(LM_PLANE_BOUND >= LM_PLANE_CHUNK + LM_HUFFMAN_SLACK, "room for coders");

struct lm_plane_coder {
    z_stream deflate, inflate;
    lm_huffman_tables huffman;
};

lm_plane_coder *lm_plane_coder_create(void) {
    lm_plane_coder *c = calloc(1, sizeof *c);
    if (!c) return NULL;
    if (deflateInit2(&c->deflate, 1, Z_DEFLATED, RAW_DEFLATE, MEMORY_LEVEL, Z_RLE) != Z_OK ||
        inflateInit2(&c->inflate, RAW_DEFLATE) != Z_OK) {
        lm_plane_coder_free(c);
        return NULL;
    }
    return c;
}

void lm_plane_coder_free(lm_plane_coder *c) {
    if (!c) return;
    deflateEnd(&c->deflate);
    inflateEnd(&c->inflate);
    free(c);
}

/* Memory of deflate's window and tables, by the formula of zconf.h. */
size_t lm_plane_coder_bytes(void) {
    return sizeof(lm_plane_coder) + ((size_t)1 << (-RAW_DEFLATE + 2)) +
           ((size_t)1 << (MEMORY_LEVEL + 9));
}

void lm_plane_split(int64_t count, const float *x, int plane, unsigned char *out) {
    int shift = 8 * plane;
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        out[i] = (unsigned char)(bits >> shift);
    }
}

void lm_plane_join(int64_t count, const unsigned char *const planes[LM_PLANES], float *x) {
    const unsigned char *a = planes[0], *b = planes[1], *c = planes[2], *d = planes[3];
    for (int64_t i = 0; i < count; i++) {
        uint32_t bits =
            (uint32_t)a[i] | (uint32_t)b[i] << 8 | (uint32_t)c[i] << 16 | (uint32_t)d[i] << 24;
        memcpy(&x[i], &bits, sizeof bits);
    }
}

/* ---- compressing ------------------------------------------------------------------------------*/

/* Adds to counts. */
static void count_bytes(const unsigned char *in, size_t size, uint32_t counts[256]) {
    uint32_t four[4][256] = {{0}}; /* four, so that equal neighbours do not wait for each other */
    size_t i = 0;
    for (; i + 4 <= size; i += 4)
        for (size_t j = 0; j < 4; j++) four[j][in[i + j]]++;
    for (; i < size; i++) four[0][in[i]]++;
    for (int b = 0; b < 256; b++) counts[b] += four[0][b] + four[1][b] + four[2][b] + four[3][b];
}

/* Shannon's bound on the size when each byte is coded on its own, in bytes. */
static double entropy_bytes(const uint32_t counts[256], size_t size) {
    double bits = 0;
    for (int b = 0; b < 256; b++)
        if (counts[b] > 0) bits -= counts[b] * lm_log((double)counts[b] / (double)size);
    return bits / (8 * 0.6931471805599453);
}

/* Does a sample, one byte in sixteen, say that coding cannot win? That is so for mantissas: 3 of 4
 * planes of trained weights. 0.98 leaves room for the error of the sample. */
static bool looks_random(const unsigned char *in, size_t size) {
    enum { PIECES = 16, PIECE = 1024 };
    uint32_t counts[256] = {0};
    if (size < 16 * PIECES * PIECE) return false;
    for (size_t i = 0; i < PIECES; i++) count_bytes(in + i * (size / PIECES), PIECE, counts);
    return entropy_bytes(counts, PIECES * PIECE) > 0.98 * PIECES * PIECE;
}

static size_t store(const unsigned char *in, size_t size, unsigned char *out) {
    unsigned char *p = out;
    while (size > 0) {
        size_t n = lm_size_min(size, STORED_MAX);
        p[0] = 0; /* not final, stored, padding */
        lm_write_u16(p + 1, (uint16_t)n);
        lm_write_u16(p + 3, (uint16_t)~n);
        memcpy(p + 5, in, n);
        p += 5 + n;
        in += n;
        size -= n;
    }
    return (size_t)(p - out);
}

/* 0 when it does not fit in less than size bytes. */
static size_t compress_runs(z_stream *z, const unsigned char *in, size_t size, unsigned char *out) {
    /* zlib's input pointer is not const in older versions; it does not write there. */
    union {
        const unsigned char *read;
        unsigned char *write;
    } input = {.read = in};
    if (deflateReset(z) != Z_OK) return 0;
    z->next_out = out;
    z->avail_out = (uInt)size;
    z->next_in = input.write;
    z->avail_in = (uInt)size;
    if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_in > 0 || z->avail_out == 0) return 0;
    return size - z->avail_out;
}

size_t lm_plane_compress(lm_plane_coder *c, const unsigned char *in, size_t size,
                         unsigned char *out) {
    enum { BLOCKS = LM_PLANE_CHUNK / LM_HUFFMAN_BLOCK };
    uint32_t counts[BLOCKS][256], total[256] = {0}, most = 0;
    LM_ASSERT(size <= (size_t)LM_PLANE_CHUNK);
    if (looks_random(in, size)) return store(in, size, out);
    for (size_t at = 0, i = 0; at < size; at += LM_HUFFMAN_BLOCK, i++) {
        size_t left = size - at;
        memset(counts[i], 0, sizeof counts[i]);
        count_bytes(in + at, lm_size_min(left, LM_HUFFMAN_BLOCK), counts[i]);
        for (int b = 0; b < 256; b++) total[b] += counts[i][b];
    }
    for (int b = 0; b < 256; b++) most = total[b] > most ? total[b] : most;
    /* Coding must save 3% to be worth the time of decoding. */
    if (size >= 64 && entropy_bytes(total, size) < 0.97 * (double)size) {
        size_t n = most >= size - size / 8
                       ? compress_runs(&c->deflate, in, size, out)
                       : lm_huffman_encode(&c->huffman, in, size, (const uint32_t(*)[256])counts,
                                           out, size);
        if (n > 0) return n;
    }
    return store(in, size, out);
}

bool lm_plane_decompress(lm_plane_coder *c, const unsigned char *in, size_t in_size,
                         unsigned char *out, size_t size) {
    if (lm_huffman_decode(&c->huffman, in, in_size, out, size)) return true;
    union {
        const unsigned char *read;
        unsigned char *write;
    } input = {.read = in};
    z_stream *z = &c->inflate;
    if (inflateReset(z) != Z_OK) return false;
    z->next_in = input.write;
    z->avail_in = (uInt)in_size;
    z->next_out = out;
    z->avail_out = (uInt)size + 1;
    int result = inflate(z, Z_SYNC_FLUSH);
    return result == Z_OK && z->avail_out == 1 && z->avail_in == 0;
}

#include "checkpoint/zip.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "checkpoint/zip_records.h"

#define DOS_DATE 0x0021u /* 1980-01-01, so that the bytes do not depend on the time */

static void put16(lm_text *out, uint64_t x) {
    unsigned char b[2];
    lm_write_u16(b, (uint16_t)x);
    lm_text_append(out, b, sizeof b);
}
static void put32(lm_text *out, uint64_t x) {
    unsigned char b[4];
    lm_write_u32(b, (uint32_t)x);
    lm_text_append(out, b, sizeof b);
}
static void put64(lm_text *out, uint64_t x) {
    unsigned char b[8];
    lm_write_u64(b, x);
    lm_text_append(out, b, sizeof b);
}

/* Do the sizes need the ZIP64 field? The raw size decides, since it is known before the data;
 * stored data is at most a thousandth longer. */
static bool sizes64(const lm_zip_member *m) {
    return m->raw >= 0xFF000000u;
}

static uint64_t version_needed(const lm_zip_member *m) {
    return sizes64(m) || m->offset >= SATURATED32 ? 45 : 20;
}

size_t lm_zip_local_size(const lm_zip_member *m) {
    return LOCAL_SIZE + strlen(m->name) + (sizes64(m) ? 20 : 0);
}

/* From "version needed" to "size", the part that both headers share. */
static void print_common(const lm_zip_member *m, lm_text *out) {
    put16(out, 0); /* flags */
    put16(out, (uint64_t)m->method);
    put16(out, 0); /* time */
    put16(out, DOS_DATE);
    put32(out, m->crc32);
    put32(out, sizes64(m) ? SATURATED32 : m->stored);
    put32(out, sizes64(m) ? SATURATED32 : m->raw);
    put16(out, strlen(m->name));
}

void lm_zip_local_print(const lm_zip_member *m, lm_text *out) {
    put32(out, LOCAL);
    put16(out, sizes64(m) ? 45 : 20);
    print_common(m, out);
    put16(out, sizes64(m) ? 20 : 0);
    lm_text_append(out, m->name, strlen(m->name));
    if (!sizes64(m)) return;
    put16(out, 1);
    put16(out, 16);
    put64(out, m->raw);
    put64(out, m->stored);
}

static void print_central(const lm_zip_member *m, lm_text *out) {
    bool far = m->offset >= SATURATED32;
    size_t extra = (sizes64(m) ? 16u : 0u) + (far ? 8u : 0u);
    put32(out, CENTRAL);
    put16(out, 3u << 8 | version_needed(m)); /* made by Unix */
    put16(out, version_needed(m));
    print_common(m, out);
    put16(out, extra ? extra + 4 : 0);
    put16(out, 0);                /* comment */
    put16(out, 0);                /* disk */
    put16(out, 0);                /* internal attributes */
    put32(out, 0100644ull << 16); /* a regular file, rw-r--r-- */
    put32(out, far ? SATURATED32 : m->offset);
    lm_text_append(out, m->name, strlen(m->name));
    if (!extra) return;
    put16(out, 1);
    put16(out, extra);
    if (sizes64(m)) {
        put64(out, m->raw);
        put64(out, m->stored);
    }
    if (far) put64(out, m->offset);
}

void lm_zip_directory_print(const lm_zip_member *members, size_t n, uint64_t start,
                            const char *comment, lm_text *out) {
    size_t first = out->length;
    for (size_t i = 0; i < n; i++) print_central(&members[i], out);
    uint64_t size = out->length - first;
    bool many = n >= SATURATED16, far = start >= SATURATED32 || size >= SATURATED32;
    if (many || far) {
        uint64_t end64 = start + size;
        put32(out, END64);
        put64(out, END64_SIZE - 12);
        put16(out, 3u << 8 | 45u);
        put16(out, 45);
        put32(out, 0);
        put32(out, 0);
        put64(out, n);
        put64(out, n);
        put64(out, size);
        put64(out, start);
        put32(out, LOCATOR64);
        put32(out, 0);
        put64(out, end64);
        put32(out, 1);
    }
    put32(out, END);
    put16(out, 0);
    put16(out, 0);
    put16(out, many ? SATURATED16 : n);
    put16(out, many ? SATURATED16 : n);
    put32(out, far ? SATURATED32 : size);
    put32(out, far ? SATURATED32 : start);
    put16(out, COMMENT_SIZE);
    lm_text_append(out, comment, strlen(comment));
}

void lm_zip_digest_print(const void *data, size_t size, lm_text *out) {
    lm_text_printf(out, "%016" PRIx64, lm_digest_of(data, size));
}

void lm_zip_end_print(const lm_zip_member *members, size_t n, uint64_t start, size_t from,
                      lm_text *out) {
    lm_zip_directory_print(members, n, start, COMMENT, out);
    if (!out->failed)
        lm_zip_digest_print(out->data + from, out->length - strlen(COMMENT) - from, out);
}

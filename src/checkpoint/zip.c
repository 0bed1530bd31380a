#include "checkpoint/zip.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/digest.h"

#define LOCAL     0x04034B50u
#define CENTRAL   0x02014B50u
#define END       0x06054B50u
#define END64     0x06064B50u
#define LOCATOR64 0x07064B50u

#define LOCAL_SIZE     30u
#define CENTRAL_SIZE   46u
#define END_SIZE       22u
#define END64_SIZE     56u
#define LOCATOR64_SIZE 20u
#define COMMENT        "lmtrain whole="
#define COMMENT_BEFORE "lmtrain xxh64=" /* of files whose digest begins at the directory */
#define COMMENT_SIZE   (sizeof COMMENT - 1 + DIGITS)
#define DIGITS         16

#define SATURATED32 0xFFFFFFFFu
#define SATURATED16 0xFFFFu
#define DOS_DATE    0x0021u /* 1980-01-01: the same bytes whenever written */

/* ---- writing -----------------------------------------------------------------------------------*/

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

/* Do the sizes go to the ZIP64 field? Decided by the raw size, which is known before the data is:
 * stored data is never more than a thousandth longer. */
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

/* All but the digits of the comment. */
static void print_end(const lm_zip_member *members, size_t n, uint64_t start, const char *comment,
                      lm_text *out) {
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

/* Of what precedes the comment. */
static void print_digest(const void *data, size_t size, lm_text *out) {
    lm_text_printf(out, "%016" PRIx64, lm_digest_of(data, size));
}

void lm_zip_end_print(const lm_zip_member *members, size_t n, uint64_t start, size_t from,
                      lm_text *out) {
    print_end(members, n, start, COMMENT, out);
    if (!out->failed) print_digest(out->data + from, out->length - strlen(COMMENT) - from, out);
}

/* ---- reading -----------------------------------------------------------------------------------*/

typedef struct reader {
    const char *path;
    const unsigned char *data;
    uint64_t size;
    lm_error *err;
} reader;

static lm_status damaged(const reader *r, uint64_t offset, const char *expected) {
    return lm_error_damaged(r->err, "%s: damaged: byte offset %" PRIu64 ": expected %s", r->path,
                            offset, expected);
}

/* Where the central directory starts and what it should hold. */
typedef struct end_record {
    uint64_t start, size, count;
    const char *comment;
} end_record;

/* The digest of what lies from `from` to the comment. */
static lm_status check_digest(const reader *r, uint64_t from, const char *what) {
    lm_text digest = {0};
    const char *found = (const char *)r->data + r->size - DIGITS;
    lm_status status = LM_OK;
    print_digest(r->data + from, (size_t)(r->size - COMMENT_SIZE - from), &digest);
    if (digest.failed) {
        status = lm_error_set(r->err, LM_ERR_RUNTIME, "%s: out of memory", r->path);
    } else if (memcmp(digest.data, found, DIGITS) != 0) {
        status = lm_error_damaged(r->err, "%s: damaged: the digest of %s is %.16s, expected %s",
                                  r->path, what, found, lm_text_cstr(&digest));
    }
    lm_text_free(&digest);
    return status;
}

static lm_status parse_end(const reader *r, end_record *e) {
    const uint64_t tail = END_SIZE + COMMENT_SIZE;
    if (r->size >= tail) {
        const unsigned char *label = r->data + r->size - COMMENT_SIZE;
        if (memcmp(label, COMMENT, sizeof COMMENT - 1) == 0) e->comment = COMMENT;
        if (memcmp(label, COMMENT_BEFORE, sizeof COMMENT - 1) == 0) e->comment = COMMENT_BEFORE;
    }
    if (!e->comment || lm_read_u32(r->data + r->size - tail) != END)
        return lm_error_damaged(
            r->err,
            "%s: expected the end of an lmtrain checkpoint, found other data in its"
            " last %" PRIu64 " bytes (%" PRIu64 " bytes in all): cut off, or not a"
            " checkpoint",
            r->path, tail, r->size);
    uint64_t end = r->size - tail;
    const unsigned char *p = r->data + end;
    e->count = lm_read_u16(p + 10);
    e->size = lm_read_u32(p + 12);
    e->start = lm_read_u32(p + 16);
    if (e->count == SATURATED16 || e->size == SATURATED32 || e->start == SATURATED32) {
        if (end < END64_SIZE + LOCATOR64_SIZE) return damaged(r, end, "ZIP64 end records");
        end -= END64_SIZE + LOCATOR64_SIZE;
        p = r->data + end;
        if (lm_read_u32(p) != END64) return damaged(r, end, "a ZIP64 end record");
        e->count = lm_read_u64(p + 32);
        e->size = lm_read_u64(p + 40);
        e->start = lm_read_u64(p + 48);
    }
    if (e->start > end || e->size != end - e->start || e->count > e->size / CENTRAL_SIZE)
        return damaged(r, end, "a central directory that ends here");
    return strcmp(e->comment, COMMENT) == 0 ? LM_OK : check_digest(r, e->start, "its directory");
}

/* The central entry at *at, which moves on; limits checked, nothing believed yet. */
static lm_status parse_central(const reader *r, const end_record *e, uint64_t *at,
                               lm_zip_member *m) {
    uint64_t left = e->start + e->size - *at;
    const unsigned char *p = r->data + *at;
    if (left < CENTRAL_SIZE || lm_read_u32(p) != CENTRAL)
        return damaged(r, *at, "a central directory entry");
    uint64_t name = lm_read_u16(p + 28), extra = lm_read_u16(p + 30);
    if (left < CENTRAL_SIZE + name + extra || name == 0 || name >= sizeof m->name)
        return damaged(r, *at, "a member's name");
    memset(m, 0, sizeof *m);
    memcpy(m->name, p + CENTRAL_SIZE, name);
    m->method = lm_read_u16(p + 10);
    m->crc32 = lm_read_u32(p + 16);
    m->stored = lm_read_u32(p + 20);
    m->raw = lm_read_u32(p + 24);
    m->offset = lm_read_u32(p + 42);
    const unsigned char *field = p + CENTRAL_SIZE + name + 4, *end = field - 4 + extra;
    uint64_t *wide[] = {&m->raw, &m->stored, &m->offset};
    for (int i = 0; i < 3; i++) {
        if (*wide[i] != SATURATED32) continue;
        if (extra < 4 || end - field < 8) return damaged(r, *at, "a ZIP64 field");
        *wide[i] = lm_read_u64(field);
        field += 8;
    }
    *at += CENTRAL_SIZE + name + extra;
    return LM_OK;
}

/* Members lie one after the other from offset 0 to the directory, each behind the local header that
 * its entry implies. */
static lm_status check_members(const reader *r, const end_record *e, const lm_zip_member *members) {
    lm_status status = LM_OK;
    uint64_t at = 0;
    lm_text header = {0};
    for (uint64_t i = 0; i < e->count && status == LM_OK; i++) {
        const lm_zip_member *m = &members[i];
        size_t size = lm_zip_local_size(m);
        header.length = 0;
        lm_zip_local_print(m, &header);
        if (m->offset != at || e->start - at < size || e->start - at - size < m->stored) {
            status = damaged(r, at, "the next member");
        } else if (header.failed) {
            status = lm_error_set(r->err, LM_ERR_RUNTIME, "%s: out of memory", r->path);
        } else if (memcmp(header.data, r->data + at, size) != 0) {
            status = damaged(r, at, "the local header that the directory implies");
        }
        at += size + m->stored;
    }
    if (status == LM_OK && at != e->start) status = damaged(r, at, "the central directory");
    lm_text_free(&header);
    return status;
}

lm_status lm_zip_parse(const char *path, const unsigned char *data, uint64_t size,
                       lm_zip_member **members, size_t *n, lm_error *err) {
    reader r = {path, data, size, err};
    end_record e = {0};
    lm_text again = {0};
    *members = NULL;
    lm_status status = parse_end(&r, &e);
    if (status != LM_OK) return status;
    *members = calloc((size_t)e.count + 1, sizeof **members);
    if (!*members) return lm_error_set(err, LM_ERR_RUNTIME, "%s: out of memory", path);
    uint64_t at = e.start;
    for (uint64_t i = 0; i < e.count && status == LM_OK; i++)
        status = parse_central(&r, &e, &at, &(*members)[i]);
    if (status == LM_OK && at != e.start + e.size)
        status = damaged(&r, at, "the end of the central directory");
    if (status == LM_OK) status = check_members(&r, &e, *members);
    if (status == LM_OK) {
        /* What was not looked at must be what the writer writes. */
        print_end(*members, (size_t)e.count, e.start, e.comment, &again);
        if (again.failed) {
            status = lm_error_set(err, LM_ERR_RUNTIME, "%s: out of memory", path);
        } else if (again.length + DIGITS != size - e.start ||
                   memcmp(again.data, data + e.start, again.length) != 0) {
            status = damaged(&r, e.start, "a directory as lmtrain writes it");
        } else if (e.count > 0) {
            uint64_t last = (*members)[e.count - 1].offset;
            if (strcmp(e.comment, COMMENT) == 0)
                status = check_digest(&r, last, "its last member and the directory");
        }
    }
    *n = (size_t)e.count;
    lm_text_free(&again);
    if (status != LM_OK) {
        free(*members);
        *members = NULL;
    }
    return status;
}

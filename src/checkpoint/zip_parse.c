#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "checkpoint/zip_records.h"

typedef struct reader {
    const lm_file_reader *file;
    uint64_t from; /* `tail` is the file from here to its end */
    unsigned char *tail;
    lm_error *err;
} reader;

static lm_status no_memory(const reader *r) {
    return lm_error_no_memory(r->err, r->file->path);
}

static lm_status damaged(const reader *r, uint64_t offset, const char *expected) {
    return lm_error_damaged(r->err, "%s: damaged: byte offset %" PRIu64 ": expected %s",
                            r->file->path, offset, expected);
}

/* Reads the tail again, beginning at `from`. */
static lm_status load(reader *r, uint64_t from) {
    size_t size = (size_t)(r->file->size - from);
    free(r->tail);
    r->from = from;
    r->tail = malloc(size + 1);
    return r->tail ? lm_file_reader_at(r->file, from, r->tail, size, r->err) : no_memory(r);
}

static const unsigned char *in_tail(const reader *r, uint64_t offset) {
    return r->tail + (offset - r->from);
}

/* Where the central directory starts and what it should hold. */
typedef struct end_record {
    uint64_t start, size, count;
    const char *comment;
} end_record;

/* Checks the digest of the tail without its comment. */
static lm_status check_digest(const reader *r, const char *what) {
    lm_text digest = {0};
    size_t size = (size_t)(r->file->size - r->from);
    const char *found = (const char *)r->tail + size - DIGITS;
    lm_status status = LM_OK;
    lm_zip_digest_print(r->tail, size - COMMENT_SIZE, &digest);
    if (digest.failed) {
        status = no_memory(r);
    } else if (memcmp(digest.data, found, DIGITS) != 0) {
        status = lm_error_damaged(r->err, "%s: damaged: the digest of %s is %.16s, expected %s",
                                  r->file->path, what, found, lm_text_cstr(&digest));
    }
    lm_text_free(&digest);
    return status;
}

/* *end: where the end records begin, ZIP64's if there are any. */
static lm_status parse_end(reader *r, end_record *e, uint64_t *end) {
    const uint64_t last = END_SIZE + COMMENT_SIZE, all = END64_SIZE + LOCATOR64_SIZE + last;
    const uint64_t size = r->file->size;
    lm_status status = load(r, size < all ? 0 : size - all);
    if (status != LM_OK) return status;
    if (size >= last) {
        const unsigned char *label = in_tail(r, size - COMMENT_SIZE);
        if (memcmp(label, COMMENT, sizeof COMMENT - 1) == 0) e->comment = COMMENT;
        if (memcmp(label, COMMENT_BEFORE, sizeof COMMENT - 1) == 0) e->comment = COMMENT_BEFORE;
    }
    if (!e->comment || lm_read_u32(in_tail(r, size - last)) != END)
        return lm_error_damaged(r->err,
                                "%s: expected the end of an lmtrain checkpoint, found other data in"
                                " its last %" PRIu64 " bytes (%" PRIu64 " bytes in all): cut off,"
                                " or not a checkpoint",
                                r->file->path, last, size);
    *end = size - last;
    const unsigned char *p = in_tail(r, *end);
    e->count = lm_read_u16(p + 10);
    e->size = lm_read_u32(p + 12);
    e->start = lm_read_u32(p + 16);
    if (e->count != SATURATED16 && e->size != SATURATED32 && e->start != SATURATED32) return LM_OK;
    if (size < all) return damaged(r, *end, "ZIP64 end records");
    *end = size - all;
    p = in_tail(r, *end);
    if (lm_read_u32(p) != END64) return damaged(r, *end, "a ZIP64 end record");
    e->count = lm_read_u64(p + 32);
    e->size = lm_read_u64(p + 40);
    e->start = lm_read_u64(p + 48);
    return LM_OK;
}

/* Reads the end records, then the directory into the tail. */
static lm_status load_directory(reader *r, end_record *e) {
    uint64_t end = 0;
    lm_status status = parse_end(r, e, &end);
    if (status != LM_OK) return status;
    if (e->start > end || e->size != end - e->start || e->count > e->size / CENTRAL_SIZE)
        return damaged(r, end, "a central directory that ends here");
    if ((status = load(r, e->start)) != LM_OK) return status;
    return strcmp(e->comment, COMMENT) == 0 ? LM_OK : check_digest(r, "its directory");
}

/* Parses the central entry at *at and moves *at behind it. Checks bounds only, not values. */
static lm_status parse_central(const reader *r, const end_record *e, uint64_t *at,
                               lm_zip_member *m) {
    uint64_t left = e->start + e->size - *at;
    const unsigned char *p = in_tail(r, *at);
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

/* Checks that the local header is the one that the directory entry implies. */
static lm_status check_local(const reader *r, const lm_zip_member *m) {
    lm_text header = {0};
    unsigned char found[LOCAL_SIZE + sizeof m->name + 20];
    lm_status status;
    lm_zip_local_print(m, &header);
    if (header.failed) {
        status = no_memory(r);
        goto out;
    }
    LM_ASSERT(header.length <= sizeof found);
    status = lm_file_reader_at(r->file, m->offset, found, header.length, r->err);
    if (status == LM_OK && memcmp(header.data, found, header.length) != 0)
        status = damaged(r, m->offset, "the local header that the directory implies");
out:
    lm_text_free(&header);
    return status;
}

/* Checks that members lie one after the other from offset 0 to the directory. */
static lm_status check_members(const reader *r, const end_record *e, const lm_zip_member *members) {
    lm_status status = LM_OK;
    uint64_t at = 0;
    for (uint64_t i = 0; i < e->count && status == LM_OK; i++) {
        const lm_zip_member *m = &members[i];
        size_t size = lm_zip_local_size(m);
        if (m->offset != at || e->start - at < size || e->start - at - size < m->stored)
            return damaged(r, at, "the next member");
        status = check_local(r, m);
        at += size + m->stored;
    }
    if (status == LM_OK && at != e->start) status = damaged(r, at, "the central directory");
    return status;
}

/* Checks all bytes of the directory that were not parsed: they must be what the writer writes. */
static lm_status check_directory(const reader *r, const end_record *e,
                                 const lm_zip_member *members) {
    lm_text again = {0};
    lm_status status = LM_OK;
    lm_zip_directory_print(members, (size_t)e->count, e->start, e->comment, &again);
    if (again.failed) {
        status = no_memory(r);
    } else if (again.length + DIGITS != r->file->size - e->start ||
               memcmp(again.data, in_tail(r, e->start), again.length) != 0) {
        status = damaged(r, e->start, "a directory as lmtrain writes it");
    }
    lm_text_free(&again);
    return status;
}

lm_status lm_zip_parse(const lm_file_reader *file, lm_zip_member **members, size_t *n,
                       lm_error *err) {
    reader r = {.file = file, .err = err};
    end_record e = {0};
    *members = NULL;
    lm_status status = load_directory(&r, &e);
    if (status != LM_OK) goto out;
    *n = (size_t)e.count;
    *members = calloc(*n + 1, sizeof **members);
    if (!*members) {
        status = no_memory(&r);
        goto out;
    }
    uint64_t at = e.start;
    for (size_t i = 0; i < *n && status == LM_OK; i++)
        status = parse_central(&r, &e, &at, &(*members)[i]);
    if (status == LM_OK && at != e.start + e.size)
        status = damaged(&r, at, "the end of the central directory");
    if (status != LM_OK) goto out;
    if ((status = check_members(&r, &e, *members)) != LM_OK) goto out;
    if ((status = check_directory(&r, &e, *members)) != LM_OK) goto out;
    if (*n == 0 || strcmp(e.comment, COMMENT) != 0) goto out;
    if ((status = load(&r, (*members)[*n - 1].offset)) != LM_OK) goto out;
    status = check_digest(&r, "its last member and the directory");
out:
    free(r.tail);
    if (status != LM_OK) {
        free(*members);
        *members = NULL;
    }
    return status;
}

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/digest.h"
#include "base/json.h"
#include "checkpoint/layout.h"
#include "checkpoint/open.h"
#include "checkpoint/planes.h"

lm_status lm_checkpoint_no_memory(const lm_checkpoint *c, lm_error *err) {
    return lm_error_no_memory(err, c->file.path);
}

static lm_status damaged(const lm_checkpoint *c, const char *what, lm_error *err) {
    return lm_error_damaged(err, "%s: damaged: %s", c->file.path, what);
}

lm_status lm_checkpoint_damaged_array(const lm_checkpoint *c, const lm_stored_array *a,
                                      const char *what, lm_error *err) {
    return lm_error_damaged(err, "%s: damaged: array %s: %s", c->file.path, a->entry.array.name,
                            what);
}

static lm_status read_meta(lm_checkpoint *c, const lm_zip_member *m, lm_error *err) {
    if (strcmp(m->name, "meta.json") != 0 || m->method != LM_ZIP_STORED || m->raw != m->stored)
        return damaged(c, "expected meta.json as the last member", err);
    c->meta = malloc((size_t)m->raw + 1);
    if (!c->meta) return lm_checkpoint_no_memory(c, err);
    c->meta[m->raw] = '\0';
    lm_status status =
        lm_file_reader_at(&c->file, m->offset + lm_zip_local_size(m), c->meta, (size_t)m->raw, err);
    if (status != LM_OK) return status;
    if (crc32_z(0, (const Bytef *)c->meta, m->raw) != m->crc32)
        return damaged(c, "CRC of meta.json", err);
    return LM_OK;
}

/* Name, shape and digest: the present object of "arrays". */
static void parse_array(lm_json_reader *r, lm_stored_array *a) {
    lm_checkpoint_array *shape = &a->entry.array;
    lm_json_get_string(r, "name", shape->name, sizeof shape->name);
    lm_json_expect_string(r, "dtype", "float32");
    static_assert(LM_CHECKPOINT_MAX_DIMS == 4, "the message below says 4");
    if (lm_json_enter(r, "shape") > LM_CHECKPOINT_MAX_DIMS)
        lm_json_wrong(r, NULL, "at most 4 dimensions");
    while (lm_json_next(r))
        shape->shape[shape->ndim++] = lm_json_get_count(r, NULL, 0, (int64_t)1 << 53);
    lm_json_leave(r);
    if (!lm_layout_count(shape, &a->count)) lm_json_wrong(r, "shape", "a product below 2^60");
    a->digest = lm_json_get_digest(r, "xxh64");
}

/* The member begins with the .npy header that the shape implies, as a stored block of *size bytes,
 * and ends with the trailer. */
static lm_status check_frame(lm_checkpoint *c, lm_stored_array *a, const lm_zip_member *m,
                             uint64_t *size, lm_error *err) {
    static const char wrong[] = "its .npy header is not that of its shape";
    lm_text block = {0}, found = {0};
    unsigned char trailer[LM_PLANE_TRAILER_SIZE];
    uint64_t at = m->offset + lm_zip_local_size(m), end = at + m->stored;
    lm_status status;
    lm_layout_block(&a->entry.array, &block);
    lm_text_reserve(&found, block.length);
    if (block.failed || found.failed) {
        status = lm_checkpoint_no_memory(c, err);
        goto out;
    }
    size_t header = block.length - LM_LAYOUT_BLOCK_FRONT;
    *size = block.length;
    if (m->method != LM_ZIP_DEFLATE || m->stored < block.length + LM_PLANE_TRAILER_SIZE ||
        m->raw != header + (uint64_t)LM_PLANES * (uint64_t)a->count) {
        status = lm_checkpoint_damaged_array(c, a, wrong, err);
        goto out;
    }
    status = lm_file_reader_at(&c->file, at, found.data, block.length, err);
    if (status != LM_OK) goto out;
    status = lm_file_reader_at(&c->file, end - sizeof trailer, trailer, sizeof trailer, err);
    if (status != LM_OK) goto out;
    if (memcmp(found.data, block.data, block.length) != 0 ||
        memcmp(trailer, LM_PLANE_TRAILER, sizeof trailer) != 0)
        status = lm_checkpoint_damaged_array(c, a, wrong, err);
    a->header_crc = (uint32_t)crc32_z(0, (const Bytef *)block.data + LM_LAYOUT_BLOCK_FRONT, header);
out:
    lm_text_free(&block);
    lm_text_free(&found);
    return status;
}

/* Lays the chunks out: they must fill the member exactly, behind the .npy header and before the
 * trailer. */
static lm_status lay_out(lm_checkpoint *c, lm_stored_array *a, const lm_zip_member *m,
                         lm_json_reader *r, lm_error *err) {
    uint64_t at = m->offset + lm_zip_local_size(m), block = 0;
    uint64_t end = at + m->stored - LM_PLANE_TRAILER_SIZE;
    int64_t n = LM_PLANES * (a->chunks = lm_layout_chunks(a->count)), i = 0;
    /* Before anything is allocated by the count: each chunk has its size in the text. */
    if (lm_json_enter(r, "chunks") != n) lm_json_wrong(r, NULL, "the size of each chunk");
    lm_status status = r->status;
    if (status != LM_OK || (status = check_frame(c, a, m, &block, err)) != LM_OK) goto out;
    a->starts = calloc((size_t)n + 1, sizeof *a->starts);
    if (!a->starts) {
        status = lm_checkpoint_no_memory(c, err);
        goto out;
    }
    at += block;
    while (lm_json_next(r)) {
        uint64_t bytes = (uint64_t)lm_json_get_count(r, NULL, 0, (int64_t)1 << 53);
        a->starts[i++] = at;
        if (bytes > end - at) lm_json_wrong(r, NULL, "a chunk that fits the member");
        at += bytes;
    }
    a->starts[n] = at;
    if (at != end) lm_json_wrong(r, NULL, "chunks that fill the member");
    status = r->status;
out:
    lm_json_leave(r);
    return status;
}

/* The "texts" of meta.json, of which there must be n. */
static void read_texts(lm_checkpoint *c, lm_json_reader *r, int64_t n) {
    if (n == 0 && !lm_json_has(r, "texts")) return;
    if (lm_json_enter(r, "texts") != n) lm_json_wrong(r, NULL, "one object per member");
    for (int64_t i = 0; i < n && lm_json_next(r); i++) {
        const lm_zip_member *m = &c->members[c->n + i];
        char name[sizeof m->name];
        lm_json_get_string(r, "name", name, sizeof name);
        if (strcmp(name, m->name) != 0 || m->method != LM_ZIP_STORED || m->raw != m->stored)
            lm_json_wrong(r, "name", "the name of the next member, which is stored");
        c->text_digests[i] = lm_json_get_digest(r, "xxh64");
        c->n_texts = i + 1;
    }
    lm_json_leave(r);
}

/* The "arrays" and "texts" of meta.json, of which `file` is the name in errors. */
static lm_status read_index(lm_checkpoint *c, const char *file, int64_t members, lm_error *err) {
    lm_json_reader r;
    lm_status status = lm_json_open(&r, file, c->meta, strlen(c->meta), err);
    /* Its CRC was right: this is want of memory, or not our doing. */
    if (status != LM_OK) return status;
    r.damaged = true;
    c->n = lm_json_enter(&r, "arrays");
    if (c->n > members - 1) {
        lm_json_wrong(&r, NULL, "one object per member");
        c->n = 0;
    }
    for (int64_t i = 0; status == LM_OK && i < c->n && lm_json_next(&r); i++) {
        lm_stored_array *a = &c->arrays[i];
        const lm_zip_member *m = &c->members[i];
        char name[sizeof a->entry.array.name + 4];
        parse_array(&r, a);
        snprintf(name, sizeof name, "%s.npy", a->entry.array.name);
        if (strcmp(name, m->name) != 0) lm_json_wrong(&r, "name", "the name of the next member");
        if (r.status != LM_OK) break;
        a->entry.stored_bytes = m->stored;
        a->entry.raw_bytes = m->raw;
        a->entry.crc32 = m->crc32;
        status = lay_out(c, a, m, &r, err);
    }
    lm_json_leave(&r);
    if (status == LM_OK) read_texts(c, &r, members - 1 - c->n);
    lm_status read = lm_json_close(&r);
    return status != LM_OK ? status : read;
}

lm_status lm_checkpoint_open(lm_checkpoint **out, const char *path, lm_error *err) {
    *out = NULL;
    size_t members = 0;
    lm_text meta = {0};
    lm_checkpoint *c = calloc(1, sizeof *c);
    if (!c) return lm_error_no_memory(err, path);
    lm_status status = lm_file_reader_open(&c->file, path, err);
    if (status != LM_OK) goto out;
    if ((status = lm_zip_parse(&c->file, &c->members, &members, err)) != LM_OK) goto out;
    if (members == 0) {
        status = damaged(c, "expected meta.json, found no members", err);
        goto out;
    }
    c->arrays = calloc(members, sizeof *c->arrays);
    c->text_digests = calloc(members, sizeof *c->text_digests);
    if (!c->arrays || !c->text_digests) {
        status = lm_checkpoint_no_memory(c, err);
        goto out;
    }
    if ((status = read_meta(c, &c->members[members - 1], err)) != LM_OK) goto out;
    lm_text_printf(&meta, "%s: damaged: meta.json", path);
    status = meta.failed ? lm_checkpoint_no_memory(c, err)
                         : read_index(c, lm_text_cstr(&meta), (int64_t)members, err);
out:
    lm_text_free(&meta);
    if (status != LM_OK) {
        lm_checkpoint_close(c);
    } else {
        *out = c;
    }
    return status;
}

void lm_checkpoint_close(lm_checkpoint *c) {
    if (!c) return;
    for (int64_t i = 0; c->arrays && i < c->n; i++) free(c->arrays[i].starts);
    lm_file_reader_close(&c->file);
    free(c->arrays);
    free(c->text_digests);
    free(c->members);
    free(c->meta);
    free(c);
}

static lm_status append_text(const lm_checkpoint *c, int64_t i, lm_text *out, lm_error *err) {
    const lm_zip_member *m = &c->members[c->n + i];
    char *data = malloc((size_t)m->raw + 1);
    if (!data) return lm_checkpoint_no_memory(c, err);
    lm_status status =
        lm_file_reader_at(&c->file, m->offset + lm_zip_local_size(m), data, (size_t)m->raw, err);
    if (status == LM_OK && (crc32_z(0, (const Bytef *)data, (size_t)m->raw) != m->crc32 ||
                            lm_digest_of(data, (size_t)m->raw) != c->text_digests[i]))
        status =
            lm_error_damaged(err, "%s: damaged: %s: its digest is wrong", c->file.path, m->name);
    if (status == LM_OK) lm_text_append(out, data, (size_t)m->raw);
    if (out->failed) status = lm_checkpoint_no_memory(c, err);
    free(data);
    return status;
}

lm_status lm_checkpoint_read_text(const lm_checkpoint *c, const char *name, bool *found,
                                  lm_text *out, lm_error *err) {
    *found = false;
    for (int64_t i = 0; i < c->n_texts; i++) {
        if (strcmp(c->members[c->n + i].name, name) != 0) continue;
        *found = true;
        return append_text(c, i, out, err);
    }
    return LM_OK;
}

lm_status lm_checkpoint_verify_texts(const lm_checkpoint *c, lm_error *err) {
    lm_status status = LM_OK;
    for (int64_t i = 0; i < c->n_texts && status == LM_OK; i++) {
        lm_text text = {0};
        status = append_text(c, i, &text, err);
        lm_text_free(&text);
    }
    return status;
}

const char *lm_checkpoint_meta(const lm_checkpoint *c) {
    return c->meta;
}
int64_t lm_checkpoint_count(const lm_checkpoint *c) {
    return c->n;
}
const lm_checkpoint_entry *lm_checkpoint_entry_at(const lm_checkpoint *c, int64_t i) {
    LM_ASSERT(i >= 0 && i < c->n);
    return &c->arrays[i].entry;
}

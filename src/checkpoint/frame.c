#include "checkpoint/frame.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "checkpoint/layout.h"

lm_status lm_frame_no_memory(const lm_frame *f) {
    return lm_error_no_memory(f->err, f->file.path);
}

static lm_status put(const lm_frame *f, uint64_t offset, const void *data, size_t size) {
    return f->blind ? LM_OK : lm_file_writer_write_at(&f->file, offset, data, size, f->err);
}

/* ---- members ----------------------------------------------------------------------------------*/

/* Leaves room for the local header and writes the .npy header as a stored block. */
lm_status lm_frame_begin_array(lm_frame *f, int64_t i) {
    const lm_checkpoint_array *a = &f->arrays[i];
    lm_zip_member *m = &f->members[i];
    int64_t count = 0;
    lm_text block = {0};
    LM_ASSERT(lm_layout_count(a, &count));
    lm_layout_block(a, &block);
    if (block.failed) {
        lm_text_free(&block);
        return lm_frame_no_memory(f);
    }
    size_t size = block.length - LM_LAYOUT_BLOCK_FRONT;
    strcpy(m->name, a->name);
    strcat(m->name, ".npy");
    m->method = LM_ZIP_DEFLATE;
    m->raw = size + (uint64_t)LM_PLANES * (uint64_t)count;
    m->crc32 = (uint32_t)crc32(0, (const Bytef *)block.data + LM_LAYOUT_BLOCK_FRONT, (uInt)size);
    m->offset = f->offset;
    f->offset += lm_zip_local_size(m);
    lm_status status = put(f, f->offset, block.data, block.length);
    f->offset += block.length;
    lm_text_free(&block);

    lm_json_object(&f->index, NULL, LM_JSON_LINE);
    lm_json_string(&f->index, "name", a->name);
    lm_json_string(&f->index, "dtype", "float32");
    lm_json_array(&f->index, "shape", LM_JSON_LINE);
    for (int d = 0; d < a->ndim; d++) lm_json_integer(&f->index, NULL, a->shape[d]);
    lm_json_end(&f->index);
    lm_json_array(&f->index, "chunks", LM_JSON_LINE);
    lm_digest_init(&f->digest);
    return status;
}

lm_frame_chunk lm_frame_compress(lm_plane_coder *coder, int64_t length, const float *x, int plane,
                                 unsigned char *split, unsigned char *out) {
    lm_frame_chunk c;
    lm_plane_split(length, x, plane, split);
    c.crc = (uint32_t)crc32(0, split, (uInt)length);
    c.size = (uint32_t)lm_plane_compress(coder, split, (size_t)length, out);
    c.digest = lm_digest_of(out, c.size);
    return c;
}

uint64_t lm_frame_place(lm_frame *f, int64_t i, const lm_frame_chunk *c, int64_t length) {
    unsigned char digest[8];
    uint64_t at = f->offset;
    lm_write_u64(digest, c->digest);
    lm_digest_add(&f->digest, digest, sizeof digest);
    lm_json_integer(&f->index, NULL, (int64_t)c->size);
    f->members[i].crc32 = (uint32_t)crc32_combine(f->members[i].crc32, c->crc, length);
    f->offset += c->size;
    return at;
}

lm_status lm_frame_end_array(lm_frame *f, int64_t i) {
    lm_zip_member *m = &f->members[i];
    lm_text header = {0};
    lm_status status = put(f, f->offset, LM_PLANE_TRAILER, LM_PLANE_TRAILER_SIZE);
    f->offset += LM_PLANE_TRAILER_SIZE;
    m->stored = f->offset - m->offset - lm_zip_local_size(m);
    lm_zip_local_print(m, &header);
    if (status == LM_OK && header.failed) status = lm_frame_no_memory(f);
    if (status == LM_OK) status = put(f, m->offset, header.data, header.length);
    lm_json_end(&f->index);
    lm_json_digest(&f->index, "xxh64", lm_digest_end(&f->digest));
    lm_json_end(&f->index);
    lm_text_free(&header);
    return status;
}

/* ---- the end ----------------------------------------------------------------------------------*/

/* A member of its own, and in the index what tells whether it still is what was written. */
static lm_status write_text(lm_frame *f, const lm_checkpoint_text *t, lm_zip_member *m) {
    lm_text header = {0};
    strcpy(m->name, t->name);
    m->method = LM_ZIP_STORED;
    m->raw = m->stored = t->size;
    m->crc32 = (uint32_t)crc32_z(0, (const Bytef *)t->data, t->size);
    m->offset = f->offset;
    lm_zip_local_print(m, &header);
    lm_status status = header.failed ? lm_frame_no_memory(f) : LM_OK;
    if (status == LM_OK) status = put(f, f->offset, header.data, header.length);
    f->offset += header.length;
    if (status == LM_OK) status = put(f, f->offset, t->data, t->size);
    f->offset += t->size;
    lm_json_object(&f->index, NULL, LM_JSON_LINE);
    lm_json_string(&f->index, "name", t->name);
    lm_json_digest(&f->index, "xxh64", lm_digest_of(t->data, t->size));
    lm_json_end(&f->index);
    lm_text_free(&header);
    return status;
}

static lm_status write_texts(lm_frame *f) {
    lm_status status = LM_OK;
    lm_json_end(&f->index); /* "arrays" */
    if (f->n_texts == 0) return LM_OK;
    lm_json_array(&f->index, "texts", LM_JSON_LINES);
    for (int64_t i = 0; i < f->n_texts && status == LM_OK; i++)
        status = write_text(f, &f->texts[i], &f->members[f->n + i]);
    lm_json_end(&f->index);
    return status;
}

/* Ends meta.json and writes it, then the directory. */
static lm_status write_end(lm_frame *f) {
    lm_status status = LM_OK;
    lm_text records = {0};
    size_t last = (size_t)(f->n + f->n_texts);
    lm_zip_member *m = &f->members[last];
    lm_json_end(&f->index);
    lm_text_append(&f->meta, "\n", 1);
    if (f->meta.failed) {
        status = lm_frame_no_memory(f);
        goto out;
    }
    strcpy(m->name, "meta.json");
    m->method = LM_ZIP_STORED;
    m->raw = m->stored = f->meta.length;
    m->crc32 = (uint32_t)crc32_z(0, (const Bytef *)f->meta.data, f->meta.length);
    m->offset = f->offset;
    lm_zip_local_print(m, &records);
    lm_text_append(&records, f->meta.data, f->meta.length);
    size_t front = records.length;
    lm_zip_end_print(f->members, last + 1, f->offset + front, 0, &records);
    if (records.failed) {
        status = lm_frame_no_memory(f);
        goto out;
    }
    status = put(f, f->offset, records.data, records.length);
    f->offset += records.length;
out:
    lm_text_free(&records);
    return status;
}

static void begin_meta(lm_frame *f, const char *meta_json) {
    lm_text_append(&f->meta, meta_json, strlen(meta_json));
    f->index.out = &f->meta;
    lm_json_reopen(&f->index, LM_JSON_LINES);
    lm_json_array(&f->index, "arrays", LM_JSON_LINES);
}

static void check_name(const char *name) {
    LM_ASSERT(name[0] && strlen(name) < sizeof((lm_checkpoint_array *)0)->name &&
              strcmp(name, "meta.json") != 0);
    for (const char *p = name; *p; p++) LM_ASSERT(isalnum((unsigned char)*p) || strchr("._-/", *p));
}

static void check_names(const lm_checkpoint_array *arrays, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        check_name(arrays[i].name);
        LM_ASSERT(arrays[i].ndim >= 0 && arrays[i].ndim <= LM_CHECKPOINT_MAX_DIMS);
    }
}

lm_status lm_frame_end(lm_frame *f) {
    lm_status status = write_texts(f);
    return status == LM_OK ? write_end(f) : status;
}

lm_status lm_frame_begin(lm_frame *f, const char *meta_json) {
    check_names(f->arrays, f->n);
    for (int64_t i = 0; i < f->n_texts; i++) check_name(f->texts[i].name);
    f->members = calloc((size_t)(f->n + f->n_texts) + 1, sizeof *f->members);
    if (!f->members) return lm_frame_no_memory(f);
    begin_meta(f, meta_json);
    return LM_OK;
}

void lm_frame_free(lm_frame *f) {
    lm_file_writer_abort(&f->file);
    free(f->members);
    lm_text_free(&f->meta);
}

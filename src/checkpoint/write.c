#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "base/numbers.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/layout.h"
#include "checkpoint/planes.h"
#include "checkpoint/zip.h"

/* Chunks per thread in a batch. The file's bytes do not depend on it. */
#define SLOTS_PER_THREAD 4

typedef struct slot {
    int64_t array;
    int plane;
    int64_t chunk, length; /* elements of this chunk: bytes of the plane */
    const float *data;     /* the array's; until it is compressed */
    unsigned char *out;    /* [LM_PLANE_BOUND] */
    size_t size;
    uint32_t crc;
    uint64_t digest, offset;
} slot;

/* Chunks that are compressed together, and then written together while the next are compressed. */
typedef struct batch {
    slot *slots;
    int used;
} batch;

typedef struct writer {
    const lm_checkpoint_array *arrays;
    int64_t n;
    const lm_checkpoint_fetch *fetch;
    const lm_checkpoint_text *texts;
    int64_t n_texts;
    lm_pool *pool;
    lm_file_writer file;
    uint64_t offset;        /* where the next byte goes */
    batch filling, writing; /* [room] slots each */
    int room;
    lm_error write_error;    /* of the thread that writes */
    lm_plane_coder **coders; /* one per worker */
    unsigned char **splits;  /* [LM_PLANE_CHUNK] per worker */
    lm_zip_member *members;  /* n + n_texts + 1 */
    lm_text meta;            /* meta.json: the caller's object, and "arrays" as its last member, */
    lm_json_writer index;    /* written array by array */
    lm_digest digest;        /* of the present array */
    lm_error *err;
} writer;

static lm_status no_memory(const writer *w) {
    return lm_error_no_memory(w->err, w->file.path);
}

/* ---- members ----------------------------------------------------------------------------------*/

/* Leaves room for the local header and writes the .npy header as a stored block. */
static lm_status begin_member(writer *w, int64_t i) {
    const lm_checkpoint_array *a = &w->arrays[i];
    lm_zip_member *m = &w->members[i];
    int64_t count = 0;
    lm_text block = {0};
    LM_ASSERT(lm_layout_count(a, &count));
    lm_layout_block(a, &block);
    if (block.failed) {
        lm_text_free(&block);
        return no_memory(w);
    }
    size_t size = block.length - LM_LAYOUT_BLOCK_FRONT;
    strcpy(m->name, a->name);
    strcat(m->name, ".npy");
    m->method = LM_ZIP_DEFLATE;
    m->raw = size + (uint64_t)LM_PLANES * (uint64_t)count;
    m->crc32 = (uint32_t)crc32(0, (const Bytef *)block.data + LM_LAYOUT_BLOCK_FRONT, (uInt)size);
    m->offset = w->offset;
    w->offset += lm_zip_local_size(m);
    lm_status status =
        lm_file_writer_write_at(&w->file, w->offset, block.data, block.length, w->err);
    w->offset += block.length;
    lm_text_free(&block);

    lm_json_object(&w->index, NULL, LM_JSON_LINE);
    lm_json_string(&w->index, "name", a->name);
    lm_json_string(&w->index, "dtype", "float32");
    lm_json_array(&w->index, "shape", LM_JSON_LINE);
    for (int d = 0; d < a->ndim; d++) lm_json_integer(&w->index, NULL, a->shape[d]);
    lm_json_end(&w->index);
    lm_json_array(&w->index, "chunks", LM_JSON_LINE);
    lm_digest_init(&w->digest);
    return status;
}

static lm_status end_member(writer *w, int64_t i) {
    lm_zip_member *m = &w->members[i];
    lm_text header = {0};
    lm_status status = lm_file_writer_write_at(&w->file, w->offset, LM_PLANE_TRAILER,
                                               LM_PLANE_TRAILER_SIZE, w->err);
    w->offset += LM_PLANE_TRAILER_SIZE;
    m->stored = w->offset - m->offset - lm_zip_local_size(m);
    lm_zip_local_print(m, &header);
    if (status == LM_OK && header.failed) status = no_memory(w);
    if (status == LM_OK)
        status = lm_file_writer_write_at(&w->file, m->offset, header.data, header.length, w->err);
    lm_json_end(&w->index);
    lm_json_digest(&w->index, "xxh64", lm_digest_end(&w->digest));
    lm_json_end(&w->index);
    lm_text_free(&header);
    return status;
}

/* ---- chunks -----------------------------------------------------------------------------------*/

static void compress_slot(const writer *w, slot *s, int worker) {
    unsigned char *split = w->splits[worker];
    const float *x = s->data + s->chunk * LM_PLANE_CHUNK;
    lm_plane_split(s->length, x, s->plane, split);
    s->crc = (uint32_t)crc32(0, split, (uInt)s->length);
    s->size = lm_plane_compress(w->coders[worker], split, (size_t)s->length, s->out);
    s->digest = lm_digest_of(s->out, s->size);
}

static void write_batch(writer *w) {
    lm_status status = LM_OK;
    for (int i = 0; i < w->writing.used && status == LM_OK; i++) {
        const slot *s = &w->writing.slots[i];
        status = lm_file_writer_write_at(&w->file, s->offset, s->out, s->size, &w->write_error);
    }
    w->writing.used = 0;
}

/* One thread writes, since the kernel lets only one write to a file at a time; the others, and then
 * it too, compress. */
static void batch_task(void *argument, int64_t task, int worker) {
    writer *w = argument;
    if (task == 0) {
        write_batch(w);
    } else {
        compress_slot(w, &w->filling.slots[task - 1], worker);
    }
}

/* Gives the compressed chunk its place in the file and in the index. */
static lm_status place(writer *w, slot *s) {
    lm_status status = LM_OK;
    int64_t count = 0;
    bool first = s->plane == 0 && s->chunk == 0;
    LM_ASSERT(lm_layout_count(&w->arrays[s->array], &count));
    if (first && (status = begin_member(w, s->array)) != LM_OK) return status;
    lm_zip_member *m = &w->members[s->array];
    unsigned char digest[8];
    lm_write_u64(digest, s->digest);
    lm_digest_add(&w->digest, digest, sizeof digest);
    lm_json_integer(&w->index, NULL, (int64_t)s->size);
    m->crc32 = (uint32_t)crc32_combine(m->crc32, s->crc, s->length);
    s->offset = w->offset;
    w->offset += s->size;
    bool last = s->plane == LM_PLANES - 1 && s->chunk == lm_layout_chunks(count) - 1;
    return last ? end_member(w, s->array) : LM_OK;
}

/* Compresses what has been filled in and writes the batch before it, which takes the place of what
 * is filled in next. */
static lm_status turn(writer *w) {
    lm_status status = LM_OK;
    batch filled = w->filling;
    lm_pool_run(w->pool, 1 + filled.used, batch_task, w);
    if (w->write_error.code != LM_OK) {
        *w->err = w->write_error;
        return w->err->code;
    }
    for (int i = 0; i < filled.used && status == LM_OK; i++) status = place(w, &filled.slots[i]);
    w->filling = w->writing;
    w->writing = filled;
    return status;
}

static lm_status add_chunk(writer *w, slot chunk) {
    batch *b = &w->filling;
    slot *s = &b->slots[b->used++];
    chunk.out = s->out;
    *s = chunk;
    return b->used < w->room ? LM_OK : turn(w);
}

/* What the array before it held must be compressed by then. */
static lm_status find_data(writer *w, int64_t i, const float **data) {
    *data = w->arrays[i].data;
    if (!w->fetch) return LM_OK;
    lm_status status = turn(w);
    return status == LM_OK ? w->fetch->fetch(w->fetch->argument, i, data, w->err) : status;
}

static lm_status add_array(writer *w, int64_t i) {
    const float *data;
    lm_status status = LM_OK;
    int64_t count = 0;
    LM_ASSERT(lm_layout_count(&w->arrays[i], &count));
    if (count == 0) { /* a member without chunks, behind what waits before it */
        if ((status = turn(w)) != LM_OK || (status = begin_member(w, i)) != LM_OK) return status;
        return end_member(w, i);
    }
    if ((status = find_data(w, i, &data)) != LM_OK) return status;
    for (int plane = 0; plane < LM_PLANES; plane++) {
        for (int64_t chunk = 0; chunk < lm_layout_chunks(count); chunk++) {
            slot s = {i, plane, chunk, lm_layout_chunk_length(count, chunk), .data = data};
            if ((status = add_chunk(w, s)) != LM_OK) return status;
        }
    }
    return LM_OK;
}

static lm_status write_arrays(writer *w) {
    lm_status status = LM_OK;
    for (int64_t i = 0; i < w->n; i++)
        if ((status = add_array(w, i)) != LM_OK) return status;
    if ((status = turn(w)) != LM_OK) return status;
    return turn(w); /* compresses nothing: writes the last batch */
}

/* ---- the end ----------------------------------------------------------------------------------*/

/* A member of its own, and in the index what tells whether it still is what was written. */
static lm_status write_text(writer *w, const lm_checkpoint_text *t, lm_zip_member *m) {
    lm_text header = {0};
    strcpy(m->name, t->name);
    m->method = LM_ZIP_STORED;
    m->raw = m->stored = t->size;
    m->crc32 = (uint32_t)crc32_z(0, (const Bytef *)t->data, t->size);
    m->offset = w->offset;
    lm_zip_local_print(m, &header);
    lm_status status = header.failed ? no_memory(w) : LM_OK;
    if (status == LM_OK)
        status = lm_file_writer_write_at(&w->file, w->offset, header.data, header.length, w->err);
    w->offset += header.length;
    if (status == LM_OK)
        status = lm_file_writer_write_at(&w->file, w->offset, t->data, t->size, w->err);
    w->offset += t->size;
    lm_json_object(&w->index, NULL, LM_JSON_LINE);
    lm_json_string(&w->index, "name", t->name);
    lm_json_digest(&w->index, "xxh64", lm_digest_of(t->data, t->size));
    lm_json_end(&w->index);
    lm_text_free(&header);
    return status;
}

static lm_status write_texts(writer *w) {
    lm_status status = LM_OK;
    lm_json_end(&w->index); /* "arrays" */
    if (w->n_texts == 0) return LM_OK;
    lm_json_array(&w->index, "texts", LM_JSON_LINES);
    for (int64_t i = 0; i < w->n_texts && status == LM_OK; i++)
        status = write_text(w, &w->texts[i], &w->members[w->n + i]);
    lm_json_end(&w->index);
    return status;
}

/* Ends meta.json and writes it, then the directory. */
static lm_status write_end(writer *w) {
    lm_status status = LM_OK;
    lm_text records = {0};
    size_t last = (size_t)(w->n + w->n_texts);
    lm_zip_member *m = &w->members[last];
    lm_json_end(&w->index);
    lm_text_append(&w->meta, "\n", 1);
    if (w->meta.failed) {
        status = no_memory(w);
        goto out;
    }
    strcpy(m->name, "meta.json");
    m->method = LM_ZIP_STORED;
    m->raw = m->stored = w->meta.length;
    m->crc32 = (uint32_t)crc32_z(0, (const Bytef *)w->meta.data, w->meta.length);
    m->offset = w->offset;
    lm_zip_local_print(m, &records);
    lm_text_append(&records, w->meta.data, w->meta.length);
    size_t front = records.length;
    lm_zip_end_print(w->members, last + 1, w->offset + front, 0, &records);
    if (records.failed) {
        status = no_memory(w);
        goto out;
    }
    status = lm_file_writer_write_at(&w->file, w->offset, records.data, records.length, w->err);
    w->offset += records.length;
out:
    lm_text_free(&records);
    return status;
}

static void begin_meta(writer *w, const char *meta_json) {
    lm_text_append(&w->meta, meta_json, strlen(meta_json));
    w->index.out = &w->meta;
    lm_json_reopen(&w->index, LM_JSON_LINES);
    lm_json_array(&w->index, "arrays", LM_JSON_LINES);
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

uint64_t lm_checkpoint_write_bytes(int threads) {
    uint64_t slots = 2 * SLOTS_PER_THREAD * (LM_PLANE_BOUND + sizeof(slot));
    return (uint64_t)threads * (slots + (uint64_t)LM_PLANE_CHUNK + lm_plane_coder_bytes());
}

/* What does not compress takes 5 bytes more in each 65,535 (stored blocks), and each chunk a number
 * in meta.json: 1/256 is several times that. An array has two headers of the ZIP, one of the .npy,
 * and a row of meta.json: 640 bytes suffice for the longest name and shape (tests/checkpoint/
 * test_size.c). The end has fixed records. */
bool lm_checkpoint_most_bytes(uint64_t raw, int64_t arrays, uint64_t beside, uint64_t *bytes) {
    uint64_t most;
    if (!lm_u64_mul((uint64_t)arrays, 640, &most) || !lm_u64_add(most, 512 + raw / 256, &most) ||
        !lm_u64_add(most, raw, &most) || !lm_u64_add(most, beside, &most))
        return false;
    *bytes = most;
    return true;
}

static lm_status reserve(writer *w) {
    int threads = lm_pool_threads(w->pool);
    w->room = SLOTS_PER_THREAD * threads;
    for (int b = 0; b < 2; b++) {
        slot *slots = calloc((size_t)w->room, sizeof *slots);
        *(b ? &w->writing : &w->filling) = (batch){.slots = slots};
        if (!slots) return no_memory(w);
        for (int i = 0; i < w->room; i++)
            if (!(slots[i].out = malloc(LM_PLANE_BOUND))) return no_memory(w);
    }
    w->coders = calloc((size_t)threads, sizeof(lm_plane_coder *));
    w->splits = calloc((size_t)threads, sizeof(unsigned char *));
    w->members = calloc((size_t)(w->n + w->n_texts) + 1, sizeof *w->members);
    if (!w->coders || !w->splits || !w->members) return no_memory(w);
    for (int i = 0; i < threads; i++) {
        w->coders[i] = lm_plane_coder_create();
        w->splits[i] = malloc((size_t)LM_PLANE_CHUNK);
        if (!w->coders[i] || !w->splits[i]) return no_memory(w);
    }
    return LM_OK;
}

static void free_batch(batch *b, int room) {
    for (int i = 0; b->slots && i < room; i++) free(b->slots[i].out);
    free(b->slots);
}

static void release(writer *w) {
    free_batch(&w->filling, w->room);
    free_batch(&w->writing, w->room);
    for (int i = 0; i < lm_pool_threads(w->pool); i++) {
        if (w->coders) lm_plane_coder_free(w->coders[i]);
        if (w->splits) free(w->splits[i]);
    }
    free(w->coders);
    free(w->splits);
    free(w->members);
    lm_text_free(&w->meta);
}

lm_status lm_checkpoint_write(const char *path, const lm_checkpoint_array *arrays, int64_t n,
                              const lm_checkpoint_text *texts, int64_t n_texts,
                              const char *meta_json, lm_pool *pool, uint64_t *file_bytes,
                              lm_error *err) {
    return lm_checkpoint_write_from(path, arrays, n, NULL, texts, n_texts, meta_json, pool,
                                    file_bytes, err);
}

lm_status lm_checkpoint_write_from(const char *path, const lm_checkpoint_array *arrays, int64_t n,
                                   const lm_checkpoint_fetch *fetch,
                                   const lm_checkpoint_text *texts, int64_t n_texts,
                                   const char *meta_json, lm_pool *pool, uint64_t *file_bytes,
                                   lm_error *err) {
    writer w = {.arrays = arrays,
                .n = n,
                .fetch = fetch,
                .texts = texts,
                .n_texts = n_texts,
                .pool = pool,
                .err = err};
    check_names(arrays, n);
    for (int64_t i = 0; i < n_texts; i++) check_name(texts[i].name);
    lm_status status = lm_file_writer_open(&w.file, path, err);
    if (status != LM_OK) return status;
    if ((status = reserve(&w)) != LM_OK) goto out;
    begin_meta(&w, meta_json);
    if ((status = write_arrays(&w)) != LM_OK) goto out;
    if ((status = write_texts(&w)) != LM_OK) goto out;
    if ((status = write_end(&w)) != LM_OK) goto out;
    status = lm_file_writer_commit(&w.file, err);
    if (file_bytes) *file_bytes = w.offset;
out:
    lm_file_writer_abort(&w.file);
    release(&w);
    return status;
}

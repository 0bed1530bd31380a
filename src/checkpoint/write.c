#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/numbers.h"
#include "checkpoint/frame.h"
#include "checkpoint/layout.h"
#include "checkpoint/planes.h"

/* Chunks per thread in a batch. The file's bytes do not depend on it. */
#define SLOTS_PER_THREAD 4

typedef struct slot {
    int64_t array;
    int plane;
    int64_t chunk, length; /* elements of this chunk: bytes of the plane */
    const float *data;     /* the array's; until it is compressed */
    unsigned char *out;    /* [LM_PLANE_BOUND] */
    lm_frame_chunk is;
    uint64_t offset;
} slot;

/* Chunks that are compressed together, and then written together while the next are compressed. */
typedef struct batch {
    slot *slots;
    int used;
} batch;

typedef struct writer {
    lm_frame frame;
    const lm_checkpoint_fetch *fetch;
    lm_pool *pool;
    batch filling, writing; /* [room] slots each */
    int room;
    lm_error write_error;    /* of the thread that writes */
    lm_plane_coder **coders; /* one per worker */
    unsigned char **splits;  /* [LM_PLANE_CHUNK] per worker */
} writer;

/* ---- chunks -----------------------------------------------------------------------------------*/

static void compress_slot(const writer *w, slot *s, int worker) {
    unsigned char *split = w->splits[worker];
    const float *x = s->data + s->chunk * LM_PLANE_CHUNK;
    s->is = lm_frame_compress(w->coders[worker], s->length, x, s->plane, split, s->out);
}

static void write_batch(writer *w) {
    lm_status status = LM_OK;
    for (int i = 0; i < w->writing.used && status == LM_OK; i++) {
        const slot *s = &w->writing.slots[i];
        status =
            lm_file_writer_write_at(&w->frame.file, s->offset, s->out, s->is.size, &w->write_error);
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
    LM_ASSERT(lm_layout_count(&w->frame.arrays[s->array], &count));
    if (first && (status = lm_frame_begin_array(&w->frame, s->array)) != LM_OK) return status;
    s->offset = lm_frame_place(&w->frame, s->array, &s->is, s->length);
    bool last = s->plane == LM_PLANES - 1 && s->chunk == lm_layout_chunks(count) - 1;
    return last ? lm_frame_end_array(&w->frame, s->array) : LM_OK;
}

/* Compresses what has been filled in and writes the batch before it, which takes the place of what
 * is filled in next. */
static lm_status turn(writer *w) {
    lm_status status = LM_OK;
    batch filled = w->filling;
    lm_pool_run(w->pool, 1 + filled.used, batch_task, w);
    if (w->write_error.code != LM_OK) {
        *w->frame.err = w->write_error;
        return w->write_error.code;
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
    *data = w->frame.arrays[i].data;
    if (!w->fetch) return LM_OK;
    lm_status status = turn(w);
    return status == LM_OK ? w->fetch->fetch(w->fetch->argument, i, data, w->frame.err) : status;
}

static lm_status add_array(writer *w, int64_t i) {
    const float *data;
    lm_status status = LM_OK;
    int64_t count = 0;
    LM_ASSERT(lm_layout_count(&w->frame.arrays[i], &count));
    if (count == 0) { /* a member without chunks, behind what waits before it */
        if ((status = turn(w)) != LM_OK) return status;
        if ((status = lm_frame_begin_array(&w->frame, i)) != LM_OK) return status;
        return lm_frame_end_array(&w->frame, i);
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
    for (int64_t i = 0; i < w->frame.n; i++)
        if ((status = add_array(w, i)) != LM_OK) return status;
    if ((status = turn(w)) != LM_OK) return status;
    return turn(w); /* compresses nothing: writes the last batch */
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
        if (!slots) return lm_frame_no_memory(&w->frame);
        for (int i = 0; i < w->room; i++)
            if (!(slots[i].out = malloc(LM_PLANE_BOUND))) return lm_frame_no_memory(&w->frame);
    }
    w->coders = calloc((size_t)threads, sizeof(lm_plane_coder *));
    w->splits = calloc((size_t)threads, sizeof(unsigned char *));
    if (!w->coders || !w->splits) return lm_frame_no_memory(&w->frame);
    for (int i = 0; i < threads; i++) {
        w->coders[i] = lm_plane_coder_create();
        w->splits[i] = malloc((size_t)LM_PLANE_CHUNK);
        if (!w->coders[i] || !w->splits[i]) return lm_frame_no_memory(&w->frame);
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
    lm_frame_free(&w->frame);
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
    writer w = {.frame = {arrays, n, texts, n_texts, .err = err}, .fetch = fetch, .pool = pool};
    lm_status status = lm_file_writer_open(&w.frame.file, path, err);
    if (status != LM_OK) return status;
    if ((status = lm_frame_begin(&w.frame, meta_json)) != LM_OK) goto out;
    if ((status = reserve(&w)) != LM_OK) goto out;
    if ((status = write_arrays(&w)) != LM_OK) goto out;
    if ((status = lm_frame_end(&w.frame)) != LM_OK) goto out;
    status = lm_file_writer_commit(&w.frame.file, err);
    if (file_bytes) *file_bytes = w.frame.offset;
out:
    release(&w);
    return status;
}

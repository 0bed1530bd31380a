#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/numbers.h"
#include "checkpoint/layout.h"
#include "checkpoint/open.h"
#include "checkpoint/planes.h"

/* One array to read. A task reads one chunk of each of the four planes. */
typedef struct wanted {
    const lm_stored_array *from;
    float *to;       /* NULL: only check it */
    int64_t first;   /* its first task */
    uint64_t digest; /* index of its first digest and CRC */
} wanted;

/* Tasks per thread in a region: a large file is many regions, so that what the pool does between
 * them (lm_pool_set_between) has its turn. */
enum { TASKS_PER_THREAD = 4 };

typedef struct worker_memory {
    lm_plane_coder *coder;
    unsigned char *stored; /* [LM_PLANE_BOUND] */
    unsigned char *planes; /* [4 * LM_PLANE_BOUND] */
    lm_error err;          /* the first failure to read the file, if any */
} worker_memory;

typedef struct reading {
    const lm_checkpoint *c;
    wanted *list;
    int64_t n, tasks;
    int64_t begun; /* tasks of earlier regions */
    bool check_crc;
    uint64_t *digests; /* of every chunk of every array of the list */
    uint32_t *crcs;
    unsigned char *failed; /* one per task */
    worker_memory *workers;
} reading;

static const wanted *wanted_of(const reading *r, int64_t task) {
    /* The last one whose first task is at most `task`. */
    int64_t low = 0, high = r->n - 1;
    while (low < high) {
        int64_t middle = (low + high + 1) / 2;
        if (r->list[middle].first <= task) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    return &r->list[low];
}

/* Reads chunk i of the array into plane. false: it is damaged, or it could not be read and
 * memory->err says why. */
static bool read_chunk(reading *r, const wanted *w, int64_t i, worker_memory *memory,
                       unsigned char *plane, int64_t length) {
    const uint64_t *starts = w->from->starts, place = w->digest + (uint64_t)i;
    uint64_t size = starts[i + 1] - starts[i];
    if (size > LM_PLANE_BOUND) return false;
    lm_error err;
    if (lm_file_reader_at(&r->c->file, starts[i], memory->stored, (size_t)size, &err) != LM_OK) {
        if (memory->err.code == LM_OK) memory->err = err;
        return false;
    }
    r->digests[place] = lm_digest_of(memory->stored, (size_t)size);
    if (!lm_plane_decompress(memory->coder, memory->stored, (size_t)size, plane, (size_t)length))
        return false;
    if (r->check_crc) r->crcs[place] = (uint32_t)crc32(0, plane, (uInt)length);
    return true;
}

static void read_task(void *argument, int64_t i, int worker) {
    reading *r = argument;
    const int64_t task = r->begun + i;
    const wanted *w = wanted_of(r, task);
    const lm_stored_array *a = w->from;
    worker_memory *memory = &r->workers[worker];
    int64_t chunk = task - w->first, length = lm_layout_chunk_length(a->count, chunk);
    const unsigned char *planes[LM_PLANES];
    for (int p = 0; p < LM_PLANES; p++) {
        unsigned char *plane = memory->planes + (size_t)p * LM_PLANE_BOUND;
        planes[p] = plane;
        if (!read_chunk(r, w, p * a->chunks + chunk, memory, plane, length)) {
            r->failed[task] = 1;
            return;
        }
    }
    if (w->to) lm_plane_join(length, planes, w->to + chunk * LM_PLANE_CHUNK);
}

static lm_status check_array(const reading *r, const wanted *w, lm_error *err) {
    const lm_stored_array *a = w->from;
    lm_digest digest;
    uint32_t crc = a->header_crc;
    lm_digest_init(&digest);
    for (int64_t i = 0; i < a->chunks; i++)
        if (r->failed[w->first + i])
            return lm_checkpoint_damaged_array(r->c, a, "cannot be decompressed", err);
    for (int64_t i = 0; i < LM_PLANES * a->chunks; i++) {
        unsigned char bytes[8];
        lm_write_u64(bytes, r->digests[w->digest + (uint64_t)i]);
        lm_digest_add(&digest, bytes, sizeof bytes);
        if (r->check_crc)
            crc = (uint32_t)crc32_combine(crc, r->crcs[w->digest + (uint64_t)i],
                                          lm_layout_chunk_length(a->count, i % a->chunks));
    }
    if (lm_digest_end(&digest) != a->digest)
        return lm_checkpoint_damaged_array(r->c, a, "its digest is wrong", err);
    if (r->check_crc && crc != a->entry.crc32)
        return lm_checkpoint_damaged_array(r->c, a, "its CRC is wrong", err);
    return LM_OK;
}

static lm_status reserve(reading *r, int threads, lm_error *err) {
    uint64_t chunks = 0;
    for (int64_t i = 0; i < r->n; i++) {
        r->list[i].first = r->tasks;
        r->list[i].digest = chunks;
        r->tasks += r->list[i].from->chunks;
        chunks += (uint64_t)(LM_PLANES * r->list[i].from->chunks);
    }
    r->digests = calloc(chunks + 1, sizeof *r->digests);
    r->crcs = calloc(chunks + 1, sizeof *r->crcs);
    r->failed = calloc((size_t)r->tasks + 1, 1);
    r->workers = calloc((size_t)threads, sizeof *r->workers);
    if (!r->digests || !r->crcs || !r->failed || !r->workers)
        return lm_checkpoint_no_memory(r->c, err);
    for (int i = 0; i < threads; i++) {
        worker_memory *m = &r->workers[i];
        m->coder = lm_plane_coder_create();
        m->stored = malloc(LM_PLANE_BOUND);
        m->planes = malloc(LM_PLANES * LM_PLANE_BOUND);
        if (!m->coder || !m->stored || !m->planes) return lm_checkpoint_no_memory(r->c, err);
    }
    return LM_OK;
}

static void release(reading *r, int threads) {
    for (int i = 0; r->workers && i < threads; i++) {
        lm_plane_coder_free(r->workers[i].coder);
        free(r->workers[i].stored);
        free(r->workers[i].planes);
    }
    free(r->workers);
    free(r->failed);
    free(r->crcs);
    free(r->digests);
}

/* Reads the arrays of the list; the caller has filled `from` and `to`. */
static lm_status run(reading *r, lm_pool *pool, lm_error *err) {
    int threads = lm_pool_threads(pool);
    lm_status status = reserve(r, threads, err);
    if (status != LM_OK) goto out;
    for (int64_t n; r->begun < r->tasks; r->begun += n) {
        n = lm_min(r->tasks - r->begun, (int64_t)TASKS_PER_THREAD * threads);
        lm_pool_run(pool, n, read_task, r);
    }
    for (int i = 0; i < threads && status == LM_OK; i++) {
        if (r->workers[i].err.code == LM_OK) continue;
        *err = r->workers[i].err;
        status = err->code;
    }
    for (int64_t i = 0; i < r->n && status == LM_OK; i++) status = check_array(r, &r->list[i], err);
out:
    release(r, threads);
    return status;
}

static lm_status find(const lm_checkpoint *c, const lm_checkpoint_array *want,
                      const lm_stored_array **found, lm_error *err) {
    for (int64_t i = 0; i < c->n; i++) {
        const lm_checkpoint_array *have = &c->arrays[i].entry.array;
        if (strcmp(have->name, want->name) != 0) continue;
        if (have->ndim == want->ndim &&
            memcmp(have->shape, want->shape, (size_t)have->ndim * sizeof have->shape[0]) == 0) {
            *found = &c->arrays[i];
            return LM_OK;
        }
        lm_text shapes[2] = {{0}, {0}};
        for (int s = 0; s < 2; s++) {
            const lm_checkpoint_array *a = s ? have : want;
            for (int d = 0; d < a->ndim; d++)
                lm_text_printf(&shapes[s], "%s%" PRId64, d ? ", " : "", a->shape[d]);
        }
        lm_error_set(err, LM_ERR_RUNTIME, "%s: array %s: expected shape [%s], found [%s]",
                     c->file.path, want->name, lm_text_cstr(&shapes[0]), lm_text_cstr(&shapes[1]));
        lm_text_free(&shapes[0]);
        lm_text_free(&shapes[1]);
        return err->code;
    }
    return lm_error_set(err, LM_ERR_RUNTIME, "%s: expected an array %s, found none", c->file.path,
                        want->name);
}

lm_status lm_checkpoint_read(lm_checkpoint *c, const lm_checkpoint_array *arrays, int64_t n,
                             lm_pool *pool, lm_error *err) {
    reading r = {.c = c, .n = n, .list = calloc((size_t)n + 1, sizeof *r.list)};
    lm_status status = r.list ? LM_OK : lm_checkpoint_no_memory(c, err);
    for (int64_t i = 0; i < n && status == LM_OK; i++) {
        status = find(c, &arrays[i], &r.list[i].from, err);
        r.list[i].to = arrays[i].data;
    }
    if (status == LM_OK) status = run(&r, pool, err);
    free(r.list);
    return status;
}

lm_status lm_checkpoint_verify(lm_checkpoint *c, lm_pool *pool, lm_error *err) {
    reading r = {
        .c = c, .n = c->n, .check_crc = true, .list = calloc((size_t)c->n + 1, sizeof *r.list)};
    lm_status status = r.list ? LM_OK : lm_checkpoint_no_memory(c, err);
    for (int64_t i = 0; i < c->n && status == LM_OK; i++) r.list[i].from = &c->arrays[i];
    if (status == LM_OK) status = run(&r, pool, err);
    if (status == LM_OK) status = lm_checkpoint_verify_texts(c, err);
    free(r.list);
    return status;
}

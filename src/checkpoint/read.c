#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/npy.h"
#include "checkpoint/planes.h"
#include "checkpoint/zip.h"

/* An array of the file: what the caller sees, and where its chunks are. */
typedef struct array {
    lm_checkpoint_entry entry;
    int64_t count, chunks; /* elements; chunks of one plane */
    uint64_t *starts;      /* [4 * chunks + 1] file offsets, plane after plane */
    uint64_t digest;
    uint32_t header_crc;
} array;

struct lm_checkpoint {
    char *path;
    lm_mapping map;
    lm_zip_member *members; /* n arrays, then meta.json */
    array *arrays;
    int64_t n;
    char *meta;
};

/* ---- opening -----------------------------------------------------------------------------------*/

static lm_status no_memory(const lm_checkpoint *c, lm_error *err) {
    return lm_error_set(err, LM_ERR_RUNTIME, "%s: out of memory", c->path);
}

static lm_status damaged(const lm_checkpoint *c, const char *what, lm_error *err) {
    return lm_error_damaged(err, "%s: damaged: %s", c->path, what);
}

static lm_status damaged_array(const lm_checkpoint *c, const array *a, const char *what,
                               lm_error *err) {
    return lm_error_damaged(err, "%s: damaged: array %s: %s", c->path, a->entry.array.name, what);
}

static lm_status read_meta(lm_checkpoint *c, const lm_zip_member *m, lm_error *err) {
    if (strcmp(m->name, "meta.json") != 0 || m->method != LM_ZIP_STORED || m->raw != m->stored)
        return damaged(c, "expected meta.json as the last member", err);
    const unsigned char *data = c->map.data + m->offset + lm_zip_local_size(m);
    if (crc32_z(0, data, m->raw) != m->crc32) return damaged(c, "CRC of meta.json", err);
    c->meta = malloc((size_t)m->raw + 1);
    if (!c->meta) return no_memory(c, err);
    memcpy(c->meta, data, (size_t)m->raw);
    c->meta[m->raw] = '\0';
    return LM_OK;
}

static bool whole_number(const cJSON *item, int64_t *out) {
    if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble <= 0x1p53))
        return false;
    *out = (int64_t)item->valuedouble;
    return (double)*out == item->valuedouble;
}

/* Shape and digest of one object of "arrays". */
static bool parse_array(const cJSON *object, array *a) {
    lm_checkpoint_array *shape = &a->entry.array;
    const cJSON *name = cJSON_GetObjectItemCaseSensitive(object, "name");
    const cJSON *dtype = cJSON_GetObjectItemCaseSensitive(object, "dtype");
    const cJSON *dims = cJSON_GetObjectItemCaseSensitive(object, "shape");
    const cJSON *digest = cJSON_GetObjectItemCaseSensitive(object, "xxh64");
    if (!cJSON_IsString(name) || strlen(name->valuestring) >= sizeof shape->name) return false;
    if (!cJSON_IsString(dtype) || strcmp(dtype->valuestring, "float32") != 0) return false;
    if (!cJSON_IsArray(dims) || cJSON_GetArraySize(dims) > LM_CHECKPOINT_MAX_DIMS) return false;
    if (!cJSON_IsString(digest) || strlen(digest->valuestring) != 16) return false;
    strcpy(shape->name, name->valuestring);
    const cJSON *dim;
    cJSON_ArrayForEach(dim, dims) {
        if (!whole_number(dim, &shape->shape[shape->ndim++])) return false;
    }
    a->digest = strtoumax(digest->valuestring, NULL, 16);
    return lm_npy_count(shape, &a->count);
}

/* Lays the chunks out: they must fill the member exactly, behind the .npy header that the shape
 * implies and before the trailer. */
static lm_status lay_out(lm_checkpoint *c, array *a, const lm_zip_member *m, const cJSON *sizes,
                         lm_error *err) {
    lm_status status = LM_OK;
    lm_text header = {0};
    uint64_t at = m->offset + lm_zip_local_size(m), end = at + m->stored;
    int64_t n = LM_PLANES * (a->chunks = lm_npy_chunks(a->count)), i = 0;
    const cJSON *size;
    /* Before anything is allocated by the count: each chunk has its size in the text. */
    if (!cJSON_IsArray(sizes) || cJSON_GetArraySize(sizes) != n)
        return damaged_array(c, a, "expected the size of each of its chunks", err);
    lm_npy_header(&a->entry.array, &header);
    a->starts = calloc((size_t)n + 1, sizeof *a->starts);
    if (!a->starts || header.failed) {
        status = no_memory(c, err);
        goto out;
    }
    if (m->stored < 5 + header.length + LM_PLANE_TRAILER_SIZE ||
        m->raw != header.length + (uint64_t)LM_PLANES * (uint64_t)a->count ||
        m->method != LM_ZIP_DEFLATE ||
        memcmp(c->map.data + at + 5, header.data, header.length) != 0 || c->map.data[at] != 0 ||
        lm_read_u16(c->map.data + at + 1) != header.length ||
        lm_read_u16(c->map.data + at + 3) != (uint16_t)~header.length ||
        memcmp(c->map.data + end - LM_PLANE_TRAILER_SIZE, LM_PLANE_TRAILER,
               LM_PLANE_TRAILER_SIZE) != 0) {
        status = damaged_array(c, a, "its .npy header is not that of its shape", err);
        goto out;
    }
    a->header_crc = (uint32_t)crc32_z(0, (const Bytef *)header.data, header.length);
    at += 5 + header.length;
    end -= LM_PLANE_TRAILER_SIZE;
    cJSON_ArrayForEach(size, sizes) {
        int64_t bytes;
        a->starts[i++] = at;
        if (!whole_number(size, &bytes) || (uint64_t)bytes > end - at) {
            status = damaged_array(c, a, "its chunks do not fit", err);
            goto out;
        }
        at += (uint64_t)bytes;
    }
    a->starts[n] = at;
    if (at != end) status = damaged_array(c, a, "its chunks do not fill it", err);
out:
    lm_text_free(&header);
    return status;
}

static lm_status read_index(lm_checkpoint *c, lm_error *err) {
    lm_status status = LM_OK;
    cJSON *root = cJSON_Parse(c->meta);
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "arrays"), *object;
    int64_t i = 0;
    /* Its CRC was right: this is want of memory, or not our doing. */
    if (!root) return lm_error_set(err, LM_ERR_RUNTIME, "%s: cannot parse meta.json", c->path);
    if (!cJSON_IsArray(list) || cJSON_GetArraySize(list) != c->n) {
        status = damaged(c, "meta.json: expected \"arrays\" with one object a member", err);
        goto out;
    }
    cJSON_ArrayForEach(object, list) {
        array *a = &c->arrays[i];
        const lm_zip_member *m = &c->members[i++];
        char name[sizeof a->entry.array.name + 4];
        if (!parse_array(object, a)) {
            status =
                damaged(c, "meta.json: expected name, dtype, shape and xxh64 of an array", err);
            goto out;
        }
        snprintf(name, sizeof name, "%s.npy", a->entry.array.name);
        if (strcmp(name, m->name) != 0) {
            status = damaged_array(c, a, "expected as the next member", err);
            goto out;
        }
        a->entry.stored_bytes = m->stored;
        a->entry.raw_bytes = m->raw;
        a->entry.crc32 = m->crc32;
        status = lay_out(c, a, m, cJSON_GetObjectItemCaseSensitive(object, "chunks"), err);
        if (status != LM_OK) goto out;
    }
out:
    cJSON_Delete(root);
    return status;
}

lm_status lm_checkpoint_open(lm_checkpoint **out, const char *path, lm_error *err) {
    *out = NULL;
    size_t members = 0;
    lm_checkpoint *c = calloc(1, sizeof *c);
    if (!c || !(c->path = strdup(path))) {
        free(c);
        return lm_error_set(err, LM_ERR_RUNTIME, "%s: out of memory", path);
    }
    lm_status status = lm_file_map(&c->map, path, err);
    if (status != LM_OK) goto out;
    status = lm_zip_parse(path, c->map.data, c->map.size, &c->members, &members, err);
    if (status != LM_OK) goto out;
    if (members == 0) {
        status = damaged(c, "expected meta.json, found no members", err);
        goto out;
    }
    c->n = (int64_t)members - 1;
    c->arrays = calloc(members, sizeof *c->arrays);
    if (!c->arrays) {
        status = no_memory(c, err);
        goto out;
    }
    if ((status = read_meta(c, &c->members[c->n], err)) != LM_OK) goto out;
    status = read_index(c, err);
out:
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
    lm_file_unmap(&c->map);
    free(c->arrays);
    free(c->members);
    free(c->meta);
    free(c->path);
    free(c);
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

/* ---- reading -----------------------------------------------------------------------------------*/

/* One array to read: a task for each chunk's length of elements, all four planes. */
typedef struct wanted {
    const array *from;
    float *to;       /* NULL: only check */
    int64_t first;   /* its first task */
    uint64_t digest; /* place of its first digest and CRC */
} wanted;

typedef struct worker_memory {
    lm_plane_coder *coder;
    unsigned char *planes; /* [4 * LM_PLANE_BOUND] */
} worker_memory;

typedef struct reading {
    const lm_checkpoint *c;
    wanted *list;
    int64_t n, tasks;
    bool check_crc;
    uint64_t *digests; /* of every chunk of every array of the list */
    uint32_t *crcs;
    unsigned char *failed; /* a task each */
    worker_memory *workers;
} reading;

static const wanted *wanted_of(const reading *r, int64_t task) {
    int64_t low = 0, high = r->n - 1; /* the last one whose first task is not beyond */
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

static void read_task(void *argument, int64_t task, int worker) {
    reading *r = argument;
    const wanted *w = wanted_of(r, task);
    const array *a = w->from;
    int64_t chunk = task - w->first, length = lm_npy_chunk_length(a->count, chunk);
    const unsigned char *planes[LM_PLANES];
    for (int p = 0; p < LM_PLANES; p++) {
        int64_t i = p * a->chunks + chunk;
        const unsigned char *in = r->c->map.data + a->starts[i];
        size_t size = (size_t)(a->starts[i + 1] - a->starts[i]);
        unsigned char *plane = r->workers[worker].planes + (size_t)p * LM_PLANE_BOUND;
        r->digests[w->digest + (uint64_t)i] = lm_digest_of(in, size);
        if (!lm_plane_decompress(r->workers[worker].coder, in, size, plane, (size_t)length)) {
            r->failed[task] = 1;
            return;
        }
        if (r->check_crc)
            r->crcs[w->digest + (uint64_t)i] = (uint32_t)crc32(0, plane, (uInt)length);
        planes[p] = plane;
    }
    if (w->to) lm_plane_join(length, planes, w->to + chunk * LM_PLANE_CHUNK);
}

static lm_status check_array(const reading *r, const wanted *w, lm_error *err) {
    const array *a = w->from;
    lm_digest digest;
    uint32_t crc = a->header_crc;
    lm_digest_init(&digest);
    for (int64_t i = 0; i < a->chunks; i++)
        if (r->failed[w->first + i]) return damaged_array(r->c, a, "cannot be decompressed", err);
    for (int64_t i = 0; i < LM_PLANES * a->chunks; i++) {
        unsigned char bytes[8];
        lm_write_u64(bytes, r->digests[w->digest + (uint64_t)i]);
        lm_digest_add(&digest, bytes, sizeof bytes);
        if (r->check_crc)
            crc = (uint32_t)crc32_combine(crc, r->crcs[w->digest + (uint64_t)i],
                                          lm_npy_chunk_length(a->count, i % a->chunks));
    }
    if (lm_digest_end(&digest) != a->digest)
        return damaged_array(r->c, a, "its digest is wrong", err);
    if (r->check_crc && crc != a->entry.crc32)
        return damaged_array(r->c, a, "its CRC is wrong", err);
    return LM_OK;
}

/* Reads the list, whose `from` and `to` are filled. */
static lm_status run(reading *r, lm_pool *pool, lm_error *err) {
    lm_status status = LM_OK;
    int threads = lm_pool_threads(pool);
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
    if (!r->digests || !r->crcs || !r->failed || !r->workers) status = no_memory(r->c, err);
    for (int i = 0; i < threads && status == LM_OK; i++) {
        r->workers[i].coder = lm_plane_coder_create();
        r->workers[i].planes = malloc(LM_PLANES * LM_PLANE_BOUND);
        if (!r->workers[i].coder || !r->workers[i].planes) status = no_memory(r->c, err);
    }
    if (status == LM_OK) lm_pool_run(pool, r->tasks, read_task, r);
    for (int64_t i = 0; i < r->n && status == LM_OK; i++) status = check_array(r, &r->list[i], err);
    for (int i = 0; r->workers && i < threads; i++) {
        lm_plane_coder_free(r->workers[i].coder);
        free(r->workers[i].planes);
    }
    free(r->workers);
    free(r->failed);
    free(r->crcs);
    free(r->digests);
    return status;
}

static lm_status find(const lm_checkpoint *c, const lm_checkpoint_array *want, const array **found,
                      lm_error *err) {
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
        lm_error_set(err, LM_ERR_RUNTIME, "%s: array %s: expected shape [%s], found [%s]", c->path,
                     want->name, lm_text_cstr(&shapes[0]), lm_text_cstr(&shapes[1]));
        lm_text_free(&shapes[0]);
        lm_text_free(&shapes[1]);
        return err->code;
    }
    return lm_error_set(err, LM_ERR_RUNTIME, "%s: expected an array %s, found none", c->path,
                        want->name);
}

lm_status lm_checkpoint_read(lm_checkpoint *c, const lm_checkpoint_array *arrays, int64_t n,
                             lm_pool *pool, lm_error *err) {
    reading r = {.c = c, .n = n, .list = calloc((size_t)n + 1, sizeof *r.list)};
    lm_status status = r.list ? LM_OK : no_memory(c, err);
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
    lm_status status = r.list ? LM_OK : no_memory(c, err);
    for (int64_t i = 0; i < c->n && status == LM_OK; i++) r.list[i].from = &c->arrays[i];
    if (status == LM_OK) status = run(&r, pool, err);
    free(r.list);
    return status;
}

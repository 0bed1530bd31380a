/* Megatron-LM's IndexedDataset: x.bin holds the ids, x.idx says their type and where each sequence
 * stands. Source: megatron/core/datasets/indexed_dataset.py.
 *
 *     0   9 bytes   "MMIDIDX", two NULs
 *     9   u64       version 1
 *     17  u8        type of the ids
 *     18  u64       S sequences
 *     26  u64       D, the number of documents + 1
 *     34  i32[S]    ids in each sequence
 *         i64[S]    byte offset of each in x.bin
 *         i64[D]    first sequence of each document; not needed here
 *         i8[S]     modes; of sets of several kinds only
 *
 * Sequences that stand back to back are one run. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/numbers.h"
#include "data/format.h"

#define MAGIC "MMIDIDX\0"
enum { MAGIC_SIZE = sizeof MAGIC, HEADER = 34, BLOCK = 4096 /* sequences read at a time */ };

typedef struct index {
    lm_file_reader file;
    lm_shard *shard;
    uint64_t sequences, documents;
    uint64_t end; /* of the ids in x.bin, so far */
    int64_t capacity;
    lm_error *err;
} index_file;

/* The ids of Megatron's DType; bytes 0: no integers. */
static lm_ids ids_of(int code) {
    static const lm_ids types[] = {
        [1] = {.bytes = 1},
        [2] = {.bytes = 1, .is_signed = true},
        [3] = {.bytes = 2, .is_signed = true},
        [4] = {.bytes = 4, .is_signed = true},
        [5] = {.bytes = 8, .is_signed = true},
        [8] = {.bytes = 2},
    };
    if (code < 0 || (size_t)code >= sizeof types / sizeof *types) return (lm_ids){0};
    return types[code];
}

static lm_status read_header(index_file *x, lm_error *err) {
    unsigned char header[HEADER];
    uint64_t size = HEADER, part;
    const char *path = x->file.path;
    lm_status status = lm_file_reader_at(&x->file, 0, header, sizeof header, err);
    if (status != LM_OK) return status;
    if (lm_read_u64(header + 9) != 1)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: byte offset 9: expected version 1 of Megatron's index, found"
                            " %" PRIu64,
                            path, lm_read_u64(header + 9));
    x->shard->ids = ids_of(header[17]);
    if (!x->shard->ids.bytes)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: byte offset 17: expected a type of integers (1 to 5 or 8), found"
                            " %d",
                            path, header[17]);
    x->sequences = lm_read_u64(header + 18);
    x->documents = lm_read_u64(header + 26);
    if (!lm_u64_mul(x->sequences, 12, &part) || !lm_u64_add(size, part, &size) ||
        !lm_u64_mul(x->documents, 8, &part) || !lm_u64_add(size, part, &size) ||
        (size != x->file.size && size + x->sequences != x->file.size))
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s: expected the size of an index of %" PRIu64
                            " sequences and %" PRIu64 " documents, found %" PRIu64 " bytes",
                            path, x->sequences, x->documents, x->file.size);
    return LM_OK;
}

/* A sequence of n ids at a byte offset of x.bin. */
static lm_status add_sequence(index_file *x, uint64_t number, int64_t n, uint64_t offset) {
    lm_shard *s = x->shard;
    uint64_t bytes = (uint64_t)n * (uint64_t)s->ids.bytes; /* n < 2^31 */
    if (n < 0 || offset > s->file.size || bytes > s->file.size - offset)
        return lm_error_set(x->err, LM_ERR_RUNTIME,
                            "%s: sequence %" PRIu64 ": expected ids within the %" PRIu64
                            " bytes of %s, found %" PRId64 " ids at byte offset %" PRIu64,
                            x->file.path, number, s->file.size, s->path, n, offset);
    if (n == 0) return LM_OK;
    if (s->n_runs == 0 || offset != x->end) {
        if (s->n_runs == x->capacity) {
            int64_t capacity = lm_max(16, 2 * x->capacity);
            lm_shard_run *grown = realloc(s->runs, (size_t)capacity * sizeof *grown);
            if (!grown) return lm_error_no_memory(x->err, x->file.path);
            s->runs = grown;
            x->capacity = capacity;
        }
        s->runs[s->n_runs++] = (lm_shard_run){.token = s->tokens, .offset = offset};
    }
    x->end = offset + bytes;
    s->tokens += n;
    return LM_OK;
}

static lm_status read_sequences(index_file *x, lm_error *err) {
    unsigned char lengths[4 * BLOCK], offsets[8 * BLOCK];
    uint64_t at = HEADER + 4 * x->sequences;
    for (uint64_t first = 0; first < x->sequences; first += BLOCK) {
        uint64_t n = lm_u64_min(x->sequences - first, BLOCK);
        lm_status status =
            lm_file_reader_at(&x->file, HEADER + 4 * first, lengths, (size_t)(4 * n), err);
        if (status == LM_OK)
            status = lm_file_reader_at(&x->file, at + 8 * first, offsets, (size_t)(8 * n), err);
        for (uint64_t i = 0; i < n && status == LM_OK; i++)
            status = add_sequence(x, first + i, (int32_t)lm_read_u32(lengths + 4 * i),
                                  lm_read_u64(offsets + 8 * i));
        if (status != LM_OK) return status;
    }
    return LM_OK;
}

/* Another index makes other data of the same ids. */
static lm_status digest(index_file *x, lm_error *err) {
    unsigned char block[1 << 15];
    lm_digest d;
    lm_digest_init(&d);
    for (uint64_t at = 0; at < x->file.size; at += sizeof block) {
        size_t n = (size_t)lm_u64_min(x->file.size - at, sizeof block);
        lm_status status = lm_file_reader_at(&x->file, at, block, n, err);
        if (status != LM_OK) return status;
        lm_digest_add(&d, block, n);
    }
    x->shard->index_digest = lm_digest_end(&d);
    x->shard->has_index = true;
    return LM_OK;
}

static lm_status read_index(index_file *x, lm_error *err) {
    lm_status status = read_header(x, err);
    if (status != LM_OK) return status;
    if ((status = read_sequences(x, err)) != LM_OK) return status;
    return digest(x, err);
}

/* A file that begins as an index does. Another file of that name is none of ours. */
static bool begins_as_index(const lm_file_reader *file) {
    unsigned char magic[MAGIC_SIZE];
    lm_error none;
    return file->size >= HEADER &&
           lm_file_reader_at(file, 0, magic, sizeof magic, &none) == LM_OK &&
           memcmp(magic, MAGIC, MAGIC_SIZE) == 0;
}

static lm_status open_megatron(lm_shard *s, bool *mine, lm_error *err) {
    index_file x = {.shard = s, .err = err};
    lm_status status = LM_OK;
    if (s->manifest.found) return LM_OK;
    char *path = lm_file_beside(s->path, ".bin", ".idx");
    if (!path) return lm_error_no_memory(err, s->path);
    if (!lm_file_exists(path) || lm_file_same(path, s->path)) goto out;
    if ((status = lm_file_reader_open(&x.file, path, err)) != LM_OK) goto out;
    *mine = begins_as_index(&x.file);
    if (*mine) status = read_index(&x, err);
out:
    lm_file_reader_close(&x.file);
    free(path);
    return status;
}

const lm_format lm_format_megatron = {.name = "Megatron", .open = open_megatron};

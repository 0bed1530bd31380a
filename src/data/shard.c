#include "data/shard.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/numbers.h"
#include "data/format.h"

enum { BUFFER = 16384 }; /* bytes read at a time: a window of the usual contexts in one call */

static int64_t nanoseconds(struct timespec t) {
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static bool identify(int fd, lm_shard_identity *id) {
    struct stat info;
    if (fstat(fd, &info) != 0) return false;
    *id = (lm_shard_identity){.device = (uint64_t)info.st_dev,
                              .inode = (uint64_t)info.st_ino,
                              .size = (uint64_t)info.st_size,
                              .modified = nanoseconds(info.st_mtim),
                              .changed = nanoseconds(info.st_ctim)};
    return true;
}

lm_status lm_shard_open(lm_shard *s, lm_error *err) {
    lm_status status = lm_file_reader_open(&s->file, s->path, err);
    if (status != LM_OK) return status;
    if (!identify(s->file.fd, &s->identity))
        return lm_error_set(err, LM_ERR_RUNTIME, "%s: cannot stat: %s", s->path,
                            lm_error_errno(errno));
    if ((status = lm_manifest_read(&s->manifest, s->path, err)) != LM_OK) return status;
    return lm_format_open(s, err);
}

void lm_shard_close(lm_shard *s) {
    lm_file_reader_close(&s->file);
    free(s->runs);
    free(s->path);
    memset(s, 0, sizeof *s);
}

bool lm_shard_is_unchanged(const lm_shard *s) {
    lm_shard_identity now;
    return identify(s->file.fd, &now) && now.size == s->identity.size &&
           now.modified == s->identity.modified;
}

lm_status lm_shard_read_bytes(const lm_shard *s, uint64_t offset, void *bytes, size_t size,
                              lm_error *err) {
    lm_shard_identity now;
    lm_status status = lm_file_reader_at(&s->file, offset, bytes, size, err);
    if (status == LM_OK || !identify(s->file.fd, &now) || now.size >= s->identity.size)
        return status;
    return lm_error_set(err, LM_ERR_RUNTIME,
                        "%s: byte offset %" PRIu64 ": expected the %" PRIu64
                        " bytes that the file had when it was opened, found %" PRIu64
                        ": it changed while it was read",
                        s->path, offset, s->identity.size, now.size);
}

uint64_t lm_shard_offset(const lm_shard *s, int64_t token, int64_t *n) {
    const uint64_t bytes = (uint64_t)s->ids.bytes;
    LM_ASSERT(token >= 0 && token <= s->tokens);
    if (!s->runs) {
        *n = s->tokens - token;
        return s->start + bytes * (uint64_t)token;
    }
    int64_t low = 0, high = s->n_runs; /* the run is in [low, high) */
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        *(s->runs[middle].token <= token ? &low : &high) = middle;
    }
    int64_t end = low + 1 < s->n_runs ? s->runs[low + 1].token : s->tokens;
    *n = end - token;
    return s->runs[low].offset + bytes * (uint64_t)(token - s->runs[low].token);
}

lm_status lm_shard_read(const lm_shard *s, int64_t first, int64_t n, int32_t *ids, lm_error *err) {
    unsigned char buffer[BUFFER];
    LM_ASSERT(first >= 0 && n >= 0 && n <= s->tokens - first);
    while (n > 0) {
        int64_t count;
        uint64_t offset = lm_shard_offset(s, first, &count);
        count = lm_min(lm_min(count, n), BUFFER / s->ids.bytes);
        lm_status status =
            lm_shard_read_bytes(s, offset, buffer, (size_t)(count * s->ids.bytes), err);
        if (status != LM_OK) return status;
        lm_ids_decode(s->ids, buffer, count, ids);
        first += count;
        ids += count;
        n -= count;
    }
    return LM_OK;
}

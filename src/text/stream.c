#include "text/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/numbers.h"
#include "text/compressed.h"

enum { BLOCK = 1 << 18 }; /* bytes read of a file at once */

struct lm_stream {
    const char *name;
    int fd;
    lm_spool *spool; /* NULL: none */
    uint64_t offset; /* of the next byte to read of the file */
    lm_decoder *decoder;
    lm_content compression;
    bool ended; /* the file is over */
    size_t begin, end;
    unsigned char block[BLOCK]; /* [begin, end) is not used yet */
};

const char *lm_stream_name(const char *path) {
    return strcmp(path, LM_STREAM_STANDARD_INPUT) == 0 ? "standard input" : path;
}

static lm_status failed(const char *name, const char *verb, lm_error *err) {
    return lm_error_set(err, LM_ERR_RUNTIME, "%s: cannot %s: %s", name, verb,
                        lm_error_errno(errno));
}

/* ---- keeping standard input -------------------------------------------------------------------*/

lm_status lm_spool_open(lm_spool *spool, const char *directory, lm_error *err) {
    *spool = (lm_spool){.fd = -1, .keep = true};
    char *path = lm_file_join(directory, ".standard-input-XXXXXX");
    if (!path) return lm_error_no_memory(err, directory);
    spool->fd = mkostemp(path, O_CLOEXEC);
    lm_status status = spool->fd < 0 ? failed(path, "create", err) : LM_OK;
    if (status == LM_OK) unlink(path);
    free(path);
    return status;
}

void lm_spool_close(lm_spool *spool) {
    if (spool->fd >= 0) close(spool->fd);
    spool->fd = -1;
}

static lm_status keep(lm_spool *spool, const unsigned char *data, size_t size, lm_error *err) {
    while (size > 0) {
        ssize_t n = pwrite(spool->fd, data, size, (off_t)spool->size);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0)
            return failed("the copy of standard input in the output directory", "write", err);
        spool->size += (uint64_t)n;
        data += n;
        size -= (size_t)n;
    }
    return LM_OK;
}

/* ---- the file as it is stored -----------------------------------------------------------------*/

/* As read(2): from what is kept of standard input, then from the file. */
static ssize_t read_some(lm_stream *s, unsigned char *to, size_t size) {
    const lm_spool *spool = s->spool;
    if (spool && s->offset < spool->size)
        return pread(spool->fd, to, (size_t)lm_u64_min(size, spool->size - s->offset),
                     (off_t)s->offset);
    return spool && spool->ended ? 0 : read(s->fd, to, size);
}

/* More of the file behind what is in the block; at the end s->ended. */
static lm_status fill(lm_stream *s, lm_error *err) {
    lm_spool *spool = s->spool;
    bool again = spool && s->offset < spool->size;
    unsigned char *to = s->block + s->end;
    ssize_t n;
    do n = read_some(s, to, BLOCK - s->end);
    while (n < 0 && errno == EINTR);
    if (n < 0) return failed(s->name, "read", err);
    s->end += (size_t)n;
    s->offset += (uint64_t)n;
    s->ended = n == 0;
    if (!spool || again) return LM_OK;
    spool->ended = s->ended;
    return spool->keep ? keep(spool, to, (size_t)n, err) : LM_OK;
}

static lm_status open_file(lm_stream *s, const char *path, lm_error *err) {
    struct stat info;
    if (strcmp(path, LM_STREAM_STANDARD_INPUT) == 0) {
        s->fd = STDIN_FILENO;
        return LM_OK;
    }
    s->spool = NULL;
    /* O_NONBLOCK: opening a pipe does not wait for a writer; it is refused below. */
    s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (s->fd < 0) return failed(path, "open", err);
    if (fstat(s->fd, &info) != 0) return failed(path, "stat", err);
    if (!S_ISREG(info.st_mode))
        return lm_error_set(err, LM_ERR_RUNTIME, "%s: expected a regular file, found %s", path,
                            S_ISDIR(info.st_mode) ? "a directory" : "something else");
    (void)posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
    return LM_OK;
}

/* Its first bytes say how it is compressed; a pipe may give few of them at a time. */
static lm_status look(lm_stream *s, lm_error *err) {
    enum { ENOUGH = 16 };
    while (s->end < ENOUGH && !s->ended) {
        lm_status status = fill(s, err);
        if (status != LM_OK) return status;
    }
    lm_content c = lm_content_recognise(s->block, s->end);
    if (c != LM_CONTENT_GZIP && c != LM_CONTENT_ZSTD) return LM_OK;
    s->compression = c;
    return lm_decoder_open(&s->decoder, c, s->name, err);
}

lm_status lm_stream_open(lm_stream **out, const char *path, lm_spool *spool, lm_error *err) {
    lm_stream *s = calloc(1, sizeof *s);
    *out = NULL;
    if (!s) return lm_error_no_memory(err, path);
    s->name = lm_stream_name(path);
    s->fd = -1;
    s->spool = spool;
    lm_status status = open_file(s, path, err);
    if (status == LM_OK) status = look(s, err);
    if (status == LM_OK)
        *out = s;
    else
        lm_stream_close(s);
    return status;
}

void lm_stream_close(lm_stream *s) {
    if (!s) return;
    lm_decoder_close(s->decoder);
    if (s->fd > STDIN_FILENO) close(s->fd);
    free(s);
}

uint64_t lm_stream_taken(const lm_stream *s) {
    return s->offset - (s->end - s->begin);
}
lm_content lm_stream_compression(const lm_stream *s) {
    return s->compression;
}

/* ---- its text ---------------------------------------------------------------------------------*/

/* At most `size` bytes; none while the decoder needs more of the file, or at the end. */
static lm_status take(lm_stream *s, unsigned char *data, size_t size, size_t *got, lm_error *err) {
    size_t used = lm_size_min(size, s->end - s->begin);
    lm_status status = LM_OK;
    *got = used;
    if (s->decoder)
        status = lm_decoder_run(s->decoder, s->block + s->begin, s->end - s->begin, &used, data,
                                size, got, err);
    else
        memcpy(data, s->block + s->begin, used);
    s->begin += used;
    return status;
}

lm_status lm_stream_read(lm_stream *s, void *data, size_t size, size_t *got, lm_error *err) {
    unsigned char *to = data;
    *got = 0;
    while (*got < size) {
        size_t n;
        lm_status status = take(s, to + *got, size - *got, &n, err);
        *got += n;
        if (status != LM_OK) return status;
        if (n > 0 || s->begin < s->end) continue;
        if (s->ended) break;
        s->begin = s->end = 0;
        if ((status = fill(s, err)) != LM_OK) return status;
    }
    if (*got < size && s->decoder && !lm_decoder_complete(s->decoder))
        return lm_error_damaged(err, "%s: %s, and over in the midst of it: the file is cut off",
                                s->name, lm_content_name(s->compression));
    return LM_OK;
}

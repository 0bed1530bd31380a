#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/sync.h"

static lm_status out_of_memory(lm_error *err, const char *path) {
    return lm_error_no_memory(err, path);
}

/* ---- reading ----------------------------------------------------------------------------------*/

lm_status lm_file_read(const char *path, size_t limit, lm_text *out, lm_error *err) {
    lm_status status = LM_OK;
    size_t before = out->length;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return lm_error_call(err, path, "open");
    if (lm_file_is_directory(path)) {
        status = lm_error_set(err, LM_ERR_RUNTIME, "%s: expected a file, found a directory", path);
        goto out;
    }
    for (;;) {
        char buffer[65536];
        ssize_t n = read(fd, buffer, sizeof buffer);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) {
            status = lm_error_call(err, path, "read");
            goto out;
        }
        if (n == 0) break;
        if ((size_t)n > limit - (out->length - before)) {
            status =
                lm_error_set(err, LM_ERR_RUNTIME,
                             "%s: expected at most %zu bytes, found a larger file", path, limit);
            goto out;
        }
        lm_text_append(out, buffer, (size_t)n);
        if (out->failed) {
            status = out_of_memory(err, path);
            goto out;
        }
    }
out:
    close(fd);
    return status;
}

/* Opens a regular file; only such files can be mapped or read at an offset. */
static lm_status open_regular(const char *path, int *fd, uint64_t *size, lm_error *err) {
    struct stat info;
    /* O_NONBLOCK: opening a named pipe must not wait for a writer; it is refused below. Regular
     * files ignore the flag. */
    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*fd < 0) return lm_error_call(err, path, "open");
    if (fstat(*fd, &info) != 0) {
        lm_error_call(err, path, "stat");
    } else if (!S_ISREG(info.st_mode)) {
        lm_error_damaged(err, "%s: expected a regular file, found %s", path,
                         S_ISDIR(info.st_mode) ? "a directory" : "something else");
    } else {
        *size = (uint64_t)info.st_size;
        return LM_OK;
    }
    close(*fd);
    *fd = -1;
    return err->code;
}

lm_status lm_file_reader_open(lm_file_reader *r, const char *path, lm_error *err) {
    *r = (lm_file_reader){.fd = -1};
    lm_status status = open_regular(path, &r->fd, &r->size, err);
    if (status != LM_OK) return status;
    if ((r->path = strdup(path))) return LM_OK;
    close(r->fd);
    return out_of_memory(err, path);
}

lm_status lm_file_reader_at(const lm_file_reader *r, uint64_t offset, void *data, size_t size,
                            lm_error *err) {
    unsigned char *p = data;
    while (size > 0) {
        ssize_t n = pread(r->fd, p, size, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno != EIO) return lm_error_call(err, r->path, "read");
        if (n <= 0)
            return lm_error_damaged(err, "%s: cannot read byte offset %llu: %s", r->path,
                                    (unsigned long long)offset,
                                    n < 0 ? lm_error_errno(errno) : "the file ends before it");
        p += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return LM_OK;
}

/* Advice that cannot be taken changes nothing but speed. */
void lm_file_reader_expect(const lm_file_reader *r, uint64_t offset, uint64_t size) {
    if (offset <= INT64_MAX && size <= INT64_MAX)
        (void)posix_fadvise(r->fd, (off_t)offset, (off_t)size, POSIX_FADV_WILLNEED);
}

void lm_file_reader_close(lm_file_reader *r) {
    if (r->path) close(r->fd);
    free(r->path);
    *r = (lm_file_reader){.fd = -1};
}

lm_status lm_file_map(lm_mapping *map, const char *path, lm_error *err) {
    int fd;
    uint64_t size;
    memset(map, 0, sizeof *map);
    lm_status status = open_regular(path, &fd, &size, err);
    if (status != LM_OK || size == 0) goto out;
    void *p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED) {
        status = lm_error_call(err, path, "map");
        goto out;
    }
    map->data = p;
    map->size = (size_t)size;
out:
    if (fd >= 0) close(fd);
    return status;
}

void lm_file_unmap(lm_mapping *map) {
    if (map->data) {
        /* munmap takes a pointer to mutable memory; nothing is written. */
        union {
            const unsigned char *read;
            void *write;
        } p = {.read = map->data};
        munmap(p.write, map->size);
    }
    memset(map, 0, sizeof *map);
}

/* ---- replacing --------------------------------------------------------------------------------*/

/* Nothing but the names. */
static lm_status name_writer(lm_file_writer *w, const char *path, const char *temporary,
                             lm_error *err) {
    memset(w, 0, sizeof *w);
    w->fd = -1;
    w->path = strdup(path);
    w->temporary = temporary ? strdup(temporary) : lm_file_beside(path, "", ".tmp");
    if (!w->path || !w->temporary) {
        lm_file_writer_leave(w);
        return out_of_memory(err, path);
    }
    return LM_OK;
}

static lm_status open_writer(lm_file_writer *w, int flags, lm_error *err) {
    w->fd = open(w->temporary, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
    if (w->fd >= 0) return LM_OK;
    lm_status status = lm_error_call(err, w->temporary, "create");
    lm_file_writer_leave(w);
    return status;
}

lm_status lm_file_writer_open(lm_file_writer *w, const char *path, lm_error *err) {
    lm_status status = name_writer(w, path, NULL, err);
    return status == LM_OK ? open_writer(w, O_TRUNC, err) : status;
}

lm_status lm_file_writer_open_as(lm_file_writer *w, const char *path, const char *temporary,
                                 lm_error *err) {
    lm_status status = name_writer(w, path, temporary, err);
    return status == LM_OK ? open_writer(w, O_EXCL, err) : status;
}

lm_status lm_file_writer_join(lm_file_writer *w, const char *temporary, bool *seen, lm_error *err) {
    const struct timespec pause = {.tv_nsec = 50000000};
    int tries = 40;
    lm_status status = name_writer(w, temporary, temporary, err);
    *seen = true;
    if (status != LM_OK) return status;
    while ((w->fd = open(temporary, O_WRONLY | O_CLOEXEC)) < 0 && errno == ENOENT && --tries > 0)
        nanosleep(&pause, NULL);
    if (w->fd >= 0) return LM_OK;
    *seen = errno != ENOENT;
    status = lm_error_call(err, temporary, "open");
    lm_file_writer_leave(w);
    return status;
}

lm_status lm_file_writer_write(lm_file_writer *w, const void *data, size_t size, lm_error *err) {
    const unsigned char *p = data;
    while (size > 0) {
        ssize_t n = write(w->fd, p, size);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            if (n == 0) errno = ENOSPC;
            return lm_error_call(err, w->temporary, "write");
        }
        p += n;
        size -= (size_t)n;
        w->offset += (uint64_t)n;
    }
    return LM_OK;
}

lm_status lm_file_writer_write_at(const lm_file_writer *w, uint64_t offset, const void *data,
                                  size_t size, lm_error *err) {
    const unsigned char *p = data;
    while (size > 0) {
        ssize_t n = pwrite(w->fd, p, size, (off_t)offset);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) {
            if (n == 0) errno = ENOSPC;
            return lm_error_call(err, w->temporary, "write");
        }
        p += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return LM_OK;
}

static lm_status commit(lm_file_writer *w, bool sync, lm_error *err) {
    lm_status status = LM_OK;
    if (sync && lm_sync(w->fd) != 0) {
        status = lm_error_call(err, w->temporary, "sync");
        goto out;
    }
    int fd = w->fd;
    w->fd = -1;
    if (close(fd) != 0) {
        status = lm_error_call(err, w->temporary, "close");
        goto out;
    }
    if (rename(w->temporary, w->path) != 0) {
        status = lm_error_call(err, w->path, "rename the temporary file to it");
        goto out;
    }
    free(w->temporary); /* it was renamed: abort must not remove a newer temporary of that name */
    w->temporary = NULL;
    if (sync) status = lm_file_sync_parent(w->path, err);
out:
    lm_file_writer_abort(w);
    return status;
}

lm_status lm_file_writer_commit(lm_file_writer *w, lm_error *err) {
    return commit(w, true, err);
}

lm_status lm_file_writer_sync(const lm_file_writer *w, lm_error *err) {
    return lm_sync(w->fd) == 0 ? LM_OK : lm_error_call(err, w->temporary, "sync");
}

/* Whether pages are dropped is a matter of speed to the system, so a failure is none here. */
lm_status lm_file_writer_share(const lm_file_writer *w, lm_error *err) {
    lm_status status = lm_file_writer_sync(w, err);
    if (status == LM_OK) (void)posix_fadvise(w->fd, 0, 0, POSIX_FADV_DONTNEED);
    return status;
}

void lm_file_writer_leave(lm_file_writer *w) {
    free(w->temporary);
    w->temporary = NULL;
    lm_file_writer_abort(w);
}

lm_status lm_file_writer_resume(lm_file_writer *w, const char *path, uint64_t size, lm_error *err) {
    lm_status status = name_writer(w, path, NULL, err);
    if (status != LM_OK) return status;
    if (!lm_file_exists(w->temporary) && lm_file_exists(path) && rename(path, w->temporary) != 0) {
        status = lm_error_call(err, path, "rename it to a temporary file");
    } else if (lm_file_size(w->temporary) < size) {
        status = lm_error_damaged(err, "%s: expected %llu bytes to go on behind, found %llu",
                                  w->temporary, (unsigned long long)size,
                                  (unsigned long long)lm_file_size(w->temporary));
    } else if ((w->fd = open(w->temporary, O_WRONLY | O_CLOEXEC)) < 0) {
        status = lm_error_call(err, w->temporary, "open");
    } else if (ftruncate(w->fd, (off_t)size) != 0 || lseek(w->fd, 0, SEEK_END) < 0) {
        status = lm_error_call(err, w->temporary, "go on with");
    }
    w->offset = size;
    if (status != LM_OK) lm_file_writer_leave(w);
    return status;
}

void lm_file_writer_abort(lm_file_writer *w) {
    if (w->path && w->fd >= 0) close(w->fd);
    if (w->temporary) unlink(w->temporary);
    free(w->temporary);
    free(w->path);
    memset(w, 0, sizeof *w);
    w->fd = -1;
}

static lm_status replace(const char *path, const void *data, size_t size, bool sync,
                         lm_error *err) {
    lm_file_writer w;
    lm_status status = lm_file_writer_open(&w, path, err);
    if (status != LM_OK) return status;
    status = lm_file_writer_write(&w, data, size, err);
    if (status != LM_OK) {
        lm_file_writer_abort(&w);
        return status;
    }
    return commit(&w, sync, err);
}

lm_status lm_file_replace(const char *path, const void *data, size_t size, lm_error *err) {
    return replace(path, data, size, true, err);
}

lm_status lm_file_replace_unsynced(const char *path, const void *data, size_t size, lm_error *err) {
    return replace(path, data, size, false, err);
}

lm_status lm_file_sync(const char *path, lm_error *err) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return lm_error_call(err, path, "open");
    lm_status status =
        lm_sync(fd) == 0 || errno == EINVAL ? LM_OK : lm_error_call(err, path, "sync");
    close(fd);
    return status;
}

/* Directories, and what the file system says about a path. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/sync.h"
#include "base/text.h"

static lm_status fail(lm_error *err, const char *path, const char *verb) {
    return lm_error_set(err, LM_ERR_RUNTIME, "%s: cannot %s: %s", path, verb,
                        lm_error_errno(errno));
}

static lm_status out_of_memory(lm_error *err, const char *path) {
    return lm_error_no_memory(err, path);
}

/* The directory part of path, malloc'd. */
static char *parent_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

lm_status lm_file_sync_directory(const char *path, lm_error *err) {
    lm_status status = LM_OK;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return fail(err, path, "open the directory");
    /* Some filesystems cannot sync a directory and say EINVAL: there is nothing more to do. */
    if (lm_sync(fd) != 0 && errno != EINVAL) status = fail(err, path, "sync the directory");
    close(fd);
    return status;
}

lm_status lm_file_sync_parent(const char *path, lm_error *err) {
    char *parent = parent_of(path);
    lm_status status = parent ? lm_file_sync_directory(parent, err) : out_of_memory(err, path);
    free(parent);
    return status;
}

lm_status lm_file_sync_parents(const char *path, int levels, lm_error *err) {
    char *at = strdup(path);
    lm_status status = at ? LM_OK : out_of_memory(err, path);
    for (int i = 0; i < levels && status == LM_OK; i++) {
        char *parent = parent_of(at);
        free(at);
        at = parent;
        status = at ? lm_file_sync_directory(at, err) : out_of_memory(err, path);
    }
    free(at);
    return status;
}

bool lm_file_exists(const char *path) {
    struct stat info;
    return stat(path, &info) == 0;
}

bool lm_file_is_directory(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

bool lm_file_is_regular(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode);
}

uint64_t lm_file_size(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 ? (uint64_t)info.st_size : 0;
}

bool lm_file_can_write(int fd, int milliseconds) {
    struct pollfd out = {.fd = fd, .events = POLLOUT};
    int ready = poll(&out, 1, milliseconds);
    return ready > 0 || (ready < 0 && errno != EINTR); /* an error: let the write tell */
}

bool lm_file_same(const char *a, const char *b) {
    struct stat of_a, of_b;
    return stat(a, &of_a) == 0 && stat(b, &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
           of_a.st_ino == of_b.st_ino;
}

static lm_status make_one(const char *path, int *made, lm_error *err) {
    if (mkdir(path, 0777) != 0) {
        int reason = errno; /* which the next call may change */
        if (lm_file_is_directory(path)) return LM_OK;
        errno = reason;
        return fail(err, path, "make the directory");
    }
    ++*made;
    return LM_OK;
}

/* Syncs the parents of new directories: else a power failure could lose them and all that is in
 * them. */
lm_status lm_file_make_directory(const char *path, lm_error *err) {
    int made;
    lm_status status = lm_file_make_directory_unsynced(path, &made, err);
    return status == LM_OK ? lm_file_sync_parents(path, made, err) : status;
}

lm_status lm_file_make_directory_unsynced(const char *path, int *made, lm_error *err) {
    lm_status status = LM_OK;
    *made = 0;
    char *partial = strdup(path);
    if (!partial) return out_of_memory(err, path);
    for (char *p = partial + 1; partial[0] && status == LM_OK; p++) {
        if (*p != '/' && *p != '\0') continue;
        char end = *p;
        *p = '\0';
        status = make_one(partial, made, err);
        *p = end;
        if (end == '\0') break;
    }
    free(partial);
    return status;
}

lm_status lm_file_remove(const char *path, lm_error *err) {
    return unlink(path) == 0 ? LM_OK : fail(err, path, "remove");
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

lm_status lm_file_list_directory(lm_file_list *list, const char *path, lm_error *err) {
    memset(list, 0, sizeof *list);
    DIR *directory = opendir(path);
    if (!directory) return fail(err, path, "open the directory");
    lm_status status = LM_OK;
    size_t capacity = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (!entry && errno != 0) status = fail(err, path, "read the directory");
        if (!entry) break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        if (list->count == capacity) {
            capacity = capacity ? 2 * capacity : 32;
            char **names = realloc(list->names, capacity * sizeof *names);
            if (!names) {
                status = out_of_memory(err, path);
                break;
            }
            list->names = names;
        }
        list->names[list->count] = strdup(entry->d_name);
        if (!list->names[list->count]) {
            status = out_of_memory(err, path);
            break;
        }
        list->count++;
    }
    closedir(directory);
    if (status != LM_OK) {
        lm_file_list_free(list);
    } else if (list->count > 1) {
        qsort(list->names, list->count, sizeof *list->names, by_name);
    }
    return status;
}

void lm_file_list_free(lm_file_list *list) {
    for (size_t i = 0; i < list->count; i++) free(list->names[i]);
    free(list->names);
    memset(list, 0, sizeof *list);
}

char *lm_file_join(const char *directory, const char *name) {
    size_t n = strlen(directory), m = strlen(name);
    bool slash = n > 0 && directory[n - 1] != '/';
    char *path = malloc(n + slash + m + 1);
    if (!path) return NULL;
    memcpy(path, directory, n);
    if (slash) path[n] = '/';
    memcpy(path + n + slash, name, m + 1);
    return path;
}

char *lm_file_beside(const char *path, const char *from, const char *to) {
    size_t n = strlen(path), m = strlen(to);
    if (lm_text_ends_with(path, from)) n -= strlen(from);
    char *other = malloc(n + m + 1);
    if (!other) return NULL;
    memcpy(other, path, n);
    memcpy(other + n, to, m + 1);
    return other;
}

char *lm_file_temporary(const char *path) {
    char end[64];
    snprintf(end, sizeof end, ".%ld-%.0f.tmp", (long)getpid(), lm_clock_unix_seconds() * 1e6);
    return lm_file_beside(path, "", end);
}

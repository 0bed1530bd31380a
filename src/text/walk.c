#include "text/walk.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/text.h"
#include "text/stream.h"

enum { MAX_DEPTH = 64 };

typedef struct finder {
    lm_walk *walk;
    const lm_walk_how *how;
    size_t root; /* length of the given directory's path; the rest of a file's path is hashed */
    lm_error *err;
} finder;

static lm_status cannot(lm_error *err, const char *path, const char *verb) {
    return lm_error_set(err, LM_ERR_RUNTIME, "%s: cannot %s: %s", path, verb,
                        lm_error_errno(errno));
}

/* Something must stand before the extension. */
static bool wanted(const lm_walk_how *how, const char *name) {
    for (int i = 0; i < how->n_extensions; i++)
        if (lm_text_ends_with(name + 1, how->extensions[i])) return true;
    return how->n_extensions == 0;
}

static lm_status add(finder *f, const char *path, const struct stat *info, bool named) {
    lm_walk *w = f->walk;
    if (w->count == w->capacity) {
        size_t capacity = w->capacity ? 2 * w->capacity : 256;
        lm_walk_file *grown = realloc(w->files, capacity * sizeof *grown);
        if (!grown) return lm_error_no_memory(f->err, path);
        w->files = grown;
        w->capacity = capacity;
    }
    const char *below = path + f->root;
    while (*below == '/') below++;
    lm_walk_file *file = &w->files[w->count];
    *file = (lm_walk_file){.path = strdup(path),
                           .hash = lm_digest_of(below, strlen(below)),
                           .named = named,
                           .validation = f->how->validation};
    if (!file->path) return lm_error_no_memory(f->err, path);
    if (info) {
        file->size = (uint64_t)info->st_size;
        file->device = (uint64_t)info->st_dev;
        file->inode = (uint64_t)info->st_ino;
    }
    w->count++;
    return LM_OK;
}

/* ---- directories ------------------------------------------------------------------------------*/

static lm_status walk(finder *f, const char *path, int depth);

/* One name in a directory, path and all. */
static lm_status visit(finder *f, const char *path, const char *name, int depth) {
    struct stat info, target;
    if (lstat(path, &info) != 0) return cannot(f->err, path, "stat");
    if (S_ISDIR(info.st_mode)) return walk(f, path, depth + 1);
    if (S_ISLNK(info.st_mode)) {
        if (stat(path, &target) != 0 || S_ISDIR(target.st_mode)) {
            f->walk->links++;
            return LM_OK;
        }
        info = target;
    }
    if (!S_ISREG(info.st_mode)) {
        f->walk->special++;
    } else if (!wanted(f->how, name)) {
        f->walk->other++;
    } else {
        return add(f, path, &info, false);
    }
    return LM_OK;
}

static lm_status walk(finder *f, const char *path, int depth) {
    lm_file_list names;
    if (depth > MAX_DEPTH)
        return lm_error_set(f->err, LM_ERR_RUNTIME, "%s: more than %d directories deep", path,
                            MAX_DEPTH);
    lm_status status = lm_file_list_directory(&names, path, f->err);
    for (size_t i = 0; status == LM_OK && i < names.count; i++) {
        if (names.names[i][0] == '.') {
            f->walk->hidden++;
            continue;
        }
        char *full = lm_file_join(path, names.names[i]);
        status = full ? visit(f, full, names.names[i], depth) : lm_error_no_memory(f->err, path);
        free(full);
    }
    lm_file_list_free(&names);
    return status;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const lm_walk_file *)a)->path, ((const lm_walk_file *)b)->path);
}

static lm_status walk_directory(finder *f, const char *given) {
    size_t before = f->walk->count, n = strlen(given);
    char *path = strdup(given);
    if (!path) return lm_error_no_memory(f->err, given);
    while (n > 1 && path[n - 1] == '/') path[--n] = '\0';
    f->root = n;
    lm_status status = walk(f, path, 0);
    if (f->walk->count > before)
        qsort(f->walk->files + before, f->walk->count - before, sizeof *f->walk->files, by_path);
    free(path);
    return status;
}

/* ---- what is given ----------------------------------------------------------------------------*/

/* named: given as it is, not by a pattern. */
static lm_status add_path(finder *f, const char *path, bool named) {
    struct stat info;
    if (stat(path, &info) != 0) return cannot(f->err, path, "open");
    if (S_ISDIR(info.st_mode)) return walk_directory(f, path);
    if (!S_ISREG(info.st_mode))
        return lm_error_set(f->err, LM_ERR_RUNTIME,
                            "%s: expected a file or a directory, found something else (standard"
                            " input is -)",
                            path);
    const char *slash = strrchr(path, '/');
    f->root = slash ? (size_t)(slash - path) : 0;
    return add(f, path, &info, named);
}

static lm_status add_pattern(finder *f, const char *pattern) {
    glob_t found;
    lm_status status = LM_OK;
    int result = glob(pattern, 0, NULL, &found);
    if (result == GLOB_NOMATCH)
        return lm_error_set(f->err, LM_ERR_USAGE, "%s: no file matches this pattern", pattern);
    if (result != 0)
        return result == GLOB_NOSPACE ? lm_error_no_memory(f->err, pattern)
                                      : cannot(f->err, pattern, "list");
    for (size_t i = 0; i < found.gl_pathc && status == LM_OK; i++)
        status = add_path(f, found.gl_pathv[i], false);
    globfree(&found);
    return status;
}

lm_status lm_walk_add(lm_walk *w, const char *path, const lm_walk_how *how, lm_error *err) {
    finder f = {.walk = w, .how = how, .err = err};
    struct stat info;
    if (strcmp(path, LM_STREAM_STANDARD_INPUT) == 0) {
        for (size_t i = 0; i < w->count; i++)
            if (strcmp(w->files[i].path, path) == 0)
                return lm_error_set(err, LM_ERR_USAGE, "standard input (-) is given twice");
        return add(&f, path, NULL, true);
    }
    if (strpbrk(path, "*?[") && stat(path, &info) != 0 && errno == ENOENT)
        return add_pattern(&f, path);
    return add_path(&f, path, true);
}

/* ---- all of it --------------------------------------------------------------------------------*/

/* Of the same file, the one to keep comes first; as in the order given where that says nothing. */
static int by_inode(const void *a, const void *b) {
    const lm_walk_file *x = *(lm_walk_file *const *)a, *y = *(lm_walk_file *const *)b;
    if (x->device != y->device) return x->device < y->device ? -1 : 1;
    if (x->inode != y->inode) return x->inode < y->inode ? -1 : 1;
    if (x->validation != y->validation) return x->validation ? -1 : 1;
    return x < y ? -1 : x > y;
}

lm_status lm_walk_finish(lm_walk *w, lm_error *err) {
    if (w->count == 0) return LM_OK;
    lm_walk_file **order = calloc(w->count, sizeof *order);
    if (!order) return lm_error_no_memory(err, w->files[0].path);
    size_t kept = 0;
    const lm_walk_file *before = NULL;
    for (size_t i = 0; i < w->count; i++) order[i] = &w->files[i];
    qsort(order, w->count, sizeof *order, by_inode);
    for (size_t i = 0; i < w->count; i++) {
        lm_walk_file *file = order[i];
        bool again = before && file->inode != 0 && before->device == file->device &&
                     before->inode == file->inode;
        if (again) {
            free(file->path);
            file->path = NULL;
            w->repeated++;
        } else {
            before = file;
        }
    }
    for (size_t i = 0; i < w->count; i++)
        if (w->files[i].path) w->files[kept++] = w->files[i];
    w->count = kept;
    free(order);
    return LM_OK;
}

static int by_hash(const void *a, const void *b) {
    const lm_walk_file *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return strcmp(x->path, y->path);
}

void lm_walk_shuffle(lm_walk *w) {
    if (w->count > 1) qsort(w->files, w->count, sizeof *w->files, by_hash);
}

void lm_walk_free(lm_walk *w) {
    for (size_t i = 0; i < w->count; i++) free(w->files[i].path);
    free(w->files);
    memset(w, 0, sizeof *w);
}

#include "data/text_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/file.h"

#define MAX_DEPTH 64

typedef struct finder {
    const lm_text_files_options *o;
    lm_text_files *list;
    size_t capacity;
    size_t root; /* length of the directory's path: what stands behind it is hashed */
    lm_error *err;
} finder;

static lm_status no_memory(const finder *f, const char *path) {
    return lm_error_set(f->err, LM_ERR_RUNTIME, "%s: out of memory", path);
}

static bool wanted(const finder *f, const char *name) {
    size_t n = strlen(name);
    for (int i = 0; i < f->o->n_extensions; i++) {
        size_t m = strlen(f->o->extensions[i]);
        if (n > m && strcmp(name + n - m, f->o->extensions[i]) == 0) return true;
    }
    return f->o->n_extensions == 0;
}

static lm_status add(finder *f, const char *path, uint64_t size) {
    lm_text_files *list = f->list;
    if (list->count == f->capacity) {
        f->capacity = f->capacity ? 2 * f->capacity : 256;
        lm_text_file *grown = realloc(list->files, f->capacity * sizeof *grown);
        if (!grown) return no_memory(f, path);
        list->files = grown;
    }
    const char *below = path + f->root;
    lm_text_file *file = &list->files[list->count];
    *file = (lm_text_file){
        .path = strdup(path), .size = size, .hash = lm_digest_of(below, strlen(below))};
    if (!file->path) return no_memory(f, path);
    list->count++;
    list->bytes += size;
    return LM_OK;
}

static lm_status walk(finder *f, const char *path, int depth) {
    lm_file_list names;
    if (depth > MAX_DEPTH)
        return lm_error_set(f->err, LM_ERR_RUNTIME, "%s: more than %d directories deep", path,
                            MAX_DEPTH);
    lm_status status = lm_file_list_directory(&names, path, f->err);
    for (size_t i = 0; status == LM_OK && i < names.count; i++) {
        struct stat info;
        if (names.names[i][0] == '.') continue;
        char *full = lm_file_join(path, names.names[i]);
        if (!full) {
            status = no_memory(f, path);
        } else if (lstat(full, &info) != 0) {
            status = lm_error_set(f->err, LM_ERR_RUNTIME, "%s: cannot stat: %s", full,
                                  lm_error_errno(errno));
        } else if (S_ISDIR(info.st_mode)) {
            status = walk(f, full, depth + 1);
        } else if (S_ISREG(info.st_mode) && info.st_size > 0 && wanted(f, names.names[i])) {
            status = add(f, full, (uint64_t)info.st_size);
        }
        free(full);
    }
    lm_file_list_free(&names);
    return status;
}

static lm_status find_path(finder *f, const char *path) {
    struct stat info;
    if (stat(path, &info) != 0)
        return lm_error_set(f->err, LM_ERR_RUNTIME, "%s: cannot open: %s", path,
                            lm_error_errno(errno));
    if (S_ISDIR(info.st_mode)) {
        f->root = strlen(path);
        return walk(f, path, 0);
    }
    const char *slash = strrchr(path, '/');
    f->root = slash ? (size_t)(slash - path) : 0;
    return add(f, path, (uint64_t)info.st_size);
}

/* ---- choosing ----------------------------------------------------------------------------------*/

static int by_hash(const void *a, const void *b) {
    const lm_text_file *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return strcmp(x->path, y->path);
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const lm_text_file *)a)->path, ((const lm_text_file *)b)->path);
}

/* In the order of hashes: whole files up to max_bytes, of which the first val_fraction is held out;
 * at least one file on each side when there are two. */
static void choose(lm_text_files *list, const lm_text_files_options *o) {
    size_t kept = 0;
    uint64_t bytes = 0;
    if (list->count == 0) return;
    qsort(list->files, list->count, sizeof *list->files, by_hash);
    for (size_t i = 0; i < list->count; i++) {
        lm_text_file file = list->files[i];
        if (o->max_bytes > 0 && bytes + file.size > o->max_bytes && kept > 0) {
            free(file.path);
            list->left_out++;
            continue;
        }
        bytes += file.size;
        list->files[kept++] = file;
    }
    list->count = kept;
    list->bytes = bytes;
    if (o->val_fraction > 0 && kept >= 2) {
        size_t held = (size_t)(o->val_fraction * (double)kept + 0.5);
        held = held < 1 ? 1 : held > kept - 1 ? kept - 1 : held;
        for (size_t i = 0; i < held; i++) list->files[i].validation = true;
    }
    qsort(list->files, list->count, sizeof *list->files, by_path);
}

lm_status lm_text_files_find(lm_text_files *list, const lm_text_files_options *o,
                             const char *const *paths, int n_paths, lm_error *err) {
    finder f = {.o = o, .list = list, .err = err};
    lm_status status = LM_OK;
    memset(list, 0, sizeof *list);
    for (int i = 0; i < n_paths && status == LM_OK; i++) status = find_path(&f, paths[i]);
    if (status == LM_OK && list->count == 0)
        status = lm_error_set(err, LM_ERR_USAGE, "%s: expected text files, found none%s",
                              n_paths > 0 ? paths[0] : "--input",
                              o->n_extensions ? " with the extensions asked for" : "");
    if (status == LM_OK) {
        choose(list, o);
    } else {
        lm_text_files_free(list);
    }
    return status;
}

void lm_text_files_free(lm_text_files *list) {
    for (size_t i = 0; i < list->count; i++) free(list->files[i].path);
    free(list->files);
    memset(list, 0, sizeof *list);
}

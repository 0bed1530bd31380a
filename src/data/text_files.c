#include "data/text_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/digest.h"
#include "base/file.h"
#include "base/numbers.h"

#define MAX_DEPTH 64

typedef struct finder {
    const lm_text_files_options *o;
    lm_text_files *list;
    size_t capacity;
    size_t root; /* length of the directory's path; the rest of a file's path is hashed */
    lm_error *err;
} finder;

/* Something must stand before the extension. */
static bool wanted(const finder *f, const char *name) {
    for (int i = 0; i < f->o->n_extensions; i++)
        if (lm_text_ends_with(name + 1, f->o->extensions[i])) return true;
    return f->o->n_extensions == 0;
}

static lm_status add(finder *f, const char *path, const struct stat *info) {
    lm_text_files *list = f->list;
    if (list->count == f->capacity) {
        f->capacity = f->capacity ? 2 * f->capacity : 256;
        lm_text_file *grown = realloc(list->files, f->capacity * sizeof *grown);
        if (!grown) return lm_error_no_memory(f->err, path);
        list->files = grown;
    }
    const char *below = path + f->root;
    lm_text_file *file = &list->files[list->count];
    *file = (lm_text_file){.path = strdup(path),
                           .size = (uint64_t)info->st_size,
                           .hash = lm_digest_of(below, strlen(below)),
                           .device = (uint64_t)info->st_dev,
                           .inode = (uint64_t)info->st_ino};
    if (!file->path) return lm_error_no_memory(f->err, path);
    list->count++;
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
            status = lm_error_no_memory(f->err, path);
        } else if (lstat(full, &info) != 0) {
            status = lm_error_set(f->err, LM_ERR_RUNTIME, "%s: cannot stat: %s", full,
                                  lm_error_errno(errno));
        } else if (S_ISDIR(info.st_mode)) {
            status = walk(f, full, depth + 1);
        } else if (S_ISREG(info.st_mode) && info.st_size > 0 && wanted(f, names.names[i])) {
            status = add(f, full, &info);
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
    if (!S_ISREG(info.st_mode))
        return lm_error_set(f->err, LM_ERR_RUNTIME,
                            "%s: expected a file or a directory, found something else", path);
    const char *slash = strrchr(path, '/');
    f->root = slash ? (size_t)(slash - path) : 0;
    return add(f, path, &info);
}

/* ---- choosing ---------------------------------------------------------------------------------*/

static int by_hash(const void *a, const void *b) {
    const lm_text_file *x = a, *y = b;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    return strcmp(x->path, y->path);
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const lm_text_file *)a)->path, ((const lm_text_file *)b)->path);
}

static int by_inode(const void *a, const void *b) {
    const lm_text_file *x = a, *y = b;
    if (x->device != y->device) return x->device < y->device ? -1 : 1;
    if (x->inode != y->inode) return x->inode < y->inode ? -1 : 1;
    return by_hash(a, b);
}

/* Of several names of one file, keep the one with the lowest hash. */
static void drop_repeated(lm_text_files *list) {
    size_t kept = 0;
    qsort(list->files, list->count, sizeof *list->files, by_inode);
    for (size_t i = 0; i < list->count; i++) {
        lm_text_file file = list->files[i];
        const lm_text_file *before = kept ? &list->files[kept - 1] : NULL;
        if (before && before->device == file.device && before->inode == file.inode) {
            free(file.path);
            list->repeated++;
        } else {
            list->files[kept++] = file;
        }
    }
    list->count = kept;
}

static lm_status is_text(const char *path, bool *yes, lm_error *err) {
    lm_mapping map;
    lm_status status = lm_file_map(&map, path, err);
    if (status != LM_OK) return status;
    *yes = map.size > 0 && !memchr(map.data, 0, map.size);
    lm_file_unmap(&map);
    return LM_OK;
}

/* Take whole files in the order of their hashes, up to max_bytes. */
static lm_status take(lm_text_files *list, const lm_text_files_options *o, lm_error *err) {
    size_t kept = 0, found = list->count;
    lm_status status = LM_OK;
    qsort(list->files, found, sizeof *list->files, by_hash);
    for (size_t i = 0; i < found; i++) {
        lm_text_file file = list->files[i];
        bool fits = o->max_bytes == 0 || file.size <= o->max_bytes - list->bytes, text = true;
        if (status == LM_OK && fits && found > 1) status = is_text(file.path, &text, err);
        if (status == LM_OK && fits && text) {
            list->bytes += file.size;
            list->files[kept++] = file;
            continue;
        }
        free(file.path);
        *(fits ? &list->not_text : &list->left_out) += 1;
    }
    list->count = kept;
    return status;
}

/* Hold out the first val_fraction of the files. With two or more, each side gets at least one. */
static void hold_out(lm_text_files *list, double val_fraction) {
    size_t n = list->count, held = (size_t)(val_fraction * (double)n + 0.5);
    if (val_fraction <= 0 || n < 2) return;
    held = lm_size_min(lm_size_max(held, 1), n - 1);
    for (size_t i = 0; i < held; i++) list->files[i].validation = true;
}

lm_status lm_text_files_find(lm_text_files *list, const lm_text_files_options *o,
                             const char *const *paths, int n_paths, lm_error *err) {
    finder f = {.o = o, .list = list, .err = err};
    lm_status status = LM_OK;
    memset(list, 0, sizeof *list);
    for (int i = 0; i < n_paths && status == LM_OK; i++) status = find_path(&f, paths[i]);
    if (status == LM_OK && list->count > 0) {
        drop_repeated(list);
        status = take(list, o, err);
    }
    if (status == LM_OK && list->count == 0)
        status = lm_error_set(err, LM_ERR_USAGE, "%s: expected text files, found none%s%s%s",
                              n_paths > 0 ? paths[0] : "--input",
                              o->n_extensions ? " with the extensions asked for" : "",
                              list->left_out ? "; some are larger than --max-bytes" : "",
                              list->not_text ? "; some hold 0x00 bytes, which text does not" : "");
    if (status != LM_OK) {
        lm_text_files_free(list);
        return status;
    }
    hold_out(list, o->val_fraction);
    qsort(list->files, list->count, sizeof *list->files, by_path);
    return LM_OK;
}

void lm_text_files_free(lm_text_files *list) {
    for (size_t i = 0; i < list->count; i++) free(list->files[i].path);
    free(list->files);
    memset(list, 0, sizeof *list);
}

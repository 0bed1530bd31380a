#include "interop/files.h"

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/json.h"
#include "base/numbers.h"

#define FORMAT "lmtrain export"

enum { RECORD_MOST = 16 << 20, NAME_MOST = 256 };

static void free_list(lm_interop_file *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (list[i].writer.path) lm_file_writer_abort(&list[i].writer);
        free(list[i].name);
    }
    free(list);
}

void lm_interop_files_close(lm_interop_files *f) {
    free_list(f->list, f->count);
    free_list(f->known, f->n_known);
    *f = (lm_interop_files){0};
}

/* ---- what is there ----------------------------------------------------------------------------*/

static lm_status read_files(lm_interop_files *f, lm_json_reader *r, lm_error *err) {
    int64_t n = lm_json_enter(r, "files");
    if (n > 0 && !(f->known = calloc((size_t)n, sizeof *f->known)))
        return lm_error_no_memory(err, f->directory);
    while (lm_json_next(r)) {
        char name[NAME_MOST];
        lm_json_get_string(r, "name", name, sizeof name);
        if (r->status != LM_OK) break;
        lm_interop_file *file = &f->known[f->n_known++];
        if (!(file->name = strdup(name))) return lm_error_no_memory(err, f->directory);
        file->is_text = lm_json_has(r, "xxh64");
        if (file->is_text) file->digest = lm_json_get_digest(r, "xxh64");
    }
    lm_json_leave(r);
    return r->status;
}

/* The record of an earlier export. One that cannot be read makes no file ours. */
static lm_status read_record(lm_interop_files *f, lm_error *err) {
    lm_json_reader r;
    lm_text text = {0};
    char *path = lm_file_join(f->directory, LM_INTEROP_RECORD);
    lm_status status = path ? LM_OK : lm_error_no_memory(err, f->directory);
    if (status != LM_OK || !lm_file_exists(path)) goto out;
    if ((status = lm_file_read(path, RECORD_MOST, &text, err)) != LM_OK) goto out;
    if ((status = lm_json_open(&r, path, lm_text_cstr(&text), text.length, err)) != LM_OK) goto out;
    lm_json_expect_string(&r, "format", FORMAT);
    status = read_files(f, &r, err);
    lm_json_close(&r);
out:
    if (status != LM_OK && f->force) status = LM_OK;
    free(path);
    lm_text_free(&text);
    return status;
}

lm_status lm_interop_files_open(lm_interop_files *f, const char *directory, bool force,
                                lm_error *err) {
    *f = (lm_interop_files){.directory = directory, .force = force};
    if (lm_file_exists(directory) && !lm_file_is_directory(directory))
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: expected a directory, or no such name, found a file", directory);
    lm_status status = lm_file_make_directory(directory, err);
    if (status == LM_OK) status = read_record(f, err);
    if (status != LM_OK) lm_interop_files_close(f);
    return status;
}

/* Is the file there one of the record, and as it was written? */
static lm_status is_ours(const lm_interop_files *f, const char *name, const char *path, bool *ours,
                         lm_error *err) {
    lm_mapping map;
    *ours = false;
    for (size_t i = 0; i < f->n_known && !*ours; i++) { /* a name may stand there twice */
        if (strcmp(f->known[i].name, name) != 0) continue;
        *ours = true;
        if (!f->known[i].is_text) break;
        lm_status status = lm_file_map(&map, path, err);
        if (status != LM_OK) return status;
        *ours = lm_digest_of(map.data, map.size) == f->known[i].digest;
        lm_file_unmap(&map);
    }
    return LM_OK;
}

static lm_status check_ours(const lm_interop_files *f, const char *name, const char *path,
                            lm_error *err) {
    bool ours;
    if (!lm_file_exists(path)) return LM_OK;
    if (!lm_file_is_regular(path))
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: expected a regular file, or no such name, found %s", path,
                            lm_file_is_directory(path) ? "a directory" : "something else");
    if (f->force) return LM_OK;
    lm_status status = is_ours(f, name, path, &ours, err);
    if (status != LM_OK || ours) return status;
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: lmtrain did not write this file, or it was changed since; add --force"
                        " to replace it, or name another --output",
                        path);
}

/* ---- what is written --------------------------------------------------------------------------*/

static lm_interop_file *append(lm_interop_files *f, const char *name, lm_error *err) {
    if (f->count == f->capacity) {
        size_t capacity = f->capacity ? 2 * f->capacity : 16;
        lm_interop_file *grown = realloc(f->list, capacity * sizeof *grown);
        if (!grown) {
            lm_error_no_memory(err, f->directory);
            return NULL;
        }
        f->list = grown;
        f->capacity = capacity;
    }
    lm_interop_file *file = &f->list[f->count];
    *file = (lm_interop_file){.name = strdup(name)};
    if (!file->name) {
        lm_error_no_memory(err, f->directory);
        return NULL;
    }
    f->count++;
    return file;
}

char *lm_interop_files_path(lm_interop_files *f, const char *name, lm_error *err) {
    char *path = lm_file_join(f->directory, name);
    if (!path) {
        lm_error_no_memory(err, f->directory);
        return NULL;
    }
    if (check_ours(f, name, path, err) == LM_OK && append(f, name, err)) return path;
    free(path);
    return NULL;
}

lm_status lm_interop_files_add(lm_interop_files *f, const char *name, const lm_text *text,
                               lm_error *err) {
    if (text->failed) return lm_error_no_memory(err, f->directory);
    char *path = lm_interop_files_path(f, name, err);
    if (!path) return err->code;
    lm_interop_file *file = &f->list[f->count - 1];
    lm_status status = lm_file_writer_open(&file->writer, path, err);
    if (status == LM_OK)
        status = lm_file_writer_write(&file->writer, lm_text_cstr(text), text->length, err);
    file->is_text = true;
    file->digest = lm_digest_of(lm_text_cstr(text), text->length);
    free(path);
    return status;
}

static void put_files(lm_json_writer *w, const lm_interop_file *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        lm_json_object(w, NULL, LM_JSON_LINE);
        lm_json_string(w, "name", list[i].name);
        if (list[i].is_text) lm_json_digest(w, "xxh64", list[i].digest);
        lm_json_end(w);
    }
}

static lm_status write_record(const lm_interop_files *f, const lm_text *about, bool with_known,
                              lm_error *err) {
    lm_text text = {0};
    lm_json_writer w = {.out = &text};
    char *path = lm_file_join(f->directory, LM_INTEROP_RECORD);
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_string(&w, "format", FORMAT);
    lm_json_string(&w, "lmtrain", LM_VERSION);
    lm_json_text(&w, "about", lm_text_cstr(about), about->length);
    lm_json_array(&w, "files", LM_JSON_LINES);
    put_files(&w, f->list, f->count);
    if (with_known) put_files(&w, f->known, f->n_known);
    lm_json_end(&w);
    lm_json_end(&w);
    lm_text_append(&text, "\n", 1);
    lm_status status = path && !text.failed && !about->failed
                           ? lm_file_replace(path, text.data, text.length, err)
                           : lm_error_no_memory(err, f->directory);
    free(path);
    lm_text_free(&text);
    return status;
}

lm_status lm_interop_files_record(const lm_interop_files *f, const lm_text *about, lm_error *err) {
    return write_record(f, about, true, err);
}

static bool is_written(const lm_interop_files *f, const char *name) {
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->list[i].name, name) == 0) return true;
    return false;
}

/* A file of the earlier export that this one does not have, as shards of a larger model. */
static lm_status remove_leftover(const lm_interop_files *f, const char *name, lm_error *err) {
    bool ours = false;
    char *path = lm_file_join(f->directory, name);
    lm_status status = path ? LM_OK : lm_error_no_memory(err, f->directory);
    if (path && !strchr(name, '/') && lm_file_exists(path))
        status = is_ours(f, name, path, &ours, err);
    if (status == LM_OK && ours) status = lm_file_remove(path, err);
    free(path);
    return status;
}

lm_status lm_interop_files_commit(lm_interop_files *f, const lm_text *about, lm_error *err) {
    lm_status status = LM_OK;
    for (size_t i = 0; i < f->count && status == LM_OK; i++)
        if (f->list[i].is_text) status = lm_file_writer_commit(&f->list[i].writer, err);
    for (size_t i = 0; i < f->n_known && status == LM_OK; i++)
        if (!is_written(f, f->known[i].name)) status = remove_leftover(f, f->known[i].name, err);
    return status == LM_OK && f->n_known > 0 ? write_record(f, about, false, err) : status;
}

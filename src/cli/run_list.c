#include "cli/run_list.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "train/run_dir.h"

enum { MOST_RUNS = 1024 };

static lm_status add(lm_run_list *l, const char *path, lm_error *err) {
    if (l->count == MOST_RUNS)
        return lm_error_set(err, LM_ERR_USAGE, "%s: expected at most %d runs", path, MOST_RUNS);
    lm_view_run *grown = realloc(l->runs, (size_t)(l->count + 1) * sizeof *grown);
    if (!grown) return lm_error_no_memory(err, path);
    l->runs = grown;
    lm_status status = lm_view_run_open(&l->runs[l->count], path, err);
    if (status == LM_OK) l->count++;
    return status;
}

/* Adds the runs in a directory that is none itself; *any: there is one. */
static lm_status add_inside(lm_run_list *l, const char *directory, bool *any) {
    lm_file_list names;
    lm_error aside;
    lm_status status = lm_file_list_directory(&names, directory, &aside);
    *any = false;
    if (status != LM_OK) return LM_OK;
    for (size_t i = 0; i < names.count && status == LM_OK; i++) {
        char *path = lm_file_join(directory, names.names[i]);
        if (path && lm_file_is_directory(path) && add(l, path, &aside) == LM_OK) *any = true;
        free(path);
    }
    lm_file_list_free(&names);
    return LM_OK;
}

lm_status lm_run_list_open(lm_run_list *l, const lm_option_texts *paths, lm_error *err) {
    lm_status status = LM_OK;
    *l = (lm_run_list){0};
    for (int i = 0; i < paths->count && status == LM_OK; i++) {
        bool any = false;
        status = add(l, paths->items[i], err);
        if (status == LM_ERR_USAGE && lm_file_is_directory(paths->items[i]) &&
            l->count < MOST_RUNS) {
            add_inside(l, paths->items[i], &any);
            if (any) status = LM_OK;
        }
    }
    if (status == LM_OK) status = lm_view_run_names(l->runs, l->count, err);
    if (status == LM_OK) status = lm_run_list_read(l, err);
    if (status != LM_OK) lm_run_list_close(l);
    return status;
}

lm_status lm_run_list_read(lm_run_list *l, lm_error *err) {
    lm_status status = LM_OK;
    for (int64_t i = 0; i < l->count && status == LM_OK; i++) {
        lm_view_run *r = &l->runs[i];
        status = lm_view_run_read(r, err);
        double pid = lm_view_number(&r->summary, "pid");
        const char *state = lm_view_text(&r->summary, "state");
        r->running = state && strcmp(state, "running") == 0 &&
                     lm_run_dir_in_use(r->path, isfinite(pid) ? (int64_t)pid : 0);
    }
    return status;
}

void lm_run_list_close(lm_run_list *l) {
    for (int64_t i = 0; i < l->count; i++) lm_view_run_free(&l->runs[i]);
    free(l->runs);
    *l = (lm_run_list){0};
}

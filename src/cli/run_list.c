#include "cli/run_list.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "train/run_dir.h"

enum { MOST_RUNS = 1024 };

static lm_status add(lm_run_list *l, const char *path, lm_error *err) {
    for (int64_t i = 0; i < l->count; i++)
        if (strcmp(l->runs[i].path, path) == 0) return LM_OK;
    if (l->count == MOST_RUNS)
        return lm_error_set(err, LM_ERR_USAGE, "%s: expected at most %d runs", path, MOST_RUNS);
    lm_view_run *grown = realloc(l->runs, (size_t)(l->count + 1) * sizeof *grown);
    if (!grown) return lm_error_no_memory(err, path);
    l->runs = grown;
    lm_status status = lm_view_run_open(&l->runs[l->count], path, err);
    if (status == LM_OK) l->count++;
    return status;
}

/* Adds the runs in a directory that is none itself: its own, or those of a sweep in trials/. */
static void add_inside(lm_run_list *l, const char *directory) {
    lm_file_list names;
    lm_error aside;
    char *trials = lm_file_join(directory, "trials");
    const char *where = trials && lm_file_is_directory(trials) ? trials : directory;
    if (lm_file_list_directory(&names, where, &aside) == LM_OK) {
        for (size_t i = 0; i < names.count && l->count < MOST_RUNS; i++) {
            char *path = lm_file_join(where, names.names[i]);
            if (path && lm_file_is_directory(path)) (void)add(l, path, &aside);
            free(path);
        }
        lm_file_list_free(&names);
    }
    free(trials);
}

lm_status lm_run_list_find(lm_run_list *l, const lm_option_texts *paths, lm_error *err) {
    lm_status status = LM_OK;
    for (int i = 0; i < paths->count && status == LM_OK; i++) {
        const char *path = paths->items[i];
        int64_t before = l->count;
        status = add(l, path, err);
        if (status != LM_ERR_USAGE || !lm_file_is_directory(path)) continue;
        add_inside(l, path);
        l->may_grow |= l->count > before;
        if (l->may_grow) status = LM_OK;
    }
    return status == LM_OK ? lm_view_run_names(l->runs, l->count, err) : status;
}

lm_status lm_run_list_open(lm_run_list *l, const lm_option_texts *paths, lm_error *err) {
    *l = (lm_run_list){0};
    lm_status status = lm_run_list_find(l, paths, err);
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

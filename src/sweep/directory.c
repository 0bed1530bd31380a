#include "sweep/directory.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/json.h"
#include "base/numbers.h"

char *lm_sweep_path(const lm_sweep *s, const char *name) {
    return lm_file_join(s->options.dir, name);
}

char *lm_sweep_base_path(const lm_sweep *s) {
    return lm_sweep_path(s, "base.json");
}

/* Makes the file unless it is there, whole at once: two workers may begin the sweep together.
 * *mine: this call made it. */
static lm_status make_file(const char *path, const lm_text *text, bool *mine, lm_error *err) {
    lm_text temporary = {0};
    lm_text_printf(&temporary, "%s.%ld", path, (long)getpid());
    const char *name = lm_text_cstr(&temporary);
    *mine = false;
    lm_status status = temporary.failed || text->failed
                           ? lm_error_no_memory(err, path)
                           : lm_file_replace(name, lm_text_cstr(text), text->length, err);
    if (status != LM_OK) goto out;
    if (link(name, path) == 0)
        *mine = true;
    else if (errno == EPERM || errno == EOPNOTSUPP || errno == ENOSYS || errno == EMLINK)
        *mine = !lm_file_exists(path) && rename(name, path) == 0; /* no hard links here */
    else if (errno != EEXIST)
        status = lm_error_call(err, path, "create");
    unlink(name);
out:
    lm_text_free(&temporary);
    return status;
}

static lm_status make_in(const lm_sweep *s, const char *name, const lm_text *text, bool *mine,
                         lm_error *err) {
    char *path = lm_sweep_path(s, name);
    lm_status status = path ? make_file(path, text, mine, err) : lm_error_no_memory(err, name);
    free(path);
    return status;
}

static lm_status make_directories(const lm_sweep *s, lm_error *err) {
    static const char *const names[] = {"journals", "workers", "claims", "trials"};
    lm_status status = LM_OK;
    for (int i = 0; i < 4 && status == LM_OK; i++) {
        char *path = lm_sweep_path(s, names[i]);
        status = path ? lm_file_make_directory(path, err) : lm_error_no_memory(err, NULL);
        free(path);
    }
    return status;
}

/* ---- is it this sweep? ------------------------------------------------------------------------*/

/* Of the settings, the first n_drawn: of tpe more may be known here than there. */
static void write_identity(const lm_sweep *s, int64_t n_drawn, lm_text *out) {
    const lm_sweep_options *o = &s->options;
    lm_text_printf(out, "%s %lld %lld %lld %lld %d %s %d\n", lm_sweep_method_name((int)o->method),
                   (long long)s->n_points, (long long)o->seed, (long long)o->generation,
                   (long long)o->halving, s->rungs, s->objective, o->baseline);
    for (int64_t i = 0; i < o->n_seeds; i++)
        lm_text_printf(out, "%lld ", (long long)lm_sweep_seed(s, i));
    lm_config_print(&s->base, out);
    for (int64_t i = s->first_point; i < s->first_point + n_drawn; i++) {
        const lm_value *values = lm_sweep_values(s, i);
        for (int d = 0; d < s->space.n_dimensions; d++) {
            lm_text_printf(out, "%s ", s->space.dimensions[d].path);
            lm_value_print(&values[d], out);
        }
    }
}

/* Files whose trials are the same are the same sweep; how it is run may change. */
static lm_status compare(const lm_sweep *s, const char *path, lm_error *err) {
    lm_sweep there = {0};
    lm_text a = {0}, b = {0};
    lm_status status = lm_sweep_open(&there, path, s->options.dir, err);
    if (status != LM_OK) {
        lm_error_prefix(err, "%s: holds a sweep that cannot be read", s->options.dir);
        goto out;
    }
    int64_t n_drawn = lm_min(s->n_drawn, there.n_drawn);
    write_identity(s, n_drawn, &a);
    write_identity(&there, n_drawn, &b);
    if (a.failed || b.failed)
        status = lm_error_no_memory(err, path);
    else if (strcmp(lm_text_cstr(&a), lm_text_cstr(&b)) != 0)
        status =
            lm_error_set(err, LM_ERR_USAGE,
                         "%s: holds another sweep, whose trials are not those of %s: choose"
                         " another sweep.dir, or go on with that one (lmtrain sweep --join %s)",
                         s->options.dir, s->file, s->options.dir);
out:
    lm_text_free(&a);
    lm_text_free(&b);
    lm_sweep_close(&there);
    return status;
}

/* ---- where it was begun -----------------------------------------------------------------------*/

static lm_status write_begun(const lm_sweep *s, lm_error *err) {
    char directory[PATH_MAX];
    lm_text t = {0};
    lm_json_writer w = {.out = &t};
    bool mine;
    if (!getcwd(directory, sizeof directory))
        return lm_error_call(err, "the working directory", "name");
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_string(&w, "directory", directory);
    lm_json_string(&w, "version", LM_VERSION);
    lm_json_end(&w);
    lm_text_append(&t, "\n", 1);
    lm_status status = make_in(s, "begun.json", &t, &mine, err);
    lm_text_free(&t);
    return status;
}

static lm_status enter_begun(const lm_sweep *s, lm_error *err) {
    char directory[PATH_MAX];
    lm_text text = {0};
    lm_json_reader r;
    char *path = lm_sweep_path(s, "begun.json");
    lm_status status = path ? lm_file_read(path, 65536, &text, err) : lm_error_no_memory(err, NULL);
    if (status == LM_OK) status = lm_json_open(&r, path, lm_text_cstr(&text), text.length, err);
    if (status == LM_OK) {
        lm_json_get_string(&r, "directory", directory, sizeof directory);
        status = lm_json_close(&r);
    }
    if (status == LM_OK && chdir(directory) != 0)
        status = lm_error_set(err, LM_ERR_RUNTIME,
                              "%s: the sweep was begun in %s, to which the paths of its configs are"
                              " relative, and which cannot be entered here: %s",
                              path, directory, lm_error_errno(errno));
    lm_text_free(&text);
    free(path);
    return status;
}

/* ---- beginning and joining --------------------------------------------------------------------*/

static bool is_begun(const lm_sweep *s) {
    char *path = lm_sweep_path(s, "begun.json");
    bool there = path && lm_file_exists(path);
    free(path);
    return there;
}

/* The sweep.json and base.json of somebody else are no sweep: begun.json is there before both. */
static lm_status check_unused(const lm_sweep *s, lm_error *err) {
    lm_file_list list;
    lm_status status = LM_OK;
    if (!lm_file_exists(s->options.dir)) return LM_OK;
    if ((status = lm_file_list_directory(&list, s->options.dir, err)) != LM_OK) return status;
    const bool begun = is_begun(s);
    for (size_t i = 0; i < list.count && status == LM_OK; i++)
        if ((!begun || strncmp(list.names[i], "sweep.json", 10) != 0) &&
            (!begun || strncmp(list.names[i], "base.json", 9) != 0) &&
            strcmp(list.names[i], "journals") != 0 && strcmp(list.names[i], "workers") != 0 &&
            strcmp(list.names[i], "claims") != 0 && strcmp(list.names[i], "trials") != 0 &&
            strncmp(list.names[i], "begun.json", 10) != 0)
            status = lm_error_set(err, LM_ERR_USAGE,
                                  "%s: is no directory of a sweep (it holds %s): choose another"
                                  " sweep.dir",
                                  s->options.dir, list.names[i]);
    lm_file_list_free(&list);
    return status;
}

/* An inline base is written as a config of its own, for commands that name it. */
static lm_status write_base(const lm_sweep *s, bool *mine, lm_error *err) {
    lm_text t = {0};
    size_t skip = s->base_is_inline ? strspn(lm_text_cstr(&s->base_source), " \t\r\n") : 0;
    lm_text_append(&t, lm_text_cstr(&s->base_source) + skip, s->base_source.length - skip);
    if (s->base_is_inline) lm_text_append(&t, "\n", 1);
    lm_status status = make_in(s, "base.json", &t, mine, err);
    lm_text_free(&t);
    return status;
}

lm_status lm_sweep_begin(const lm_sweep *s, lm_error *err) {
    char *path = lm_sweep_path(s, "sweep.json");
    lm_status status = LM_OK;
    bool mine = false, base_mine = false;
    if (!path) return lm_error_no_memory(err, s->options.dir);
    if (lm_file_exists(path) && is_begun(s)) {
        status = compare(s, path, err);
        goto out;
    }
    if ((status = check_unused(s, err)) != LM_OK) goto out;
    if ((status = make_directories(s, err)) != LM_OK) goto out;
    if ((status = write_begun(s, err)) != LM_OK) goto out;
    if ((status = write_base(s, &base_mine, err)) != LM_OK) goto out;
    status = make_file(path, &s->source, &mine, err); /* the last: then all is there */
    if (status == LM_OK && !(mine && base_mine)) status = compare(s, path, err);
out:
    free(path);
    return status;
}

lm_status lm_sweep_join(lm_sweep *s, const char *directory, lm_error *err) {
    lm_status status;
    memset(s, 0, sizeof *s);
    char *absolute = realpath(directory, NULL), *path = NULL;
    if (!absolute) return lm_error_call(err, directory, "open");
    path = lm_file_join(absolute, "sweep.json");
    if (!path)
        status = lm_error_no_memory(err, directory);
    else if (!lm_file_exists(path))
        status = lm_error_set(err, LM_ERR_USAGE, "%s: holds no sweep (no sweep.json)", directory);
    else
        status = lm_sweep_open(s, path, absolute, err);
    if (status == LM_OK) status = enter_begun(s, err);
    free(path);
    free(absolute);
    return status;
}

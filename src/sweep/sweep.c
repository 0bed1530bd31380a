#include "sweep/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/numbers.h"
#include "config/scan.h"

#define MOST_FILE_BYTES ((size_t)16 << 20)

/* ---- the file ---------------------------------------------------------------------------------*/

/* The base config as lm_config_parse takes it: inline, it stays at its place in the file, so that
 * messages name that. */
static lm_status take_base(lm_sweep *s, const lm_json_node *base, const char *directory,
                           lm_reading *r, lm_error *err) {
    lm_text *t = &s->base_source;
    s->base_is_inline = base->kind == LM_JSON_OBJECT;
    if (s->base_is_inline)
        s->base_file = strdup(s->file);
    else if (directory)
        s->base_file = lm_file_join(directory, "base.json");
    else
        s->base_file = strdup(base->string);
    if (!s->base_file) return lm_error_no_memory(err, s->file);
    if (!s->base_is_inline) {
        lm_status status = lm_file_read(s->base_file, MOST_FILE_BYTES, t, err);
        if (status == LM_OK) return LM_OK;
        err->code = LM_ERR_USAGE;
        return lm_error_prefix(err, "%s: base", s->file);
    }
    lm_text_append(t, r->text, base->end);
    for (size_t i = 0; i < base->at && !t->failed; i++)
        if (t->data[i] != '\n') t->data[i] = ' ';
    return t->failed ? lm_error_no_memory(err, s->file) : LM_OK;
}

static lm_status read_base(lm_sweep *s, const lm_json_node *base, const char *directory,
                           lm_reading *r, lm_error *err) {
    if (!base || (base->kind != LM_JSON_OBJECT && base->kind != LM_JSON_STRING)) {
        if (base)
            lm_reading_wrong(r, base, "base", "a run config, or the path of one");
        else
            lm_reading_problem(r, 0, "base: required, but not given: a run config, or its path");
        return LM_OK;
    }
    lm_status status = take_base(s, base, directory, r, err);
    if (status != LM_OK) return status;
    const char *overrides[] = {"run.dir=x"};
    return lm_config_parse(&s->base, s->base_file, lm_text_cstr(&s->base_source),
                           s->base_source.length, overrides, 1, err);
}

static void check_members(const lm_json_node *root, lm_reading *r) {
    static const char *const names[] = {"$schema", "sweep", "base", "space", "constraints"};
    for (const lm_json_node *m = root->child; m; m = m->next) {
        size_t i = 0;
        while (i < 5 && strcmp(names[i], m->key) != 0) i++;
        if (i == 5)
            lm_reading_problem(r, m->key_at,
                               "unknown key \"%.100s\": expected sweep, base, space, constraints",
                               m->key);
        else if (lm_json_node_member(root, m->key) != m)
            lm_reading_problem(r, m->key_at, "duplicate key \"%s\"", m->key);
    }
}

static lm_status read_root(lm_sweep *s, const lm_json_node *root, const char *directory,
                           lm_reading *r, lm_error *err) {
    if (root->kind != LM_JSON_OBJECT) {
        lm_reading_wrong(r, root, "sweep file", "an object {\"sweep\": ..., \"base\": ...}");
        return lm_reading_end(r, err);
    }
    const lm_json_node *section = lm_json_node_member(root, "sweep");
    const lm_json_node *space = lm_json_node_member(root, "space");
    check_members(root, r);
    if (section && section->kind != LM_JSON_OBJECT)
        lm_reading_wrong(r, section, "sweep", "an object { \"dir\": ..., ... }");
    if (section && section->kind != LM_JSON_OBJECT) section = NULL;
    lm_sweep_options_read(&s->options, section, r);
    lm_status status = read_base(s, lm_json_node_member(root, "base"), directory, r, err);
    if (status == LM_ERR_USAGE) lm_reading_lines(r, err->message);
    if (status != LM_OK && status != LM_ERR_USAGE) {
        lm_text_free(&r->problems);
        return status;
    }
    if (!space)
        lm_reading_problem(r, root->at,
                           "space: required, but not given; \"space\": {} tries the base config"
                           " alone, with each seed");
    else
        lm_sweep_options_check(&s->options, section, space->kind == LM_JSON_OBJECT && !space->child,
                               r);
    if (s->base.given)
        lm_space_read(&s->space, space, lm_json_node_member(root, "constraints"), &s->base, r);
    return lm_reading_end(r, err);
}

static lm_status read_file(lm_sweep *s, const char *path, const char *directory, lm_error *err) {
    lm_json_node *root = NULL;
    lm_json_stop stop;
    size_t at;
    lm_status status = lm_file_read(path, MOST_FILE_BYTES, &s->source, err);
    if (status != LM_OK) return err->code = LM_ERR_USAGE;
    size_t size = s->source.length;
    char *text = malloc(size + 1);
    if (!text) return lm_error_no_memory(err, path);
    memcpy(text, lm_text_cstr(&s->source), size);
    text[size] = '\0';
    lm_reading r = {.name = path, .text = text};
    if (!lm_scan_blank_comments(text, size, &at)) {
        lm_reading_problem(&r, at, "syntax error: this comment is never closed");
        status = lm_reading_end(&r, err);
    } else if ((status = lm_json_tree_read(&root, path, text, size, &stop, err)) != LM_OK) {
        if (err->damaged) {
            lm_reading_problem(&r, stop.at, "syntax error: %s%s", stop.what,
                               lm_scan_hint(text, size, stop.at));
            status = lm_reading_end(&r, err);
        }
    } else {
        status = read_root(s, root, directory, &r, err);
    }
    lm_json_tree_free(root);
    free(text);
    return status;
}

/* ---- the whole --------------------------------------------------------------------------------*/

static bool validates(const lm_config *c) {
    return c->data.val.count > 0;
}

static lm_status choose_objective(lm_sweep *s, lm_error *err) {
    const char *asked = s->options.objective;
    bool val = strncmp(asked, "val_loss", 8) == 0 && (!asked[8] || asked[8] == '.');
    if (*asked && !val && strcmp(asked, "best_val_loss") != 0 && strcmp(asked, "train_loss") != 0)
        return lm_error_set(
            err, LM_ERR_USAGE,
            "%s: sweep.objective: expected val_loss, val_loss.NAME, best_val_loss or"
            " train_loss, found \"%s\"",
            s->file, asked);
    if (*asked && strcmp(asked, "train_loss") != 0 && !validates(&s->base))
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: sweep.objective is \"%s\", but the base config has no data.val",
                            s->file, asked);
    s->objective = strdup(*asked ? asked : validates(&s->base) ? "val_loss" : "train_loss");
    return s->objective ? LM_OK : lm_error_no_memory(err, s->file);
}

/* Rungs that leave one of the settings that compete. */
static int count_rungs(const lm_sweep *s) {
    const lm_sweep_options *o = &s->options;
    if (o->halving == 0) return 1;
    if (o->rungs > 0) return (int)o->rungs;
    int64_t left = o->method == LM_SWEEP_TPE ? lm_min(o->generation, s->n_points) : s->n_points;
    int rungs = 1;
    for (; left >= o->halving && rungs < LM_SWEEP_MOST_RUNGS; left /= o->halving) rungs++;
    return rungs;
}

static lm_status make_table(lm_sweep *s, lm_error *err) {
    size_t n = (size_t)s->n_points + 1, dims = (size_t)s->space.n_dimensions + 1;
    s->n_settings = s->n_points + s->first_point;
    s->n_trials = s->n_settings * s->options.n_seeds;
    if (s->n_trials > LM_SWEEP_MOST_TRIALS)
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: the sweep has %lld trials, it may have %d at most", s->file,
                            (long long)s->n_trials, LM_SWEEP_MOST_TRIALS);
    s->values = calloc(n * dims, sizeof *s->values);
    s->units = calloc(n * dims, sizeof *s->units);
    s->settings = calloc((size_t)s->n_settings + 1, sizeof *s->settings);
    if (!s->values || !s->units || !s->settings) return lm_error_no_memory(err, s->file);
    s->rungs = count_rungs(s);
    return LM_OK;
}

static lm_status take_constants(lm_sweep *s, lm_error *err) {
    bool any;
    s->base_values = calloc((size_t)s->space.n_dimensions + 1, sizeof *s->base_values);
    if (!s->base_values) return lm_error_no_memory(err, s->file);
    lm_status status = lm_space_constants(&s->space, s->base_values, &any, err);
    if (any) return status;
    free(s->base_values);
    s->base_values = NULL;
    return status;
}

/* A space without keys has the base config alone. */
static lm_status count_points(lm_sweep *s, lm_error *err) {
    const lm_sweep_options *o = &s->options;
    double all = 1;
    s->first_point = o->baseline;
    s->n_points = o->points;
    for (int i = 0; i < s->space.n_dimensions && o->method == LM_SWEEP_GRID; i++) {
        const lm_dimension *d = &s->space.dimensions[i];
        int64_t n = lm_dimension_count(d);
        if (n == 0 && d->levels == 0)
            return lm_error_set(err, LM_ERR_USAGE,
                                "%s: %s: a grid needs to know how many values of the range it"
                                " tries: add \"levels\"",
                                s->file, d->path);
        all *= (double)(n > 0 ? n : d->levels);
    }
    if (all > 10 * (double)LM_SWEEP_MOST_POINTS)
        return lm_error_set(err, LM_ERR_USAGE,
                            "%s: the grid has %.0f combinations, a sweep takes %d at most", s->file,
                            all, LM_SWEEP_MOST_POINTS);
    if (o->method == LM_SWEEP_GRID && s->n_points == 0) s->n_points = (int64_t)all;
    if (s->space.n_dimensions == 0) s->n_points = o->baseline ? 0 : 1;
    return LM_OK;
}

/* options.dir and named_dir. */
static lm_status set_directory(lm_sweep *s, const char *directory, lm_error *err) {
    char *given = s->options.dir;
    s->options.dir = NULL;
    lm_status status = lm_file_expand_home(given, &s->named_dir, err);
    free(given);
    if (status != LM_OK && !directory) return lm_error_prefix(err, "%s: sweep.dir", s->file);
    if (!s->named_dir) s->named_dir = strdup(directory); /* no home here: it does not matter */
    s->options.dir = strdup(directory ? directory : s->named_dir);
    return s->options.dir && s->named_dir ? LM_OK : lm_error_no_memory(err, s->file);
}

lm_status lm_sweep_open(lm_sweep *s, const char *path, const char *directory, lm_error *err) {
    lm_status status;
    memset(s, 0, sizeof *s);
    s->file = strdup(path);
    if (!s->file) return lm_error_no_memory(err, path);
    if ((status = read_file(s, path, directory, err)) != LM_OK) return status;
    if ((status = set_directory(s, directory, err)) != LM_OK) return status;
    if ((status = choose_objective(s, err)) != LM_OK) return status;
    if ((status = count_points(s, err)) != LM_OK) return status;
    if ((status = make_table(s, err)) != LM_OK) return status;
    if ((status = take_constants(s, err)) != LM_OK) return status;
    bool later = s->options.method == LM_SWEEP_TPE;
    int64_t first = later ? lm_min(s->options.generation, s->n_points) : s->n_points;
    if (s->first_point > 0 && (status = lm_sweep_check_setting(s, 0, err)) != LM_OK) return status;
    return lm_sweep_draw(s, first, err);
}

void lm_sweep_close(lm_sweep *s) {
    lm_sweep_options_free(&s->options);
    lm_config_free(&s->base);
    lm_space_free(&s->space);
    lm_text_free(&s->source);
    lm_text_free(&s->base_source);
    free(s->named_dir);
    free(s->file);
    free(s->base_file);
    free(s->objective);
    free(s->values);
    free(s->base_values);
    free(s->units);
    free(s->settings);
    memset(s, 0, sizeof *s);
}

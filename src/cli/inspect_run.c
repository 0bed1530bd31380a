#include "cli/inspect_run.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "machine/cpu.h"
#include "report/history.h"
#include "report/line.h"
#include "report/summary.h"
#include "saved/saved.h"
#include "train/run_dir.h"
#include "view/run.h"

enum { CURVE_COLUMNS = 64, CURVE_ROWS = 8 }; /* fit a terminal of 80 columns */

/* ---- checkpoints ------------------------------------------------------------------------------*/

bool lm_inspect_is_checkpoint(const char *name) {
    return lm_text_ends_with(name, ".npz");
}

/* Verifies a checkpoint and appends the result to its line. Damage is no error here: it raises
 * *damaged. */
static lm_status verify_listed(const char *directory, const char *name, lm_pool *pool, lm_text *out,
                               int *damaged, lm_error *err) {
    char *path = lm_file_join(directory, name);
    lm_checkpoint *c = NULL;
    lm_status status =
        path ? lm_checkpoint_open(&c, path, err) : lm_error_no_memory(err, directory);
    if (status == LM_OK) status = lm_saved_verify(c, path, pool, err);
    lm_checkpoint_close(c);
    free(path);
    if (status == LM_OK) {
        lm_text_say(out, "  verified");
    } else if (err->damaged) {
        lm_text_say(out, "  %-s", err->message);
        ++*damaged;
        status = LM_OK;
    }
    return status;
}

lm_status lm_inspect_checkpoints(bool verify, const char *directory, const char *prefix,
                                 lm_text *out, size_t *count, lm_error *err) {
    lm_file_list names = {0};
    lm_pool *pool = NULL;
    int damaged = 0;
    lm_status status = lm_file_list_directory(&names, directory, err);
    *count = 0;
    if (status == LM_OK && verify) status = lm_pool_create(&pool, lm_cpu_threads(NULL), err);
    for (size_t i = 0; status == LM_OK && i < names.count; i++) {
        if (!lm_inspect_is_checkpoint(names.names[i])) continue;
        lm_text_say(out, "%s%s", prefix, names.names[i]);
        if (pool) status = verify_listed(directory, names.names[i], pool, out, &damaged, err);
        lm_text_say(out, "\n");
        ++*count;
    }
    lm_pool_free(pool);
    lm_file_list_free(&names);
    if (status == LM_OK && damaged > 0)
        status = lm_error_set(err, LM_ERR_RUNTIME, "%s: %d damaged checkpoint%s", directory,
                              damaged, damaged > 1 ? "s" : "");
    return status;
}

/* ---- a run ------------------------------------------------------------------------------------*/

static lm_status append_file(const char *directory, const char *name, lm_text *out, lm_error *err) {
    char *path = lm_file_join(directory, name);
    lm_text text = {0};
    lm_status status = LM_OK;
    if (!path) return lm_error_no_memory(err, directory);
    if (lm_file_exists(path)) {
        status = lm_file_read(path, (size_t)1 << 20, &text, err);
        lm_text_say(out, "\n%s:\n%-s", name, lm_text_cstr(&text));
    }
    lm_text_free(&text);
    free(path);
    return status;
}

/* Lines that say nothing, and a file that cannot be read. */
static void print_unreadable(const lm_history *h, lm_status status, const lm_error *err,
                             lm_text *out) {
    if (status != LM_OK)
        lm_text_say(out, "%-12s %-s\n", "metrics", err->message);
    else if (h->unreadable > 0)
        lm_text_say(out,
                    "%-12s %" PRId64 " line%s of metrics.jsonl cannot be read, line %" PRId64
                    "%s: passed over\n",
                    "metrics", h->unreadable, h->unreadable == 1 ? "" : "s", h->first_unreadable,
                    h->unreadable == 1 ? "" : " is the first");
}

/* A run that has not made a step yet has no metrics. */
lm_status lm_inspect_curve(const char *directory, lm_text *out, lm_error *err) {
    lm_history history = {0};
    char *path = lm_file_join(directory, "metrics.jsonl");
    lm_status status = path ? LM_OK : lm_error_no_memory(err, directory);
    if (path && lm_file_exists(path)) status = lm_history_read(&history, path, err);
    if (status == LM_OK) lm_history_print(&history, CURVE_COLUMNS, CURVE_ROWS, out);
    lm_history_free(&history);
    free(path);
    return status;
}

/* Whether a summary that says "running" is true, and what to do. */
static void print_session(const char *directory, const lm_summary_found *s, lm_text *out) {
    lm_text_say(out, "%-12s ", "state");
    if (strcmp(s->state, "running") != 0) {
        lm_text_say(out, "%s", s->state);
        if (strcmp(s->state, "interrupted") == 0 || strcmp(s->state, "paused") == 0)
            lm_text_say(out, "; add --resume to go on with the run");
    } else if (lm_run_dir_in_use(directory, s->pid)) {
        lm_text_say(out, "running: process %" PRId64 " on %s, since %s", s->pid, s->host,
                    s->started);
    } else if (s->here) {
        lm_text_say(
            out, "not running: process %" PRId64 " was killed; add --resume to go on with the run",
            s->pid);
    } else {
        lm_text_say(out, "running on %s, or killed there: this machine cannot tell", s->host);
    }
    lm_text_say(out, "\n");
}

static uint64_t bytes_in(const char *directory) {
    lm_file_list names = {0};
    lm_error aside;
    uint64_t all = 0;
    if (lm_file_list_directory(&names, directory, &aside) != LM_OK) return 0;
    for (size_t i = 0; i < names.count; i++) {
        char *path = lm_file_join(directory, names.names[i]);
        if (path && !lm_file_is_directory(path)) all += lm_file_size(path);
        free(path);
    }
    lm_file_list_free(&names);
    return all;
}

/* The losses of the last lines of metrics.jsonl, which are newer than the summary of a run that
 * is running. */
static void print_losses(const lm_history *h, lm_text *out) {
    const lm_history_line *train = &h->train, *val = &h->val;
    if (train->count > 0)
        lm_text_say(out, "%-12s %.6f\n", "train loss", train->points[train->count - 1].loss);
    if (val->count == 0) return;
    const lm_history_point *best = val->points, *last = val->points + val->count - 1;
    for (int64_t i = 1; i < val->count; i++)
        if (val->points[i].loss < best->loss) best = &val->points[i];
    lm_text_say(out, "%-12s %.6f at step %" PRId64 ", best %.6f at step %" PRId64 "\n", "val loss",
                last->loss, last->step, best->loss, best->step);
}

/* Where the run stands: state, step, losses, speed, newest checkpoint, disk. */
static void print_state(const char *directory, lm_text *out) {
    lm_summary_found s;
    lm_view_run run = {0};
    lm_history history = {0};
    lm_error aside;
    char a[32], b[32];
    char *paths[3] = {lm_file_join(directory, "summary.json"),
                      lm_file_join(directory, "metrics.jsonl"),
                      lm_file_join(directory, "checkpoints")};
    if (!paths[0] || !paths[1] || !paths[2] || !lm_summary_read(&s, paths[0])) goto out;
    print_session(directory, &s, out);
    if (lm_view_run_open(&run, directory, &aside) == LM_OK &&
        lm_view_run_read(&run, &aside) == LM_OK && run.step > s.step)
        s.step = run.step;
    lm_text_say(out, "%-12s %" PRId64 " of %" PRId64 "\n", "step", s.step, s.steps);
    if (lm_file_exists(paths[1])) {
        lm_status status = lm_history_read(&history, paths[1], &aside);
        if (status == LM_OK) print_losses(&history, out);
        print_unreadable(&history, status, &aside, out);
    }
    const int64_t skips = lm_view_run_count(&run, "skips");
    const int64_t rewinds = lm_view_run_count(&run, "rewinds");
    if (skips > 0)
        lm_text_say(out, "%-12s %" PRId64 " step%s\n", "skipped", skips, skips == 1 ? "" : "s");
    if (rewinds > 0)
        lm_text_say(out, "%-12s %" PRId64 " time%s to a checkpoint\n", "went back", rewinds,
                    rewinds == 1 ? "" : "s");
    if (run.seconds > 0)
        lm_text_say(out, "%-12s %s tokens/s over %s\n", "speed",
                    lm_text_count(a, sizeof a, run.tokens / run.seconds),
                    lm_line_duration(b, sizeof b, run.seconds));
    if (s.checkpoint_step >= 0)
        lm_text_say(out, "%-12s of step %" PRId64 "\n", "checkpoint", s.checkpoint_step);
    lm_text_say(out, "%-12s %s\n", "disk",
                lm_text_bytes(a, sizeof a, (double)(bytes_in(directory) + bytes_in(paths[2]))));
out:
    lm_history_free(&history);
    lm_view_run_free(&run);
    for (int i = 0; i < 3; i++) free(paths[i]);
}

lm_status lm_inspect_run_directory(const char *path, bool verify, lm_text *out, lm_error *err) {
    size_t count = 0;
    char *checkpoints = lm_file_join(path, "checkpoints");
    if (!checkpoints) return lm_error_no_memory(err, path);
    lm_status status = LM_OK;
    lm_text_say(out, "%s: a run directory\n", path);
    print_state(path, out);
    if (lm_file_is_directory(checkpoints))
        status = lm_inspect_checkpoints(verify, checkpoints, "checkpoints/", out, &count, err);
    free(checkpoints);
    if (status != LM_OK) return status;
    if (count == 0) lm_text_say(out, "no checkpoints\n");
    if ((status = lm_inspect_curve(path, out, err)) != LM_OK) return status;
    char *config = lm_run_dir_config(path);
    if (config) status = append_file(path, strrchr(config, '/') + 1, out, err);
    free(config);
    if (status != LM_OK) return status;
    return append_file(path, "summary.json", out, err);
}

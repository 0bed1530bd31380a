#include "cli/diff_metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/diff_value.h"

/* What a line is of, in the order in which a step writes them. */
typedef enum line_kind { STEP, EVALUATION, LAYERS, SAMPLE, GUARD } line_kind;

/* Reads metrics.jsonl line by line. */
typedef struct reader {
    const char *run;
    lm_mapping map;
    size_t at;
    lm_json_node *line; /* the current one; NULL at the end */
    double step;
    line_kind kind;
} reader;

static line_kind kind_of(const lm_json_node *line) {
    return lm_json_node_member(line, "val_loss") ? EVALUATION
           : lm_json_node_member(line, "layers") ? LAYERS
           : lm_json_node_member(line, "sample") ? SAMPLE
           : lm_json_node_member(line, "event")  ? GUARD
                                                 : STEP;
}

static lm_status next_line(reader *r, lm_error *err) {
    const char *text = (const char *)r->map.data + r->at;
    const char *end = r->at < r->map.size ? memchr(text, '\n', r->map.size - r->at) : NULL;
    lm_json_tree_free(r->line);
    r->line = NULL;
    if (!end) return LM_OK; /* ignore a last line that was not written whole */
    lm_status status = lm_json_tree_read(&r->line, r->run, text, (size_t)(end - text), NULL, err);
    if (status != LM_OK && !err->damaged) return status;
    const lm_json_node *step = lm_json_node_member(r->line, "step");
    if (!step || step->kind != LM_JSON_NUMBER)
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s/metrics.jsonl: byte offset %zu: expected an object with a step",
                            r->run, r->at);
    r->step = step->number;
    r->kind = kind_of(r->line);
    r->at += (size_t)(end - text) + 1;
    return LM_OK;
}

static lm_status open_metrics(reader *r, const char *run, lm_error *err) {
    *r = (reader){.run = run};
    char *path = lm_file_join(run, "metrics.jsonl");
    if (!path) return lm_error_no_memory(err, run);
    lm_status status = lm_file_map(&r->map, path, err);
    free(path);
    if (status != LM_OK) return status;
    return next_line(r, err);
}

static void close_metrics(reader *r) {
    lm_json_tree_free(r->line);
    lm_file_unmap(&r->map);
}

/* By the clock, or by the paths of files (of windows that "windows" has too, and of a checkpoint
 * whose step the line has). */
static bool may_differ(const char *key) {
    return strcmp(key, "tokens_per_s") == 0 || strcmp(key, "seconds") == 0 ||
           strcmp(key, "phases") == 0 || strcmp(key, "worst") == 0 ||
           strcmp(key, "checkpoint") == 0;
}

/* The name of the first figure in which two lines differ; NULL: none. */
static const char *differing_key(const lm_json_node *a, const lm_json_node *b) {
    for (const lm_json_node *m = a->child; m; m = m->next) {
        const lm_json_node *other = lm_json_node_member(b, m->key);
        if (other && !may_differ(m->key) && !lm_json_node_same(m, other)) return m->key;
    }
    return NULL;
}

static int order(const reader *a, const reader *b) {
    if (!a->line || !b->line) return a->line ? -1 : b->line ? 1 : 0;
    if (a->step != b->step) return a->step < b->step ? -1 : 1;
    return (int)a->kind - (int)b->kind;
}

static void print_agreement(int64_t lines, int64_t left_out, lm_text *out) {
    lm_text_say(out, "metrics agree: %" PRId64 " lines", lines);
    if (left_out > 0)
        lm_text_say(out, "; %" PRId64 " step%s a line in one of the runs only", left_out,
                    left_out == 1 ? " has" : "s have");
    lm_text_say(out, "\n");
}

lm_status lm_diff_metrics(const char *const runs[2], int64_t *first, lm_text *out, lm_error *err) {
    reader r[2] = {{0}, {0}};
    int64_t lines = 0, left_out = 0;
    *first = -1;
    lm_status status = open_metrics(&r[0], runs[0], err);
    if (status != LM_OK) goto out;
    if ((status = open_metrics(&r[1], runs[1], err)) != LM_OK) goto out;
    while (status == LM_OK && *first < 0 && (r[0].line || r[1].line)) {
        int o = order(&r[0], &r[1]);
        const reader *alone = o == 0 ? NULL : &r[o > 0];
        const char *key = o == 0 ? differing_key(r[0].line, r[1].line) : NULL;
        lines += o == 0;
        if (key) {
            *first = (int64_t)r[0].step;
            lm_text_say(out, "the runs differ first at step %" PRId64 ": %s is ", *first, key);
            lm_diff_put_value(out, r[0].line, key);
            lm_text_say(out, " in %s, ", runs[0]);
            lm_diff_put_value(out, r[1].line, key);
            lm_text_say(out, " in %s\n", runs[1]);
        } else if (alone && alone->kind == STEP && r[o <= 0].line) {
            left_out++; /* the other run's log.metrics_every left it out: it goes on later */
        } else if (alone && alone->kind == STEP) {
            *first = (int64_t)alone->step;
            lm_text_say(out, "step %" PRId64 " is in %s only; the steps before it agree\n", *first,
                        alone->run);
        }
        if (*first < 0 && o <= 0) status = next_line(&r[0], err);
        if (status == LM_OK && *first < 0 && o >= 0) status = next_line(&r[1], err);
    }
    if (status == LM_OK && *first < 0) print_agreement(lines, left_out, out);
out:
    close_metrics(&r[0]);
    close_metrics(&r[1]);
    return status;
}

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cli/commands.h"
#include "train/state.h"

static const lm_option options[] = {{0}};

/* ---- metrics.jsonl -----------------------------------------------------------------------------*/

/* A file of metrics, a line at a time. */
typedef struct reader {
    const char *run;
    lm_mapping map;
    size_t at;
    cJSON *line; /* the present one; NULL at the end */
    double step;
    bool evaluation;
} reader;

static lm_status next_line(reader *r, lm_error *err) {
    const char *text = (const char *)r->map.data + r->at;
    const char *end = r->at < r->map.size ? memchr(text, '\n', r->map.size - r->at) : NULL;
    cJSON_Delete(r->line);
    r->line = NULL;
    if (!end) return LM_OK; /* a torn last line is none */
    r->line = cJSON_ParseWithLength(text, (size_t)(end - text));
    const cJSON *step = cJSON_GetObjectItemCaseSensitive(r->line, "step");
    if (!cJSON_IsNumber(step))
        return lm_error_set(err, LM_ERR_RUNTIME,
                            "%s/metrics.jsonl: byte offset %zu: expected an object with a step",
                            r->run, r->at);
    r->step = step->valuedouble;
    r->evaluation = cJSON_HasObjectItem(r->line, "val_loss");
    r->at += (size_t)(end - text) + 1;
    return LM_OK;
}

static lm_status open_metrics(reader *r, const char *run, lm_error *err) {
    *r = (reader){.run = run};
    char *path = lm_file_join(run, "metrics.jsonl");
    if (!path) return lm_error_set(err, LM_ERR_RUNTIME, "%s: out of memory", run);
    lm_status status = lm_file_map(&r->map, path, err);
    free(path);
    return status == LM_OK ? next_line(r, err) : status;
}

static void close_metrics(reader *r) {
    cJSON_Delete(r->line);
    lm_file_unmap(&r->map);
}

static bool depends_on_the_clock(const char *key) {
    return strcmp(key, "tokens_per_s") == 0 || strcmp(key, "seconds") == 0;
}

/* The first figure of two lines that differs: its name; NULL: none. */
static const char *differing_key(const cJSON *a, const cJSON *b) {
    const cJSON *item;
    cJSON_ArrayForEach(item, a) {
        const cJSON *other = cJSON_GetObjectItemCaseSensitive(b, item->string);
        if (other && !depends_on_the_clock(item->string) && !cJSON_Compare(item, other, 1))
            return item->string;
    }
    return NULL;
}

static void put_value(lm_text *out, const cJSON *line, const char *key) {
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(line, key);
    if (cJSON_IsNumber(item)) {
        lm_text_json_number(out, item->valuedouble);
    } else {
        lm_text_printf(out, "%s", cJSON_IsString(item) ? item->valuestring : "null");
    }
}

static int order(const reader *a, const reader *b) {
    if (!a->line || !b->line) return a->line ? -1 : b->line ? 1 : 0;
    if (a->step != b->step) return a->step < b->step ? -1 : 1;
    return (int)a->evaluation - (int)b->evaluation;
}

/* Lines of steps or evaluations that both have. *first: the first step that differs, or that one of
 * them does not have; -1: none. */
static lm_status compare_metrics(const char *const runs[2], int64_t *first, lm_text *out,
                                 lm_error *err) {
    reader r[2] = {{0}, {0}};
    int64_t lines = 0;
    lm_status status = open_metrics(&r[0], runs[0], err);
    if (status == LM_OK) status = open_metrics(&r[1], runs[1], err);
    *first = -1;
    while (status == LM_OK && *first < 0 && (r[0].line || r[1].line)) {
        int o = order(&r[0], &r[1]);
        const reader *alone = o == 0 ? NULL : &r[o > 0];
        const char *key = o == 0 ? differing_key(r[0].line, r[1].line) : NULL;
        lines += o == 0;
        if (key) {
            *first = (int64_t)r[0].step;
            lm_text_printf(out, "the runs differ first at step %" PRId64 ": %s is ", *first, key);
            put_value(out, r[0].line, key);
            lm_text_printf(out, " in %s, ", runs[0]);
            put_value(out, r[1].line, key);
            lm_text_printf(out, " in %s\n", runs[1]);
        } else if (alone && !alone->evaluation) {
            *first = (int64_t)alone->step;
            lm_text_printf(out, "step %" PRId64 " is in %s only; the steps before it agree\n",
                           *first, alone->run);
        }
        if (*first < 0 && o <= 0) status = next_line(&r[0], err);
        if (status == LM_OK && *first < 0 && o >= 0) status = next_line(&r[1], err);
    }
    if (status == LM_OK && *first < 0)
        lm_text_printf(out, "metrics agree: %" PRId64 " lines\n", lines);
    close_metrics(&r[0]);
    close_metrics(&r[1]);
    return status;
}

/* ---- arrays ------------------------------------------------------------------------------------*/

static int64_t count_of(const lm_checkpoint_array *a) {
    int64_t n = 1;
    for (int d = 0; d < a->ndim; d++) n *= a->shape[d];
    return n;
}

static void put_place(lm_text *out, const lm_checkpoint_array *a, int64_t index) {
    int64_t left = count_of(a);
    lm_text_printf(out, "%s[", a->name);
    for (int d = 0; d < a->ndim; d++) {
        left /= a->shape[d];
        lm_text_printf(out, "%s%" PRId64, d ? ", " : "", index / left);
        index %= left;
    }
    lm_text_printf(out, "]");
}

static void put_float(lm_text *out, float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    lm_text_printf(out, "%.9g (0x%08" PRIx32 ")", (double)x, bits);
}

/* One array of both: the number of elements that differ, and the first of them is described. */
static lm_status compare_array(lm_checkpoint *const c[2], const lm_checkpoint_array *row,
                               lm_pool *pool, bool describe, int64_t *differing, lm_text *out,
                               lm_error *err) {
    lm_checkpoint_array a[2] = {*row, *row};
    int64_t n = count_of(row), first = -1;
    lm_status status = LM_OK;
    *differing = 0;
    for (int i = 0; i < 2; i++) {
        a[i].data = malloc((size_t)n * sizeof(float) + 1);
        if (!a[i].data) status = lm_error_set(err, LM_ERR_RUNTIME, "%s: out of memory", row->name);
        if (status == LM_OK) status = lm_checkpoint_read(c[i], &a[i], 1, pool, err);
    }
    for (int64_t i = 0; status == LM_OK && i < n; i++) {
        if (memcmp(&a[0].data[i], &a[1].data[i], sizeof(float)) == 0) continue;
        if (first < 0) first = i;
        ++*differing;
    }
    if (first >= 0 && describe) {
        lm_text_printf(out, "the first element that differs: ");
        put_place(out, row, first);
        lm_text_printf(out, " is ");
        put_float(out, a[0].data[first]);
        lm_text_printf(out, " and ");
        put_float(out, a[1].data[first]);
        lm_text_printf(out, "\n");
    }
    free(a[0].data);
    free(a[1].data);
    return status;
}

/* What else decides how a run goes on: where it stands in its data, and what it was trained on. */
static bool same_state(lm_checkpoint *const c[2], lm_text *out) {
    static const char *const keys[] = {"step", "samples", "tokens", "digest", "train_xxh64"};
    cJSON *meta[2] = {cJSON_Parse(lm_checkpoint_meta(c[0])), cJSON_Parse(lm_checkpoint_meta(c[1]))};
    bool same = true;
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const cJSON *a = cJSON_GetObjectItemCaseSensitive(meta[0], keys[i]);
        const cJSON *b = cJSON_GetObjectItemCaseSensitive(meta[1], keys[i]);
        if ((!a && !b) || cJSON_Compare(a, b, 1)) continue;
        lm_text_printf(out, "%s is ", keys[i]);
        put_value(out, meta[0], keys[i]);
        lm_text_printf(out, " and ");
        put_value(out, meta[1], keys[i]);
        lm_text_printf(out, "\n");
        same = false;
    }
    cJSON_Delete(meta[0]);
    cJSON_Delete(meta[1]);
    return same;
}

/* *same: all arrays have the same bits, and the runs would go on alike. */
static lm_status compare_checkpoints(const char *const paths[2], lm_pool *pool, bool *same,
                                     lm_text *out, lm_error *err) {
    lm_checkpoint *c[2] = {NULL, NULL};
    int64_t arrays = 0, elements = 0, n;
    lm_status status = lm_checkpoint_open(&c[0], paths[0], err);
    if (status == LM_OK) status = lm_checkpoint_open(&c[1], paths[1], err);
    if (status != LM_OK) goto out;
    lm_text_printf(out, "%s\n%s\n", paths[0], paths[1]);
    n = lm_checkpoint_count(c[0]);
    *same = same_state(c, out);
    if (n != lm_checkpoint_count(c[1])) {
        lm_text_printf(out, "they have %" PRId64 " and %" PRId64 " arrays\n", n,
                       lm_checkpoint_count(c[1]));
        *same = false;
    }
    for (int64_t i = 0; i < n; i++) {
        int64_t differing;
        status = compare_array(c, &lm_checkpoint_entry_at(c[0], i)->array, pool, arrays == 0,
                               &differing, out, err);
        if (status != LM_OK) goto out;
        arrays += differing > 0;
        elements += differing;
    }
    if (arrays > 0) {
        lm_text_printf(out, "%" PRId64 " of %" PRId64 " arrays differ, %" PRId64 " elements\n",
                       arrays, n, elements);
        *same = false;
    } else {
        lm_text_printf(out, "their arrays agree: %" PRId64 "\n", n);
    }
out:
    lm_checkpoint_close(c[0]);
    lm_checkpoint_close(c[1]);
    return status;
}

/* ---- runs --------------------------------------------------------------------------------------*/

/* Checkpoints of the first step from `from` on that both runs kept; of the last such step when from
 * is -1. paths stay NULL when there are none. */
static lm_status common_checkpoints(const char *const runs[2], int64_t from, char *paths[2],
                                    lm_error *err) {
    lm_file_list list = {0};
    char *directories[2] = {lm_file_join(runs[0], "checkpoints"),
                            lm_file_join(runs[1], "checkpoints")};
    lm_status status = LM_OK;
    if (!directories[0] || !directories[1]) {
        status = lm_error_set(err, LM_ERR_RUNTIME, "out of memory");
        goto out;
    }
    if ((status = lm_file_list_directory(&list, directories[0], err)) != LM_OK) goto out;
    for (size_t i = 0; i < list.count; i++) {
        int64_t step = lm_checkpoint_step(list.names[i]);
        char *other = lm_file_join(directories[1], list.names[i]);
        if (step >= 0 && step >= from && other && lm_file_exists(other)) {
            free(paths[0]);
            free(paths[1]);
            paths[0] = lm_file_join(directories[0], list.names[i]);
            paths[1] = other;
            if (from >= 0) break;
        } else {
            free(other);
        }
    }
out:
    lm_file_list_free(&list);
    free(directories[0]);
    free(directories[1]);
    return status;
}

static bool is_run(const char *path) {
    char *metrics = lm_file_join(path, "metrics.jsonl");
    bool yes = metrics && lm_file_exists(metrics);
    free(metrics);
    return yes;
}

static lm_status compare(const char *const both[2], lm_pool *pool, bool *same, lm_text *out,
                         lm_error *err) {
    char *paths[2] = {NULL, NULL};
    int64_t first = -1;
    lm_status status;
    bool runs = is_run(both[0]), arrays = true;
    if (runs != is_run(both[1]))
        return lm_error_set(err, LM_ERR_USAGE,
                            "diff: expected two runs or two checkpoints: %s is a run, %s is"
                            " not",
                            both[!runs], both[runs]);
    if (!runs) return compare_checkpoints(both, pool, same, out, err);
    if ((status = compare_metrics(both, &first, out, err)) != LM_OK) goto out;
    if ((status = common_checkpoints(both, first, paths, err)) != LM_OK) goto out;
    if (paths[0] && paths[1]) {
        status = compare_checkpoints((const char *const *)paths, pool, &arrays, out, err);
    } else {
        lm_text_printf(out, "they kept no checkpoints of the same step%s to compare\n",
                       first >= 0 ? " from there on" : "");
    }
    *same = first < 0 && arrays;
out:
    free(paths[0]);
    free(paths[1]);
    return status;
}

static lm_status run(const lm_options *o, lm_error *err) {
    lm_pool *pool = NULL;
    lm_text out = {0};
    bool same = false;
    if (o->n_files != 2)
        return lm_error_set(err, LM_ERR_USAGE,
                            "diff: expected two runs or two checkpoints, found %d", o->n_files);
    lm_status status = lm_pool_create(&pool, lm_cpu_usable(), err);
    if (status == LM_OK) status = compare(o->files, pool, &same, &out, err);
    lm_pool_free(pool);
    if (status == LM_OK) status = lm_print(&out, err);
    if (status == LM_OK && !same)
        status = lm_error_set(err, LM_ERR_RUNTIME, "%s and %s differ", o->files[0], o->files[1]);
    lm_text_free(&out);
    return status;
}

const lm_command lm_command_diff = {
    .name = "diff",
    .summary = "where two runs or two checkpoints part: step, array, element; exit 0 when equal",
    .usage = "RUN RUN\n  lmtrain diff CHECKPOINT CHECKPOINT",
    .example = "  lmtrain diff runs/a runs/b\n",
    .options = options,
    .takes_files = true,
    .run = run,
};

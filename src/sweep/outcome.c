#include "sweep/outcome.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/numbers.h"
#include "report/metrics.h"

typedef struct reading {
    const char *key; /* of metrics.jsonl */
    bool best, mean;
    int64_t from, steps; /* mean: of the steps behind `from`; all: up to `steps` */
    double sum, last;
    int64_t count, at, done;
} reading;

/* false: the line is of a step behind the last. */
static bool take_line(reading *r, const char *line, size_t length) {
    double step, x;
    if (!lm_metrics_figure(line, length, "step", &step)) return true;
    if (step > (double)r->steps) return false;
    r->done = (int64_t)step;
    if (!lm_metrics_figure(line, length, r->key, &x) || !isfinite(x)) return true;
    if (r->mean && step <= (double)r->from) return true;
    r->sum += x;
    r->last = r->best && r->count > 0 ? fmin(r->last, x) : x;
    r->at = (int64_t)step;
    r->count++;
    return true;
}

lm_status lm_outcome_read(const lm_sweep *s, const char *dir, int64_t steps, lm_outcome *out,
                          lm_error *err) {
    lm_mapping map = {0};
    reading r = {.key = s->objective, .steps = steps, .from = steps - lm_max(steps / 10, 1)};
    r.best = strcmp(s->objective, "best_val_loss") == 0;
    r.mean = strcmp(s->objective, "train_loss") == 0;
    if (r.best) r.key = "val_loss";
    if (r.mean) r.key = "loss";
    char *path = lm_file_join(dir, "metrics.jsonl");
    lm_status status = path ? lm_file_map(&map, path, err) : lm_error_no_memory(err, dir);
    const char *text = (const char *)map.data;
    for (size_t at = 0; status == LM_OK && at < map.size;) {
        const char *end = memchr(text + at, '\n', map.size - at);
        size_t length = end ? (size_t)(end - text) + 1 - at : 0;
        if (!end || !take_line(&r, text + at, length)) break;
        at += length;
    }
    if (status == LM_OK && r.count == 0)
        status = lm_error_set(err, LM_ERR_RUNTIME, "%s: has no %s of step %lld or before", path,
                              r.key, (long long)steps);
    *out = (lm_outcome){.loss = NAN, .at = r.at, .done = r.done};
    if (r.count > 0) out->loss = r.mean ? r.sum / (double)r.count : r.last;
    lm_file_unmap(&map);
    free(path);
    return status;
}

void lm_outcome_remove_checkpoints(const char *dir) {
    lm_file_list list;
    lm_error none;
    char *checkpoints = lm_file_join(dir, "checkpoints");
    if (checkpoints && lm_file_list_directory(&list, checkpoints, &none) == LM_OK) {
        for (size_t i = 0; i < list.count; i++) {
            char *path = lm_file_join(checkpoints, list.names[i]);
            if (path && strncmp(list.names[i], "step-", 5) == 0) unlink(path);
            free(path);
        }
        lm_file_list_free(&list);
    }
    free(checkpoints);
}

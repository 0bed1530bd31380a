#include <stdlib.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "cli/commands.h"
#include "cli/diff_checkpoints.h"
#include "cli/diff_metrics.h"
#include "machine/cpu.h"
#include "saved/saved.h"

typedef struct request {
    lm_option_texts both;
} request;

static const lm_option options[] = {{0}};

/* The two checkpoints of the first step, not before `from`, at which both runs kept one; of the
 * last such step when from is -1. paths stay NULL when there is no such step. */
static lm_status common_checkpoints(const char *const runs[2], int64_t from, char *paths[2],
                                    lm_error *err) {
    lm_file_list list = {0};
    char *directories[2] = {lm_file_join(runs[0], "checkpoints"),
                            lm_file_join(runs[1], "checkpoints")};
    lm_status status = LM_OK;
    if (!directories[0] || !directories[1]) {
        status = lm_error_no_memory(err, NULL);
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

/* Two runs, by their metrics and the checkpoints behind the step where they part. */
static lm_status compare_runs(const char *const both[2], lm_pool *pool, bool *same, lm_text *out,
                              lm_error *err) {
    char *paths[2] = {NULL, NULL};
    int64_t first = -1;
    bool arrays = true;
    lm_status status = lm_diff_metrics(both, &first, out, err);
    if (status != LM_OK) goto out;
    if ((status = common_checkpoints(both, first, paths, err)) != LM_OK) goto out;
    if (paths[0] && paths[1]) {
        status = lm_diff_checkpoints((const char *const *)paths, pool, &arrays, out, err);
    } else {
        lm_text_say(out, "the runs kept no checkpoints of the same step%s to compare\n",
                    first >= 0 ? " from there on" : "");
    }
    *same = first < 0 && arrays;
out:
    free(paths[0]);
    free(paths[1]);
    return status;
}

/* Two checkpoints, of directories their newest good ones. */
static lm_status compare_checkpoints(const char *const both[2], lm_pool *pool, bool *same,
                                     lm_text *out, lm_error *err) {
    char *paths[2] = {NULL, NULL};
    lm_text skipped = {0};
    lm_status status = LM_OK;
    for (int i = 0; i < 2 && status == LM_OK; i++)
        status = lm_saved_find(both[i], pool, &paths[i], &skipped, err);
    lm_warn_passed_over(&skipped);
    if (status == LM_OK)
        status = lm_diff_checkpoints((const char *const *)paths, pool, same, out, err);
    lm_text_free(&skipped);
    free(paths[0]);
    free(paths[1]);
    return status;
}

static lm_status compare(const char *const both[2], lm_pool *pool, bool *same, lm_text *out,
                         lm_error *err) {
    return is_run(both[0]) && is_run(both[1]) ? compare_runs(both, pool, same, out, err)
                                              : compare_checkpoints(both, pool, same, out, err);
}

static lm_status run(const void *given, lm_error *err) {
    const char *const *both = ((const request *)given)->both.items;
    lm_pool *pool = NULL;
    lm_text out = {0};
    bool same = false;
    lm_status status = lm_pool_create(&pool, lm_cpu_threads(NULL), err);
    if (status != LM_OK) goto out;
    status = lm_print_after(compare(both, pool, &same, &out, err), &out, err);
    if (status == LM_OK && !same)
        status = lm_error_set(err, LM_ERR_RUNTIME, "%s and %s differ", both[0], both[1]);
out:
    lm_pool_free(pool);
    lm_text_free(&out);
    return status;
}

const lm_command lm_command_diff = {
    .name = "diff",
    .summary =
        "the first difference between two runs or two checkpoints; exit code 0: they are equal",
    .usage = "RUN RUN\n  lmtrain diff RUN_OR_FILE RUN_OR_FILE",
    .example = "  lmtrain diff runs/a runs/b\n",
    .options = options,
    .arguments = {"runs or checkpoints", offsetof(request, both), 2, 2},
    .size = sizeof(request),
    .run = run,
};

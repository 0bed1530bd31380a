#include "sweep/spawn.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "sweep/directory.h"

char *lm_program_path(void) {
    char path[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    if (n <= 0) return strdup("lmtrain"); /* no /proc: by PATH */
    path[n] = '\0';
    return strdup(path);
}

lm_status lm_trial_arguments_make(lm_trial_arguments *a, const lm_sweep *s,
                                  const lm_trial_start *start, lm_error *err) {
    int64_t setting = start->trial / s->options.n_seeds;
    int n = 0;
    memset(a, 0, sizeof *a);
    a->program = lm_program_path();
    a->base = lm_sweep_base_path(s);
    a->dir = start->dir ? strdup(start->dir) : lm_trial_dir(s->options.dir, start->trial);
    lm_overrides_make(&a->overrides, s, setting,
                      lm_sweep_seed(s, start->trial % s->options.n_seeds), a->dir);
    lm_overrides_without_page(&a->overrides, s);
    if (start->worker && !start->keep && start->until == 0)
        lm_overrides_decide(&a->overrides, "checkpoint.final=false");
    if (start->dir) {
        lm_overrides_decide(&a->overrides, "checkpoint.every=0");
        lm_overrides_decide(&a->overrides, "log.metrics_every=1");
    }
    if (!a->program || !a->base || !a->dir || a->overrides.no_memory)
        return lm_error_no_memory(err, NULL);
    snprintf(a->numbers[0], sizeof a->numbers[0], "%d", start->threads);
    snprintf(a->numbers[1], sizeof a->numbers[1], "%lld", (long long)start->until);
    a->items[n++] = a->program;
    a->items[n++] = "train";
    a->items[n++] = "--config";
    a->items[n++] = a->base;
    for (int i = 0; i < a->overrides.count; i++) {
        a->items[n++] = "--set";
        a->items[n++] = a->overrides.items[i];
    }
    if (start->threads > 0) {
        a->items[n++] = "--threads";
        a->items[n++] = a->numbers[0];
    }
    if (start->until > 0) {
        a->items[n++] = "--until";
        a->items[n++] = a->numbers[1];
    }
    if (start->quiet) a->items[n++] = "--quiet";
    if (start->worker) {
        a->items[n++] = "--wait-for-room";
        a->items[n++] = "60";
    }
    if (!start->dir && lm_file_exists(a->dir)) a->items[n++] = "--resume"; /* else it is new */
    return LM_OK;
}

void lm_trial_arguments_free(lm_trial_arguments *a) {
    lm_overrides_free(&a->overrides);
    free(a->program);
    free(a->base);
    free(a->dir);
    memset(a, 0, sizeof *a);
}

lm_status lm_trial_become(const lm_sweep *s, const lm_trial_start *start, lm_error *err) {
    lm_trial_arguments a;
    lm_status status = lm_trial_arguments_make(&a, s, start, err);
    if (status == LM_OK) {
        execvp(a.program, a.items);
        status = lm_error_call(err, a.program, "run");
    }
    lm_trial_arguments_free(&a);
    return status;
}

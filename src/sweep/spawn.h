/* Trials as processes: this program again, with the command train. */
#ifndef LM_SWEEP_SPAWN_H
#define LM_SWEEP_SPAWN_H

#include "sweep/sweep.h"

/* malloc'd path of this program: of its file, whatever it was called by. NULL: out of memory. */
char *lm_program_path(void);

/* What a trial's process is begun with: "train", "--config", ... */
typedef struct lm_trial_arguments {
    lm_overrides overrides;
    char *program, *base, *dir;
    char numbers[2][24];                                      /* of --threads and --until */
    char *items[2 * (LM_SPACE_MOST + LM_OVERRIDES_OWN) + 20]; /* of execv, NULL at the end */
} lm_trial_arguments;

typedef struct lm_trial_start {
    int64_t trial, until; /* until: a step to pause after; 0: to its end */
    int threads;          /* 0: as the config says */
    bool quiet;
    bool worker;     /* of a worker, which waits a minute for room on a full disk */
    bool keep;       /* of a worker: its last checkpoint is wanted */
    const char *dir; /* a measurement in this directory, of which nothing is kept; NULL: none */
} lm_trial_start;

/* LM_ERR_RUNTIME: out of memory. lm_trial_arguments_free frees, then too. */
lm_status lm_trial_arguments_make(lm_trial_arguments *a, const lm_sweep *s,
                                  const lm_trial_start *start, lm_error *err);
void lm_trial_arguments_free(lm_trial_arguments *a);

/* Becomes the trial: returns only when that fails. */
lm_status lm_trial_become(const lm_sweep *s, const lm_trial_start *start, lm_error *err);

#endif

/* A training run: batch -> forward -> backward -> clip -> step -> evaluate -> report -> checkpoint.
 *
 *     lm_train_settings s = {.config = &config, .resume = true, .isas = lm_cpu_detect()};
 *     return lm_train_run(&s, err);
 *
 * Ends with LM_OK at the last step, or at step `until` when a checkpoint of it is on disk; with
 * LM_ERR_INTERRUPTED after SIGINT, SIGTERM or SIGHUP, when a checkpoint of the step at hand is on
 * disk; with LM_ERR_DIVERGED when a loss or a gradient stops being finite: the checkpoints of good
 * steps stay. The same config and seed give the same losses, weights and final checkpoint, to the
 * bit, for any number of threads, any instruction set, and however often the run is killed, paused
 * and resumed. */
#ifndef LM_TRAIN_TRAIN_H
#define LM_TRAIN_TRAIN_H

#include <stdbool.h>

#include "config/config.h"
#include "machine/cpu.h"

typedef struct lm_train_settings {
    lm_config *config; /* model.vocab_size and other derived values are filled in */
    bool resume;       /* go on from the newest good checkpoint; from step 0 when there is none at
                          all */
    const char *resume_from; /* go on from this checkpoint, or the newest good one of this run
                                directory, or fail; NULL: from the newest good one of run.dir */
    const char *config_path; /* the config's file, for a warning; NULL: not said */
    bool run_dir_given;      /* run.dir was given beside the file: no warning */
    int64_t until;           /* pause after this step, with a checkpoint; 0: train to the end */
    bool quiet;              /* warnings and errors only */
    bool profile;            /* measure where the time of the steps goes */
    int threads;             /* 0: the config's run.threads */
    lm_isa_mask isas;        /* instruction sets that may be used */
} lm_train_settings;

lm_status lm_train_run(const lm_train_settings *s, lm_error *err);

/* The plan of the run, for --dry-run, and all that a start checks; nothing is written. What would
 * make the run refuse to start is an error, when the plan has been printed. */
lm_status lm_train_plan_print(const lm_train_settings *s, lm_text *out, lm_error *err);

#endif

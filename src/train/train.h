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

#include "comm/comm.h"
#include "config/config.h"
#include "machine/cpu.h"

/* How long the parts of a run take, measured on this machine (budget.h). */
typedef struct lm_train_speed {
    double step;       /* seconds */
    double rest;       /* of them, what does not grow with the windows of a step */
    double evaluation; /* seconds of one of all validation sets; 0: there are none */
    double checkpoint; /* seconds, estimated from its size */
    double share;      /* of the CPU time that the threads could have had while it was measured */
    double slowed;     /* how much longer steps take for want of it; 1: not at all */
    int measured;      /* steps */
} lm_train_speed;

typedef struct lm_train_settings {
    lm_config *config; /* model.vocab_size and other derived values are filled in */
    lm_comm *comm; /* the processes that share the run, which all call with equal settings; NULL:
                          this one alone */
    bool resume;   /* go on from the newest good checkpoint; from step 0 when there is none at
                          all */
    const char *resume_from; /* go on from this checkpoint, or the newest good one of this run
                                directory, or fail; NULL: from the newest good one of run.dir */
    const char *config_path; /* the config's file, for a warning; NULL: not said */
    bool run_dir_given;      /* run.dir was given beside the file: no warning */
    int64_t until;           /* pause after this step, with a checkpoint; 0: train to the end */
    bool gives_up;           /* where the disk is full at the end: after `waits` seconds; else it
                                waits until there is room */
    double waits;
    int ranks;            /* of the plan: also how so many processes would do; 0: not asked */
    double bandwidth;     /* between them, bytes a second; 0: a few usual ones */
    lm_train_speed speed; /* for the plan, when it has been measured already */
    double started;       /* lm_clock_seconds() when the command began; 0: with the run */
    bool quiet;           /* warnings and errors only */
    bool profile;         /* measure where the time of the steps goes */
    bool in_turn;         /* lm_train_measure: lanes one after another, as in several processes */
    int threads;          /* 0: the config's run.threads */
    lm_isa_mask isas;     /* instruction sets that may be used */
} lm_train_settings;

lm_status lm_train_run(const lm_train_settings *s, lm_error *err);

/* How many steps the config's train.budget comes to, where config->train.steps_open. A run to be
 * resumed that has begun within this budget keeps the steps that it has; else a budget of time is
 * divided by the speed of a few steps, which are measured here: *speed, with measured = 0 where it
 * was not. The config is to be loaded anew with them (lm_config_load_within_budget). */
lm_status lm_train_budget(const lm_train_settings *s, int64_t *steps, lm_train_speed *speed,
                          lm_error *err);
/* Measures for a moment how long the parts of a run take, without changing a file. Takes the memory
 * of the run. Where a micro-batch takes more than a quarter of a second, or ten for a forecast
 * (s->ranks), it is the machine's peak that is measured, with measured = 0: the least that the run
 * takes. */
lm_status lm_train_measure(const lm_train_settings *s, lm_train_speed *speed, lm_error *err);

/* The plan of the run, for --dry-run, and all that a start checks; nothing is written. What would
 * make the run refuse to start is an error, when the plan has been printed. */
lm_status lm_train_plan_print(const lm_train_settings *s, lm_text *out, lm_error *err);

#endif

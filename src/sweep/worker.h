/* A worker: claims tasks, runs so many trials at once as child processes, writes its journal, until
 * the sweep is complete. Any number of them, here and on other machines, share a sweep; what comes
 * out does not depend on how many, nor on which of them are killed. */
#ifndef LM_SWEEP_WORKER_H
#define LM_SWEEP_WORKER_H

#include "comm/launch.h"
#include "sweep/claim.h"
#include "sweep/plan.h"

typedef struct lm_slot {
    int pid; /* 0: no process */
    bool taken;
    lm_task task;
    int failures;
    double began; /* lm_clock_seconds() of its process's start */
    double spent; /* seconds of earlier processes of this task */
} lm_slot;

typedef struct lm_worker {
    lm_sweep *sweep;
    lm_worker_file file;
    lm_journals journals;
    int journal; /* descriptor */
    lm_task_list list;
    int64_t next;       /* of the list's tasks */
    int64_t list_after; /* journals.n_done when the list was made */
    lm_slot *slots;     /* [parallel] */
    int parallel, threads;
    int *cpus, *cpu_locks; /* [n_cpus]: pinned to; parallel * threads of them, or none */
    int n_cpus;
    lm_launch launch;       /* the copies that it was started with: workers too */
    bool quiet, live;       /* live: a table on a terminal */
    int shown;              /* lines of it that stand on the terminal */
    double started, showed; /* lm_clock_seconds() */
    double written;         /* of the leaderboard */
    double page_due;        /* when the next page comes, at the earliest */
    bool page_told;         /* the user heard that it cannot be written */
    bool *gone;             /* [n_settings] checkpoints were deleted */
    double busy;            /* seconds of all processes of this worker */
    int64_t ran;            /* tasks */
    lm_status status;       /* a usage error or the like: no more trials begin */
    lm_error why;
    int interrupted; /* exit code of a run that its job's end stopped; 0: none */
} lm_worker;

typedef struct lm_worker_options {
    int parallel, threads; /* 0: the sweep file's, or measured */
    bool quiet;
    lm_launch launch;
} lm_worker_options;

/* Runs the sweep, in s->options.dir, to its end. Copies that a launcher started together are
 * workers that share their machine's CPUs; all but the first leave it to that one to say that
 * trials failed, and one that was stopped waits for the others, since launchers kill the others
 * when one ends with an exit code. LM_ERR_USAGE: a trial's config or data is wrong,
 * its values are named. LM_ERR_INTERRUPTED after a signal, when the trials have saved.
 * LM_ERR_RUNTIME when some trials failed, at the end. */
lm_status lm_worker_run(lm_sweep *s, const lm_worker_options *o, lm_error *err);

/* Waits until a child ends, a signal comes or the seconds are over. SIGCHLD must be blocked, so
 * that none is missed. */
void lm_worker_wait(double seconds);

/* ---- slots (slot.c) ---------------------------------------------------------------------------*/

/* Begins the process of a taken slot, unless another process still trains in the trial's directory:
 * then it is to be called again. */
lm_status lm_slot_start(lm_worker *w, lm_slot *slot, lm_error *err);
/* Its process ended with this status of waitpid. */
void lm_slot_end(lm_worker *w, lm_slot *slot, int status);

/* How many trials at once and threads of each: what was asked for, or measured (calibrate.c); and
 * CPUs for them. */
lm_status lm_worker_choose(lm_worker *w, const lm_worker_options *o, lm_error *err);

/* What people see (table.c): a line for a result, or the table on a terminal. */
void lm_worker_tell(lm_worker *w, const lm_task *task, const lm_result *result);
void lm_worker_show(lm_worker *w, bool last);

#endif

/* Who runs what: workers, on one machine or many, that share a directory and no server.
 *
 * A worker has a file DIR/workers/NAME, which says who it is, on which it holds a lock, and whose
 * time it sets again and again: its heartbeat. A task is claimed by making the file
 * DIR/claims/TRIAL-RUNG.K with the worker's name in it: a hard link to the worker's file, or, where
 * there are no links, an exclusive creation; both succeed for one worker alone, also on NFS. K is
 * 0; when the worker that has claim K is dead, claim K + 1 may be made.
 *
 * A worker is dead when it runs on this machine (the same boot id) and its file is gone (it ended)
 * or the lock on it is free; when it ran on another machine, its file is gone and all of its
 * journal has been read here (its results may be seen later than its end, where the file system
 * keeps what it read for a while); or when its heartbeat is older than sweep.heartbeat seconds by
 * the clock of the file system, which sets the times of all files. */
#ifndef LM_SWEEP_CLAIM_H
#define LM_SWEEP_CLAIM_H

#include "sweep/journal.h"

enum { LM_WORKER_NAME = 160 };

typedef struct lm_worker_file {
    char name[LM_WORKER_NAME]; /* "HOST-PID-TIME" */
    char *path, *claims;       /* DIR/workers/NAME, DIR/claims */
    char boot[64];             /* of this machine */
    int fd;                    /* -1: closed */
    bool no_links;
    double beaten;    /* lm_clock_seconds() of the last heartbeat */
    double heartbeat; /* sweep.heartbeat */
} lm_worker_file;

lm_status lm_worker_open(lm_worker_file *w, const lm_sweep *s, lm_error *err);
/* Sets the heartbeat, when it is time. LM_ERR_RUNTIME: the file is gone; others took this worker
 * for dead (it was stopped for long), and its trials are theirs. */
lm_status lm_worker_beat(lm_worker_file *w, lm_error *err);
/* Gives up all claims; of w, lm_worker_count alone may still be asked. */
void lm_worker_leave(lm_worker_file *w);
/* Leaves, and frees. */
void lm_worker_close(lm_worker_file *w); /* zero-initialised or twice is fine */

typedef enum lm_claimed {
    LM_CLAIM_OTHERS,
    LM_CLAIM_MINE,
    LM_CLAIM_TAKEN_OVER, /* of a dead worker, which may have had a result since the last reading */
} lm_claimed;
/* Whose is the task now? j: as far as the journals have been read. */
lm_status lm_claim(lm_worker_file *w, const lm_journals *j, int64_t trial, int rung,
                   lm_claimed *whose, lm_error *err);
/* Workers of the sweep that live, this one included unless it has left. */
typedef struct lm_worker_counts {
    int all, here; /* here: on this machine */
    int sharers;   /* of these, those that may use exactly the CPUs that this process may use */
} lm_worker_counts;
lm_worker_counts lm_worker_count(const lm_worker_file *w, const lm_sweep *s);

/* A CPU of this machine that no other worker of the sweep has; it is this process's until it ends.
 * false: another worker has it, or that cannot be told. *fd: close it to give the CPU back. */
bool lm_claim_cpu(const lm_worker_file *w, const lm_sweep *s, int cpu, int *fd);

#endif

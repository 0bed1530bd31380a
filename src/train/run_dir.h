/* The run directory:
 *
 *     resolved.json          the config as it was resolved (older runs: config.json)
 *     metrics.jsonl          report/metrics.h; metrics.jsonl.aside: lines of steps done again
 *     checkpoints/           checkpoint/checkpoint.h
 *     summary.json           report/summary.h
 *     report.html            view/page.h
 *     .lock
 *
 * One process trains in it at a time: it holds a lock on <dir>/.lock, which the system releases
 * when the process ends. A directory that holds a run already is refused unless that run is
 * resumed. Files that lmtrain did not write are never replaced: a config.json of the user's own may
 * lie there, and a foreign file under one of the names above is refused.
 *
 *     lm_run_dir_open(&r, path, resume, false, err);   // may the run begin? changes nothing
 *     lm_run_dir_check(&r, err);                       // can all its files be written?
 *     ... all other checks ...
 *     lm_run_dir_make(&r, err);                        // the directories, for a new run
 *     lm_run_dir_close(&r); */
#ifndef LM_TRAIN_RUN_DIR_H
#define LM_TRAIN_RUN_DIR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

typedef struct lm_run_dir {
    char *path, *resolved, *metrics, *checkpoints, *summary, *report; /* paths */
    bool used; /* it held a run when it was opened */
    bool locked;
    bool synced; /* its files and directories survive a power failure */
    int made;    /* directories that lm_run_dir_make made */
    int lock;    /* descriptor, while locked */
    int no_lock; /* errno of a filesystem that has no locks: nothing then keeps a second process
                    out; 0: there is a lock */
} lm_run_dir;

/* Names the files, and takes the lock when the directory is there already (which makes .lock).
 * LM_ERR_USAGE when it holds a run and resume is false, or a file that lmtrain did not write under
 * a name of its own; LM_ERR_RUNTIME when another process has it. dry: nothing is made, not even
 * .lock. */
lm_status lm_run_dir_open(lm_run_dir *r, const char *path, bool resume, bool dry, lm_error *err);
/* Refuses a directory, or one yet to be made, in which a file of the run could not be written.
 * Writes nothing. */
lm_status lm_run_dir_check(const lm_run_dir *r, lm_error *err);
/* Makes the directories that are missing, and takes the lock if it is not taken yet.
 * LM_ERR_RUNTIME when another process began a run there since r was opened. */
lm_status lm_run_dir_make(lm_run_dir *r, lm_error *err);
/* Makes the run survive a power failure, before its first checkpoint is written: what is in the
 * directory, and its name. Until then nothing of a run is synced, because there is nothing to go on
 * from, and a short trial would take longer for its syncs than for its steps. Does nothing when r
 * is synced; whoever replaces one of its files without a sync clears r->synced. */
lm_status lm_run_dir_sync(lm_run_dir *r, lm_error *err);
void lm_run_dir_close(lm_run_dir *r); /* zero-initialised or twice is fine */

/* The path of the resolved config in a run directory, malloc'd: resolved.json, or the config.json
 * of a run that an older lmtrain made; NULL when it has neither, or without memory. */
char *lm_run_dir_config(const char *path);
/* Does a process of this machine hold the run directory's lock? Where there are no locks: is there
 * a process of this number? */
bool lm_run_dir_in_use(const char *path, int64_t pid);
/* Appends a warning when the config lies in a run directory but trains in another one: mostly a
 * copied run whose config still names the original. */
void lm_run_dir_warn_elsewhere(const char *config, const char *run, lm_text *out);

#endif

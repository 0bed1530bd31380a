/* The run directory: config.json, metrics.jsonl, checkpoints/, summary.json.
 *
 * One process trains in it at a time: it holds a lock on <dir>/.lock, which the system releases
 * when the process ends. A directory that holds a run already is refused unless that run is
 * resumed. */
#ifndef LM_TRAIN_RUN_DIR_H
#define LM_TRAIN_RUN_DIR_H

#include <stdbool.h>

#include "base/error.h"

typedef struct lm_run_dir {
    char *config, *metrics, *checkpoints, *summary; /* paths */
    bool locked;
    int lock;    /* descriptor, while locked */
    int no_lock; /* errno of a filesystem that has no locks: nothing then keeps a second process out;
                    0: there is a lock */
} lm_run_dir;

/* Makes the directory, takes the lock. LM_ERR_USAGE when it holds a run and resume is false;
 * LM_ERR_RUNTIME when another process has it. */
lm_status lm_run_dir_open(lm_run_dir *r, const char *path, bool resume, lm_error *err);
void lm_run_dir_close(lm_run_dir *r); /* zero-initialised or twice is fine */

#endif

#include "train/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"

/* Lustre without -o flock, some NFS and FUSE: there are no locks, and a run needs none to be right. */
static bool cannot_lock(int reason) {
    return reason == ENOSYS || reason == ENOLCK || reason == EOPNOTSUPP;
}

static lm_status take_lock(lm_run_dir *r, const char *path, lm_error *err) {
    lm_status status = LM_OK;
    char *name = lm_file_join(path, ".lock");
    if (!name) return lm_error_no_memory(err, path);
    r->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    r->locked = r->lock >= 0;
    if (!r->locked) {
        status =
            lm_error_set(err, LM_ERR_RUNTIME, "%s: cannot open: %s", name, lm_error_errno(errno));
    } else if (flock(r->lock, LOCK_EX | LOCK_NB) != 0) {
        if (cannot_lock(errno))
            r->no_lock = errno;
        else if (errno == EWOULDBLOCK)
            status = lm_error_set(err, LM_ERR_RUNTIME,
                                  "%s: another process is training in this run directory", path);
        else
            status = lm_error_set(err, LM_ERR_RUNTIME, "%s: cannot lock: %s", name,
                                  lm_error_errno(errno));
    }
    free(name);
    return status;
}

/* A run that failed before its first step leaves an empty directory of checkpoints. */
static bool holds_anything(const char *directory) {
    lm_file_list list;
    lm_error aside;
    if (lm_file_list_directory(&list, directory, &aside) != LM_OK) return lm_file_exists(directory);
    bool any = list.count > 0;
    lm_file_list_free(&list);
    return any;
}

/* A directory that holds a run is refused, unless that run is to be resumed. */
static lm_status check_unused(const lm_run_dir *r, const char *path, bool resume, lm_error *err) {
    if (resume || !(lm_file_exists(r->config) || lm_file_exists(r->metrics) ||
                    holds_anything(r->checkpoints)))
        return LM_OK;
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: this run directory holds a run already: add --resume to go on with it,"
                        " or choose another (--set run.dir=...)",
                        path);
}

lm_status lm_run_dir_open(lm_run_dir *r, const char *path, bool resume, lm_error *err) {
    *r = (lm_run_dir){0};
    r->config = lm_file_join(path, "config.json");
    r->metrics = lm_file_join(path, "metrics.jsonl");
    r->checkpoints = lm_file_join(path, "checkpoints");
    r->summary = lm_file_join(path, "summary.json");
    lm_status status = LM_OK;
    if (!r->config || !r->metrics || !r->checkpoints || !r->summary) {
        status = lm_error_no_memory(err, path);
        goto out;
    }
    if ((status = check_unused(r, path, resume, err)) != LM_OK) goto out;
    if ((status = lm_file_make_directory(r->checkpoints, err)) != LM_OK) goto out;
    if ((status = take_lock(r, path, err)) != LM_OK) goto out;
    /* Before this process had the lock, another may have begun and ended a run. */
    status = check_unused(r, path, resume, err);
out:
    if (status != LM_OK) lm_run_dir_close(r);
    return status;
}

void lm_run_dir_close(lm_run_dir *r) {
    if (r->locked) close(r->lock);
    free(r->config);
    free(r->metrics);
    free(r->checkpoints);
    free(r->summary);
    *r = (lm_run_dir){0};
}

#include "train/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/numbers.h"
#include "comm/comm.h"

/* ---- the lock ---------------------------------------------------------------------------------*/

/* Lustre without -o flock, some NFS and FUSE have no locks, and a run needs none to be right. */
static bool cannot_lock(int reason) {
    return reason == ENOSYS || reason == ENOLCK || reason == EOPNOTSUPP;
}

/* The other process may be a copy of this one. */
static lm_status is_locked(const lm_run_dir *r, lm_error *err) {
    const char *launcher;
    int copies = lm_comm_strangers(&launcher);
    lm_status status = lm_error_set(
        err, LM_ERR_RUNTIME, "%s: another process is training in this run directory", r->path);
    if (copies == 0) return status;
    return lm_error_append(err,
                           ". %s has started %d copies, each of which takes itself for the whole"
                           " run: one of several processes needs the lmtrain of `make MPI=1`, and"
                           " srun --mpi=pmix or pmi2",
                           launcher, copies);
}

static lm_status take_lock(lm_run_dir *r, bool dry, lm_error *err) {
    lm_status status = LM_OK;
    char *name = lm_file_join(r->path, ".lock");
    if (!name) return lm_error_no_memory(err, r->path);
    r->lock = open(name, dry ? O_RDONLY | O_CLOEXEC : O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    r->locked = r->lock >= 0;
    if (!r->locked) {
        if (!dry) status = lm_error_call(err, name, "open");
    } else if (flock(r->lock, (dry ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
        if (cannot_lock(errno))
            r->no_lock = errno;
        else if (errno == EWOULDBLOCK)
            status = is_locked(r, err);
        else
            status = lm_error_call(err, name, "lock");
    }
    free(name);
    return status;
}

bool lm_run_dir_in_use(const char *path, int64_t pid) {
    char *name = lm_file_join(path, ".lock");
    int fd = name ? open(name, O_RDONLY | O_CLOEXEC) : -1;
    bool failed = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0;
    bool used = failed && errno == EWOULDBLOCK;
    if (failed && cannot_lock(errno))
        used = pid > 0 && pid <= INT_MAX && (kill((pid_t)pid, 0) == 0 || errno == EPERM);
    if (fd >= 0) close(fd);
    free(name);
    return used;
}

/* ---- what it holds ----------------------------------------------------------------------------*/

/* A run that failed before its first step leaves an empty directory of checkpoints. */
static bool holds_anything(const char *directory) {
    lm_file_list list;
    lm_error aside;
    if (lm_file_list_directory(&list, directory, &aside) != LM_OK) return lm_file_exists(directory);
    bool any = list.count > 0;
    lm_file_list_free(&list);
    return any;
}

static bool holds_run(const lm_run_dir *r) {
    return lm_file_exists(r->resolved) || lm_file_exists(r->metrics) ||
           lm_file_exists(r->summary) || holds_anything(r->checkpoints);
}

/* A directory that holds a run is refused, unless that run is to be resumed. Where a process trains
 * in it now, that is the better reason, since it may be a copy of this one. */
static lm_status check_unused(lm_run_dir *r, bool resume, lm_error *err) {
    r->used = holds_run(r);
    if (resume || !r->used) return LM_OK;
    if (!r->locked && lm_run_dir_in_use(r->path, 0)) return is_locked(r, err);
    return lm_error_set(err, LM_ERR_USAGE,
                        "%s: this run directory holds a run already: add --resume to go on with it,"
                        " or choose another (--set run.dir=...)",
                        r->path);
}

/* Does the line read `  "name": {`, `    "name": value,` or `  },`? */
static bool is_line_of_ours(const char *line, size_t n) {
    size_t indent = strspn(line, " ");
    if (indent == 2 && (n == 3 || (n == 4 && line[3] == ',')) && line[2] == '}') return true;
    if ((indent != 2 && indent != 4) || line[indent] != '"') return false;
    size_t name = indent + 1 + strspn(line + indent + 1, "abcdefghijklmnopqrstuvwxyz_0123456789");
    if (strncmp(line + name, "\": ", 3) != 0) return false;
    return (indent == 2) == (n == name + 4 && line[name + 3] == '{');
}

/* Is the text laid out as lm_config_print does it, line by line? Keys may be those of another
 * version. */
static bool is_resolved(const char *text) {
    static const char begin[] = "{\n  \"run\": {\n    \"dir\": \"";
    if (strncmp(text, begin, sizeof begin - 1) != 0) return false;
    for (const char *line = text + 2; *line;) {
        size_t n = strcspn(line, "\n");
        if (line[n] == '\0') return false;
        if (strcmp(line, "}\n") == 0) return true;
        if (!is_line_of_ours(line, n)) return false;
        line += n + 1;
    }
    return false;
}

static bool is_summary(const char *text) {
    return strncmp(text, "{\n  \"state\": \"", 14) == 0 ||
           strncmp(text, "{\n  \"reason\": \"", 15) == 0; /* of an older lmtrain */
}

/* Is it what a power failure may leave of a file that was not synced: nothing, or zeros? */
static bool is_blank(const lm_text *text) {
    for (size_t i = 0; i < text->length; i++)
        if (text->data[i] != '\0') return false;
    return true;
}

/* lmtrain replaces only what it wrote. A file that cannot be read is not replaced either. */
static lm_status check_ours(const char *path, bool (*is_ours)(const char *text), lm_error *err) {
    lm_text text = {0};
    if (!lm_file_exists(path)) return LM_OK;
    lm_status status = lm_file_read(path, (size_t)4 << 20, &text, err);
    if (status == LM_OK && !is_blank(&text) && !is_ours(lm_text_cstr(&text)))
        status = lm_error_set(err, LM_ERR_USAGE,
                              "%s: lmtrain did not write this file, but would replace it: give it"
                              " another name (config.json, say), or choose another run.dir",
                              path);
    lm_text_free(&text);
    return status;
}

/* ---- opening ----------------------------------------------------------------------------------*/

lm_status lm_run_dir_open(lm_run_dir *r, const char *path, bool resume, bool dry, lm_error *err) {
    *r = (lm_run_dir){0};
    r->path = strdup(path);
    r->resolved = lm_file_join(path, "resolved.json");
    r->metrics = lm_file_join(path, "metrics.jsonl");
    r->checkpoints = lm_file_join(path, "checkpoints");
    r->summary = lm_file_join(path, "summary.json");
    r->report = lm_file_join(path, "report.html");
    lm_status status = LM_OK;
    if (!r->path || !r->resolved || !r->metrics || !r->checkpoints || !r->summary || !r->report) {
        status = lm_error_no_memory(err, path);
        goto out;
    }
    if ((status = check_ours(r->resolved, is_resolved, err)) != LM_OK) goto out;
    if ((status = check_ours(r->summary, is_summary, err)) != LM_OK) goto out;
    if ((status = check_unused(r, resume, err)) != LM_OK) goto out;
    if (!lm_file_is_directory(path)) goto out;
    if ((status = take_lock(r, dry, err)) != LM_OK) goto out;
    /* Before this process had the lock, another may have begun and ended a run. */
    status = check_unused(r, resume, err);
out:
    if (status != LM_OK) lm_run_dir_close(r);
    return status;
}

/* Can a directory be made at `path`, of which some parents may be there? */
static lm_status check_can_make(const char *path, lm_error *err) {
    char *at = strdup(path);
    lm_status status = at ? LM_OK : lm_error_no_memory(err, path);
    while (at && !lm_file_exists(at)) {
        char *slash = strrchr(at, '/');
        while (slash && slash > at && slash[-1] == '/') slash--;
        if (!slash) {
            strcpy(at, "."); /* a path is not empty */
        } else if (slash == at) {
            at[1] = '\0';
        } else {
            *slash = '\0';
        }
    }
    if (at && access(at, W_OK | X_OK) != 0) {
        status = lm_error_set(err, LM_ERR_RUNTIME, "%s: cannot make the directory: %s: %s", path,
                              at, lm_error_errno(errno));
    } else if (at && !lm_file_is_directory(at)) {
        status = lm_error_set(err, LM_ERR_RUNTIME, "%s: cannot make the directory: %s: %s", path,
                              at, lm_error_errno(ENOTDIR));
    }
    free(at);
    return status;
}

static lm_status check_directory(const char *path, lm_error *err) {
    if (!lm_file_is_directory(path)) return check_can_make(path, err);
    if (access(path, W_OK | X_OK) == 0) return LM_OK;
    return lm_error_call(err, path, "write to the directory");
}

/* metrics.jsonl is appended to; the other files are replaced, so that the directory's permissions
 * decide. */
static lm_status check_metrics(const lm_run_dir *r, lm_error *err) {
    int fd = open(r->metrics, O_RDWR | O_APPEND | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) {
        close(fd);
        return LM_OK;
    }
    if (errno == ENOENT) return LM_OK;
    return lm_error_call(err, r->metrics, "open");
}

lm_status lm_run_dir_check(const lm_run_dir *r, lm_error *err) {
    lm_status status = check_directory(r->path, err);
    if (status == LM_OK) status = check_directory(r->checkpoints, err);
    return status == LM_OK ? check_metrics(r, err) : status;
}

lm_status lm_run_dir_make(lm_run_dir *r, lm_error *err) {
    lm_status status = lm_file_make_directory_unsynced(r->checkpoints, &r->made, err);
    if (status != LM_OK || r->locked) return status;
    if ((status = take_lock(r, false, err)) != LM_OK) return status;
    if (!holds_run(r)) return LM_OK;
    return lm_error_set(err, LM_ERR_RUNTIME,
                        "%s: another process began a run in this directory meanwhile", r->path);
}

lm_status lm_run_dir_sync(lm_run_dir *r, lm_error *err) {
    const char *const files[] = {r->resolved, r->summary};
    lm_status status = LM_OK;
    if (r->synced) return LM_OK;
    for (int i = 0; i < 2 && status == LM_OK; i++)
        if (lm_file_exists(files[i])) status = lm_file_sync(files[i], err);
    if (status == LM_OK)
        status = lm_file_sync_parents(r->checkpoints, r->made > 0 ? r->made : 1, err);
    r->synced = status == LM_OK;
    return status;
}

void lm_run_dir_close(lm_run_dir *r) {
    if (r->locked) close(r->lock);
    free(r->path);
    free(r->resolved);
    free(r->metrics);
    free(r->checkpoints);
    free(r->summary);
    free(r->report);
    *r = (lm_run_dir){0};
}

/* ---- about other run directories --------------------------------------------------------------*/

static bool has(const char *directory, const char *name) {
    char *path = lm_file_join(directory, name);
    bool there = path && lm_file_exists(path);
    free(path);
    return there;
}

/* Without resolved.json but with the other files: then an older lmtrain wrote config.json. */
char *lm_run_dir_config(const char *path) {
    if (has(path, "resolved.json")) return lm_file_join(path, "resolved.json");
    if (has(path, "config.json") && (has(path, "metrics.jsonl") || has(path, "summary.json")))
        return lm_file_join(path, "config.json");
    return NULL;
}

void lm_run_dir_warn_elsewhere(const char *config, const char *run, lm_text *out) {
    const char *slash = strrchr(config, '/');
    char *directory = slash ? strndup(config, (size_t)(slash - config) + 1) : strdup(".");
    if (directory && (has(directory, "metrics.jsonl") || has(directory, "checkpoints")) &&
        !lm_file_same(directory, run))
        lm_text_say(out,
                    "warning: %s lies in a run directory, but its run.dir is %s: that one is"
                    " trained, and old checkpoints are deleted there (--set run.dir=%.*s trains"
                    " beside the config)",
                    config, run, (int)(slash ? lm_max(slash - config, 1) : 1),
                    slash ? config : ".");
    free(directory);
}

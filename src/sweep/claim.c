#include "sweep/claim.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "sweep/directory.h"

/* ---- this machine and this worker -------------------------------------------------------------*/

/* The kernel that runs now: containers with one name may share it, machines do not. */
static void read_boot(char boot[64]) {
    lm_text text = {0};
    lm_error none;
    boot[0] = '\0';
    if (lm_file_read("/proc/sys/kernel/random/boot_id", 63, &text, &none) == LM_OK)
        snprintf(boot, 64, "%.*s", (int)strcspn(lm_text_cstr(&text), "\n"), lm_text_cstr(&text));
    lm_text_free(&text);
}

static void make_name(char name[LM_WORKER_NAME]) {
    char host[65] = "";
    if (gethostname(host, sizeof host - 1) != 0) strcpy(host, "host");
    for (char *c = host; *c; c++)
        if (!isalnum((unsigned char)*c)) *c = '_';
    snprintf(name, LM_WORKER_NAME, "%s-%ld-%.0f", host, (long)getpid(),
             lm_clock_unix_seconds() * 1e6);
}

lm_status lm_worker_open(lm_worker_file *w, const lm_sweep *s, lm_error *err) {
    char line[LM_WORKER_NAME + 128];
    *w = (lm_worker_file){.fd = -1, .heartbeat = (double)s->options.heartbeat};
    make_name(w->name);
    read_boot(w->boot);
    char *directory = lm_sweep_path(s, "workers");
    w->path = directory ? lm_file_join(directory, w->name) : NULL;
    w->claims = lm_sweep_path(s, "claims");
    free(directory);
    if (!w->path || !w->claims) return lm_error_no_memory(err, NULL);
    w->fd = open(w->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (w->fd < 0) return lm_error_call(err, w->path, "create");
    (void)flock(w->fd, LOCK_EX | LOCK_NB); /* without locks, heartbeats alone tell */
    int n = snprintf(line, sizeof line, "%s %s %ld\n", w->name, *w->boot ? w->boot : "-",
                     (long)getpid());
    if (write(w->fd, line, (size_t)n) != n) return lm_error_call(err, w->path, "write");
    w->beaten = lm_clock_seconds();
    return LM_OK;
}

lm_status lm_worker_beat(lm_worker_file *w, lm_error *err) {
    double now = lm_clock_seconds();
    if (now - w->beaten < w->heartbeat / 8) return LM_OK;
    w->beaten = now;
    if (utimensat(AT_FDCWD, w->path, NULL, 0) == 0 || errno != ENOENT) return LM_OK;
    return lm_error_set(err, LM_ERR_RUNTIME,
                        "%s is gone: this worker gave no sign of life for so long that others took"
                        " it for dead and have its trials",
                        w->path);
}

void lm_worker_leave(lm_worker_file *w) {
    if (w->path && w->fd >= 0) {
        unlink(w->path);
        close(w->fd);
    }
    w->fd = -1;
}

void lm_worker_close(lm_worker_file *w) {
    lm_worker_leave(w);
    free(w->path);
    free(w->claims);
    *w = (lm_worker_file){.fd = -1};
}

/* ---- other workers ----------------------------------------------------------------------------*/

typedef struct other {
    char name[LM_WORKER_NAME], boot[64];
    long pid;
} other;

static bool read_other(const char *path, other *o) {
    lm_text text = {0};
    lm_error none;
    bool read = lm_file_read(path, 1024, &text, &none) == LM_OK &&
                sscanf(lm_text_cstr(&text), "%159s %63s %ld", o->name, o->boot, &o->pid) == 3;
    lm_text_free(&text);
    return read && !strchr(o->name, '/');
}

/* When the file was changed, by the file system's clock; -1: not known. Opening it makes NFS ask
 * the server, in place of times that it keeps for up to a minute. */
static double file_time(const char *path) {
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool known = fd >= 0 && fstat(fd, &info) == 0;
    if (fd >= 0) close(fd);
    if (!known) return -1;
    return (double)info.st_mtim.tv_sec + 1e-9 * (double)info.st_mtim.tv_nsec;
}

static bool is_late(lm_worker_file *w, const char *path) {
    (void)utimensat(AT_FDCWD, w->path, NULL, 0);
    double now = file_time(w->path), then = file_time(path);
    return now > 0 && then > 0 && now - then > w->heartbeat;
}

/* On this machine: does it hold the lock on its file, or where there are no locks, is its process
 * there? */
static bool lives_here(const char *path, const other *o) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    bool held = flock(fd, LOCK_SH | LOCK_NB) != 0;
    if (held && errno != EWOULDBLOCK)
        held = o->pid > 0 && o->pid <= INT_MAX && (kill((pid_t)o->pid, 0) == 0 || errno == EPERM);
    close(fd);
    return held;
}

static bool lives(lm_worker_file *w, const other *o) {
    char *directory = strndup(w->path, (size_t)(strrchr(w->path, '/') - w->path));
    char *path = directory ? lm_file_join(directory, o->name) : NULL;
    bool alive = !path; /* out of memory: take nothing from anybody */
    if (path && lm_file_exists(path))
        alive = *w->boot && strcmp(o->boot, w->boot) == 0 ? lives_here(path, o) : !is_late(w, path);
    if (path && !alive) unlink(path); /* a late one that wakes up sees that it is gone */
    free(path);
    free(directory);
    return alive;
}

/* May the process use exactly the CPUs that this one may use? */
static bool shares_cpus(long pid) {
    cpu_set_t own, theirs;
    return sched_getaffinity(0, sizeof own, &own) == 0 &&
           sched_getaffinity((pid_t)pid, sizeof theirs, &theirs) == 0 && CPU_EQUAL(&own, &theirs);
}

lm_worker_counts lm_worker_count(const lm_worker_file *w, const lm_sweep *s) {
    lm_file_list list;
    lm_error none;
    lm_worker_counts n = {0};
    char *directory = lm_sweep_path(s, "workers");
    if (directory && lm_file_list_directory(&list, directory, &none) == LM_OK) {
        for (size_t i = 0; i < list.count; i++) {
            other o;
            lm_worker_file self = *w;
            char *path = lm_file_join(directory, list.names[i]);
            bool read = path && strncmp(list.names[i], "cpu-", 4) != 0 && read_other(path, &o);
            free(path);
            if (!read || !lives(&self, &o)) continue;
            bool here = *w->boot && strcmp(o.boot, w->boot) == 0;
            n.all++;
            n.here += here;
            n.sharers += here && shares_cpus(o.pid);
        }
        lm_file_list_free(&list);
    }
    free(directory);
    return n;
}

/* ---- claims -----------------------------------------------------------------------------------*/

/* Makes the claim; false with errno EEXIST: somebody has it. */
static bool make_claim(lm_worker_file *w, const char *path) {
    if (!w->no_links) {
        if (link(w->path, path) == 0) return true;
        /* After a lost answer of the server, a link that was made is reported as there already. */
        struct stat a, b;
        if (errno == EEXIST)
            return stat(path, &a) == 0 && fstat(w->fd, &b) == 0 && a.st_ino == b.st_ino &&
                   a.st_dev == b.st_dev;
        if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK)
            return false;
        w->no_links = errno != EMLINK;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) return false;
    char line[LM_WORKER_NAME + 128];
    int n = snprintf(line, sizeof line, "%s %s %ld\n", w->name, *w->boot ? w->boot : "-",
                     (long)getpid());
    bool written = write(fd, line, (size_t)n) == n;
    close(fd);
    if (!written) unlink(path);
    return written;
}

/* Is the claim a living worker's? One without a name, which somebody is about to write or died
 * before that, is his until it is late; so is that of a worker elsewhere that is gone, while not
 * all that it wrote is known here. */
static bool is_held(lm_worker_file *w, const lm_journals *j, const char *path) {
    other o;
    if (!read_other(path, &o)) return lm_file_exists(path) && !is_late(w, path);
    if (lives(w, &o)) return true;
    bool here = *w->boot && strcmp(o.boot, w->boot) == 0;
    return !here && !lm_journals_ended(j, o.name) && !is_late(w, path);
}

lm_status lm_claim(lm_worker_file *w, const lm_journals *j, int64_t trial, int rung,
                   lm_claimed *whose, lm_error *err) {
    *whose = LM_CLAIM_OTHERS;
    for (int attempt = 0;; attempt++) {
        lm_text path = {0};
        lm_text_printf(&path, "%s/%05lld-%d.%d", w->claims, (long long)trial, rung, attempt);
        if (path.failed) return lm_error_no_memory(err, NULL);
        errno = 0;
        bool mine = make_claim(w, lm_text_cstr(&path));
        bool there = !mine && (errno == EEXIST || lm_file_exists(lm_text_cstr(&path)));
        bool held = there && is_held(w, j, lm_text_cstr(&path));
        lm_status status =
            mine || there ? LM_OK : lm_error_call(err, lm_text_cstr(&path), "create");
        lm_text_free(&path);
        if (mine) *whose = attempt > 0 ? LM_CLAIM_TAKEN_OVER : LM_CLAIM_MINE;
        if (mine || held || status != LM_OK) return status;
    }
}

bool lm_claim_cpu(const lm_worker_file *w, const lm_sweep *s, int cpu, int *fd) {
    lm_text path = {0};
    lm_text_printf(&path, "%s/workers/cpu-%s-%d", s->options.dir, *w->boot ? w->boot : "x", cpu);
    *fd = path.failed ? -1 : open(lm_text_cstr(&path), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    bool mine = *fd >= 0 && flock(*fd, LOCK_EX | LOCK_NB) == 0;
    if (*fd >= 0 && !mine) close(*fd);
    if (!mine) *fd = -1;
    lm_text_free(&path);
    return mine;
}

/* How many trials at once, on how many threads each: measured, by running the first trial of the
 * sweep a few ways for about a second each, or until a step of it ends. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/message.h"
#include "base/numbers.h"
#include "machine/cpu.h"
#include "machine/stop.h"
#include "report/metrics.h"
#include "sweep/directory.h"
#include "sweep/spawn.h"
#include "sweep/worker.h"

#define MEASURE_SECONDS 1.2  /* of each way */
#define LONGEST_SECONDS 30.0 /* until each of the trials has made a step */
enum { MOST_AT_ONCE = 256 };

/* ---- CPUs -------------------------------------------------------------------------------------*/

/* CPUs that no other worker of the sweep has, so many as are asked for; else none: what is pinned
 * to CPUs that others use is slower than what is not pinned. */
static lm_status take_cpus(lm_worker *w, int wanted, lm_error *err) {
    cpu_set_t set;
    w->cpus = calloc((size_t)wanted, sizeof *w->cpus);
    w->cpu_locks = calloc((size_t)wanted, sizeof *w->cpu_locks);
    if (!w->cpus || !w->cpu_locks) return lm_error_no_memory(err, NULL);
    if (sched_getaffinity(0, sizeof set, &set) != 0) return LM_OK;
    for (int cpu = 0; cpu < CPU_SETSIZE && w->n_cpus < wanted; cpu++) {
        if (!CPU_ISSET((size_t)cpu, &set)) continue;
        if (!lm_claim_cpu(&w->file, w->sweep, cpu, &w->cpu_locks[w->n_cpus])) continue;
        w->cpus[w->n_cpus++] = cpu;
    }
    if (w->n_cpus == wanted) return LM_OK;
    while (w->n_cpus > 0) close(w->cpu_locks[--w->n_cpus]);
    return LM_OK;
}

/* ---- measuring --------------------------------------------------------------------------------*/

/* Of the steps in the second half of the file: their median speed, in tokens a second. */
static int by_size(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double read_speed(const char *dir) {
    lm_mapping map = {0};
    lm_error none;
    double *speeds = NULL, speed = 0;
    int64_t n = 0;
    char *path = lm_file_join(dir, "metrics.jsonl");
    if (!path || !lm_file_exists(path) || lm_file_map(&map, path, &none) != LM_OK) goto out;
    const char *text = (const char *)map.data;
    speeds = calloc(map.size / 16 + 1, sizeof *speeds);
    for (size_t at = 0; speeds && at < map.size;) {
        const char *end = memchr(text + at, '\n', map.size - at);
        if (!end) break;
        size_t length = (size_t)(end - text) + 1 - at;
        n += length >= 16 && lm_metrics_figure(text + at, length, "tokens_per_s", &speeds[n]);
        at += length;
    }
    if (n > 0) {
        qsort(speeds + n / 2, (size_t)(n - n / 2), sizeof *speeds, by_size);
        speed = speeds[n / 2 + (n - n / 2) / 2];
    }
out:
    free(speeds);
    free(path);
    lm_file_unmap(&map);
    return speed;
}

static void remove_run(const char *dir) {
    lm_file_list list;
    lm_error none;
    if (lm_file_list_directory(&list, dir, &none) != LM_OK) return;
    for (size_t i = 0; i < list.count; i++) {
        char *path = lm_file_join(dir, list.names[i]);
        if (path && (unlink(path) == 0 || rmdir(path) == 0 || errno != ENOTEMPTY)) goto next;
        if (path) remove_run(path);
    next:
        free(path);
    }
    lm_file_list_free(&list);
    rmdir(dir);
}

typedef struct measured {
    pid_t pids[MOST_AT_ONCE];
    char *dirs[MOST_AT_ONCE];
    int count;
} measured;

static lm_status begin_one(measured *m, const lm_worker *w, int threads, int index, int at_once,
                           lm_error *err) {
    lm_trial_arguments a;
    lm_text dir = {0};
    lm_text_printf(&dir, "%s/trials/calibrate-%s-%d-%d", w->sweep->options.dir, w->file.name,
                   at_once, index);
    if (dir.failed) return lm_error_no_memory(err, NULL);
    lm_trial_start start = {.trial = w->sweep->first_point * w->sweep->options.n_seeds,
                            .threads = threads,
                            .quiet = true,
                            .worker = true,
                            .dir = dir.data};
    if (start.trial >= w->sweep->n_trials) start.trial = 0;
    m->dirs[m->count] = dir.data;
    lm_status status = lm_trial_arguments_make(&a, w->sweep, &start, err);
    pid_t parent = getpid();
    if (status == LM_OK && (m->pids[m->count] = fork()) == 0) {
        int fd = open("/dev/null", O_RDWR);
        for (int i = 0; fd >= 0 && i < 3; i++) dup2(fd, i);
        setpgid(0, 0);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) _exit(1);
        execvp(a.program, a.items);
        _exit(LM_ERR_RUNTIME);
    }
    if (status == LM_OK && m->pids[m->count] < 0)
        status = lm_error_call(err, a.program, "begin a process of");
    m->count++;
    lm_trial_arguments_free(&a);
    return status;
}

/* Waits for the trials that run until `seconds` from now; how many of them still run. */
static int wait_for(lm_worker *w, measured *m, double seconds) {
    double until = lm_clock_seconds() + seconds;
    int left;
    do {
        lm_error aside;
        lm_worker_wait(0.005);
        left = 0;
        for (int i = 0; i < m->count; i++) {
            if (m->pids[i] > 0 && waitpid(m->pids[i], NULL, WNOHANG) == m->pids[i]) m->pids[i] = 0;
            left += m->pids[i] > 0;
        }
        (void)lm_worker_beat(&w->file, &aside);
    } while (left > 0 && lm_clock_seconds() < until && lm_stop_pending() == 0);
    return left;
}

/* Tokens a second of all that run; 0: one of them has made no step yet. */
static double speed_of(const measured *m) {
    double sum = 0;
    for (int i = 0; i < m->count; i++) {
        double speed = read_speed(m->dirs[i]);
        if (speed <= 0 && m->pids[i] > 0) return 0;
        sum += speed;
    }
    return sum;
}

static void stop(measured *m) {
    for (int i = 0; i < m->count; i++) {
        if (m->pids[i] > 0) {
            kill(m->pids[i], SIGKILL);
            waitpid(m->pids[i], NULL, 0);
        }
        remove_run(m->dirs[i]);
        free(m->dirs[i]);
    }
}

/* *speed: tokens a second of all of them, 0 when it is not known; *ended: they ended before their
 * time was over, so that speed matters less than starting. */
static lm_status measure(lm_worker *w, int at_once, int threads, double *speed, bool *ended,
                         lm_error *err) {
    measured m = {.count = 0};
    lm_status status = LM_OK;
    double started = lm_clock_seconds();
    for (int i = 0; i < at_once && status == LM_OK; i++)
        status = begin_one(&m, w, threads, i, at_once, err);
    int left = wait_for(w, &m, MEASURE_SECONDS);
    *speed = speed_of(&m);
    while (left > 0 && *speed <= 0 && lm_stop_pending() == 0 &&
           lm_clock_seconds() < started + LONGEST_SECONDS) {
        left = wait_for(w, &m, 0.1);
        *speed = speed_of(&m);
    }
    *ended = left == 0;
    stop(&m);
    return status;
}

static void tell(int at_once, int threads, double speed) {
    fprintf(stderr, "%d trial%s at once, %d thread%s each: ", at_once, at_once == 1 ? "" : "s",
            threads, threads == 1 ? "" : "s");
    if (speed > 0)
        fprintf(stderr, "%.0f tokens/s\n", speed);
    else
        fprintf(stderr, "not known, no step ended in %.0f s\n", LONGEST_SECONDS);
}

/* Where nothing is known, steps take long: one trial at a time, which takes the least memory. */
static lm_status calibrate(lm_worker *w, int cpus, lm_error *err) {
    double best = 0;
    w->threads = cpus;
    w->parallel = 1;
    for (int threads = 1; threads <= cpus && lm_stop_pending() == 0; threads *= 2) {
        int at_once = (int)lm_min(cpus / threads, MOST_AT_ONCE);
        double speed;
        bool ended;
        lm_status status = measure(w, at_once, threads, &speed, &ended, err);
        if (status != LM_OK) return status;
        if (speed > best || ended) {
            best = speed;
            w->threads = threads;
            w->parallel = at_once;
        }
        if (ended) break;
        if (!w->quiet && lm_stop_pending() == 0) tell(at_once, threads, speed);
    }
    return LM_OK;
}

/* This worker's share of the CPUs that it may use: copies which a launcher has started on this
 * machine may have the same ones. They are known when all of them have opened their files; one that
 * does not come soon is taken to share them. */
static int share_of_cpus(lm_worker *w) {
    const double most = 5, began = lm_clock_seconds();
    const int copies = w->launch.neighbours, cpus = lm_cpu_usable();
    if (copies <= 1 || cpus == 1) return cpus;
    lm_worker_counts n = lm_worker_count(&w->file, w->sweep);
    while (n.here < copies && lm_clock_seconds() < began + most && lm_stop_pending() == 0) {
        lm_worker_wait(0.005);
        n = lm_worker_count(&w->file, w->sweep);
    }
    int sharers = n.sharers + (int)lm_max(copies - n.here, 0);
    return (int)lm_max(cpus / sharers, 1);
}

lm_status lm_worker_choose(lm_worker *w, const lm_worker_options *o, lm_error *err) {
    const lm_sweep_options *file = &w->sweep->options;
    int cpus = share_of_cpus(w), parallel = o->parallel, threads = o->threads;
    if (parallel == 0 && threads == 0) {
        parallel = (int)file->parallel;
        threads = (int)file->threads;
    }
    w->parallel = parallel > 0 ? parallel : threads > 0 ? (int)lm_max(cpus / threads, 1) : 1;
    w->threads = threads > 0 ? threads : parallel > 0 ? (int)lm_max(cpus / parallel, 1) : 1;
    bool measures = parallel == 0 && threads == 0 && cpus > 1 && w->journals.n_trials > 1;
    lm_status status = measures ? calibrate(w, cpus, err) : LM_OK;
    if (status == LM_OK && file->pin) status = take_cpus(w, w->parallel * w->threads, err);
    if (!w->quiet && status == LM_OK)
        lm_message_write(stderr, "%s: %d trial%s at once, %d thread%s each%s\n",
                         w->sweep->options.dir, w->parallel, w->parallel == 1 ? "" : "s",
                         w->threads, w->threads == 1 ? "" : "s", w->n_cpus > 0 ? ", pinned" : "");
    return status;
}

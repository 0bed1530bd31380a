#include "machine/pool.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/numbers.h"
#include "machine/cores.h"
#include "machine/cpu.h"
#include "machine/fpmode.h"

/* How long a thread that waits for another keeps its CPU before it sleeps. */
#define SPIN_SECONDS 50e-6
#define LINE         64
/* Bytes of each stream that a waiting thread asks for at a time. */
enum { AHEAD = 4 * LINE };
/* Shares of a thread where cores differ: one of a quarter of the others' speed has done one when
 * they have done the rest. */
enum { FINER = 4 };
/* Runs of tasks that a region is cut into at most: a worker that is done looks through all of them,
 * and among many workers a few share one. */
enum { MOST_RUNS = 16 };

typedef struct pool_worker {
    lm_pool *pool;
    pthread_t thread;
    int index;
} pool_worker;

/* The tasks of a run that nobody has claimed yet: next << 32 | end. A task is claimed by
 * compare-and-swap. All runs are empty when a region is over, so that a claim is always one of the
 * region that the run's word tells of at that moment; task and argument are read after it, and stay
 * until the claimed task is done. */
typedef struct pool_run {
    _Alignas(LINE) _Atomic uint64_t left;
} pool_run;

/* lm_pool_ahead, written between regions while waiting workers read it: one that finds half of an
 * old one asks for lines that nobody needs. */
typedef struct reading {
    _Atomic uintptr_t at;
    _Atomic int64_t worker, apart, streams, bytes;
} reading;

/* How far a worker has come with it. */
typedef struct progress {
    uintptr_t at;
    int64_t done; /* bytes of each stream */
} progress;

struct lm_pool {
    pool_run runs[MOST_RUNS];
    _Alignas(LINE) _Atomic uint32_t pending; /* tasks not done yet; futex of the caller */
    _Alignas(LINE) _Atomic uint32_t epoch;   /* counts regions; futex of the workers */
    _Atomic uint32_t sleepers;               /* workers that sleep, or are about to */
    _Atomic uint32_t caller_sleeps;
    _Alignas(LINE) lm_pool_task *task;
    void *argument;
    int n_runs;
    int threads;
    int apparent; /* what lm_pool_threads says */
    int finer;    /* shares of a thread */
    const lm_pool_watch *watch;
    void (*between)(void *argument, bool within);
    void *between_argument;
    double turn; /* when it was called last */
    _Alignas(LINE) reading ahead;
    bool crowded; /* more threads than CPUs: whoever waits must give its CPU away */
    atomic_bool stop;
    pool_worker *workers;           /* threads - 1, indices from 1 */
    _Alignas(LINE) progress caller; /* of the owner's reading ahead */
};

static void futex_wait(_Atomic uint32_t *word, uint32_t expected) {
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

static void futex_wake(_Atomic uint32_t *word, int count) {
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0);
}

static void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

#define PEEK(word) atomic_load_explicit(&(word), memory_order_relaxed)

/* Asks for a little of what this worker will read; false: it has asked for all. */
static bool read_ahead(const lm_pool *p, int index, progress *now) {
    const reading *r = &p->ahead;
    const uintptr_t at = PEEK(r->at) + (uintptr_t)(index * PEEK(r->worker));
    if (now->at != at) *now = (progress){.at = at};
    if (now->done >= PEEK(r->bytes)) return false;
    for (int64_t i = 0; i < PEEK(r->streams); i++)
        for (int64_t line = 0; line < AHEAD; line += LINE) {
            uintptr_t where = at + (uintptr_t)(i * PEEK(r->apart) + now->done + line);
            __builtin_prefetch((const void *)where, 0, 2);
        }
    now->done += AHEAD;
    return true;
}

/* Spins while *word == value, and reads ahead; false when that lasted too long to go on
 * spinning. */
static bool spin_until_changed(const lm_pool *p, int index, progress *ahead, _Atomic uint32_t *word,
                               uint32_t value) {
    if (p->crowded) {
        for (int i = 0; i < 4; i++) {
            if (atomic_load_explicit(word, memory_order_acquire) != value) return true;
            sched_yield();
        }
        return false;
    }
    double end = 0;
    for (;;) {
        for (int i = 0; i < 64; i++) {
            if (atomic_load_explicit(word, memory_order_acquire) != value) return true;
            if (!read_ahead(p, index, ahead)) relax();
        }
        double now = lm_clock_seconds();
        if (end == 0) end = now + SPIN_SECONDS;
        if (now > end) return false;
    }
}

static void take_turn(lm_pool *p, bool within) {
    double now = lm_clock_seconds();
    if (within && now - p->turn < LM_POOL_TURN) return;
    p->turn = now;
    p->between(p->between_argument, within);
}

static bool claim(pool_run *run, int64_t *task) {
    uint64_t left = atomic_load_explicit(&run->left, memory_order_acquire);
    while (left >> 32 < (uint32_t)left) {
        *task = (int64_t)(left >> 32);
        if (atomic_compare_exchange_weak_explicit(&run->left, &left, left + (UINT64_C(1) << 32),
                                                  memory_order_acq_rel, memory_order_acquire))
            return true;
    }
    return false;
}

/* Does the tasks of the worker's own run, then those that are left of the others'. */
static void work(lm_pool *p, int index) {
    int own = (int)((int64_t)index * p->n_runs / p->threads);
    uint32_t done = 0;
    for (int i = 0; i < p->n_runs; i++) {
        pool_run *run = &p->runs[(own + i) % p->n_runs];
        for (int64_t task; claim(run, &task); done++) {
            p->task(p->argument, task, index);
            if (index == 0 && p->between) take_turn(p, true);
        }
    }
    if (done > 0 && atomic_fetch_sub(&p->pending, done) == done && atomic_load(&p->caller_sleeps))
        futex_wake(&p->pending, 1);
}

static void *worker_main(void *argument) {
    pool_worker *self = argument;
    lm_pool *p = self->pool;
    progress ahead = {0};
    lm_fpmode_set();
    for (;;) {
        uint32_t epoch = atomic_load(&p->epoch);
        if (atomic_load(&p->stop)) return NULL;
        work(p, self->index);
        if (spin_until_changed(p, self->index, &ahead, &p->epoch, epoch)) continue;
        atomic_fetch_add(&p->sleepers, 1);
        while (atomic_load(&p->epoch) == epoch) futex_wait(&p->epoch, epoch);
        atomic_fetch_sub(&p->sleepers, 1);
    }
}

/* Makes the workers look: those that spin see the epoch, those that sleep are woken. */
static void announce(lm_pool *p, int64_t needed) {
    atomic_fetch_add(&p->epoch, 1);
    if (atomic_load(&p->sleepers) > 0)
        futex_wake(&p->epoch, needed > INT_MAX ? INT_MAX : (int)needed);
}

/* Runs of equal length, or one that everybody takes the next task of. */
static void cut(lm_pool *p, int64_t n_tasks, bool in_order) {
    for (int i = 0; i < p->n_runs; i++) {
        uint64_t begin = (uint64_t)(n_tasks * i / p->n_runs);
        uint64_t end = (uint64_t)(n_tasks * (i + 1) / p->n_runs);
        uint64_t left = in_order ? (i == 0 ? (uint64_t)n_tasks : 0) : begin << 32 | end;
        atomic_store_explicit(&p->runs[i].left, left, memory_order_release);
    }
}

static void run(lm_pool *p, int64_t n_tasks, lm_pool_task *task, void *argument, bool in_order) {
    LM_ASSERT(n_tasks >= 0 && n_tasks <= UINT32_MAX);
    LM_ASSERT(!p || PEEK(p->pending) == 0); /* not in a task */
    if (!p || p->threads == 1 || n_tasks <= 1) {
        for (int64_t i = 0; i < n_tasks; i++) {
            if (i > 0 && p && p->between) take_turn(p, true);
            task(argument, i, 0);
        }
        return;
    }
    p->task = task;
    p->argument = argument;
    atomic_store(&p->pending, (uint32_t)n_tasks);
    cut(p, n_tasks, in_order);
    announce(p, n_tasks - 1);
    work(p, 0);
    uint32_t left;
    while ((left = atomic_load_explicit(&p->pending, memory_order_acquire)) != 0) {
        if (spin_until_changed(p, 0, &p->caller, &p->pending, left)) continue;
        atomic_store(&p->caller_sleeps, 1);
        if (atomic_load(&p->pending) == left) futex_wait(&p->pending, left);
        atomic_store(&p->caller_sleeps, 0);
    }
}

/* ---- watching ---------------------------------------------------------------------------------*/

typedef struct timed {
    lm_pool_task *task;
    void *argument;
    double *seconds;
} timed;

static void timed_task(void *argument, int64_t task, int worker) {
    const timed *t = argument;
    double start = lm_clock_seconds();
    t->task(t->argument, task, worker);
    t->seconds[task] = lm_clock_seconds() - start;
}

static bool run_watched(lm_pool *p, int64_t n_tasks, lm_pool_task *task, void *argument,
                        bool in_order, const char *name) {
    timed t = {.task = task, .argument = argument};
    t.seconds = p->watch->begin(p->watch->argument, name, n_tasks);
    if (!t.seconds) return false;
    double start = lm_clock_seconds();
    run(p, n_tasks, timed_task, &t, in_order);
    p->watch->end(p->watch->argument, lm_clock_seconds() - start);
    return true;
}

static void run_region(lm_pool *p, int64_t n_tasks, lm_pool_task *task, void *argument,
                       bool in_order, const char *name) {
    if (!p || !p->watch || !run_watched(p, n_tasks, task, argument, in_order, name))
        run(p, n_tasks, task, argument, in_order);
    if (p && p->between) take_turn(p, false);
}

void lm_pool_run_named(lm_pool *p, int64_t n_tasks, lm_pool_task *task, void *argument,
                       const char *name) {
    run_region(p, n_tasks, task, argument, false, name);
}

void lm_pool_run_in_order_named(lm_pool *p, int64_t n_tasks, lm_pool_task *task, void *argument,
                                const char *name) {
    run_region(p, n_tasks, task, argument, true, name);
}

void lm_pool_set_between(lm_pool *p, void (*call)(void *argument, bool within), void *argument) {
    p->between = call;
    p->between_argument = argument;
}

void lm_pool_read_ahead(lm_pool *p, const lm_pool_ahead *ahead) {
    if (!p) return;
    reading *r = &p->ahead;
    atomic_store_explicit(&r->at, (uintptr_t)ahead->at, memory_order_relaxed);
    atomic_store_explicit(&r->worker, ahead->worker, memory_order_relaxed);
    atomic_store_explicit(&r->apart, ahead->apart, memory_order_relaxed);
    atomic_store_explicit(&r->streams, ahead->streams, memory_order_relaxed);
    atomic_store_explicit(&r->bytes, ahead->bytes, memory_order_relaxed);
}

void lm_pool_set_watch(lm_pool *p, const lm_pool_watch *watch) {
    p->watch = watch;
}

void lm_pool_set_apparent_threads(lm_pool *p, int threads) {
    LM_ASSERT(threads >= p->threads);
    p->apparent = threads;
}

void lm_pool_set_finer(lm_pool *p, int times) {
    LM_ASSERT(times >= 1 && times <= LM_POOL_MAX_THREADS);
    p->finer = times;
}

/* ---- beginning and end ------------------------------------------------------------------------*/

static void stop_workers(lm_pool *p, int started) {
    atomic_store(&p->stop, true);
    announce(p, INT_MAX);
    for (int i = 0; i < started; i++) pthread_join(p->workers[i].thread, NULL);
}

lm_status lm_pool_create(lm_pool **pool, int threads, lm_error *err) {
    int started = 0, failed = 0;
    lm_status status = LM_OK;
    *pool = NULL;
    if (threads < 1 || threads > LM_POOL_MAX_THREADS)
        return lm_error_set(err, LM_ERR_USAGE, "threads: expected 1 to %d, found %d",
                            LM_POOL_MAX_THREADS, threads);
    lm_pool *p = aligned_alloc(LINE, (size_t)lm_round_up(sizeof *p, LINE));
    if (!p) return lm_error_no_memory(err, "the thread pool");
    *p = (lm_pool){.threads = threads,
                   .apparent = threads,
                   .n_runs = threads < MOST_RUNS ? threads : MOST_RUNS,
                   .finer = threads > 1 && lm_cores_usable().differ ? FINER : 1,
                   .crowded = threads > lm_cpu_usable()};
    p->workers = calloc((size_t)threads, sizeof *p->workers);
    if (!p->workers) {
        status = lm_error_no_memory(err, "the thread pool");
        goto out;
    }
    lm_fpmode_set();
    for (; started < threads - 1; started++) {
        pool_worker *w = &p->workers[started];
        *w = (pool_worker){.pool = p, .index = started + 1};
        failed = pthread_create(&w->thread, NULL, worker_main, w);
        if (!failed) continue;
        status = lm_error_set(err, LM_ERR_RUNTIME, "cannot start thread %d of %d: %s", started + 2,
                              threads, lm_error_errno(failed));
        goto out;
    }
    *pool = p;
out:
    if (status != LM_OK) {
        stop_workers(p, started);
        free(p->workers);
        free(p);
    }
    return status;
}

int lm_pool_threads(const lm_pool *p) {
    return p ? p->apparent : 1;
}

int lm_pool_shares(const lm_pool *p) {
    return p ? p->apparent * p->finer : 1;
}

void lm_pool_free(lm_pool *p) {
    if (!p) return;
    stop_workers(p, p->threads - 1);
    free(p->workers);
    free(p);
}

/* One thread pool, one parallel-for over a fixed list of tasks.
 *
 *     lm_pool *pool;
 *     lm_pool_create(&pool, threads, err);            // the caller becomes worker 0
 *     lm_pool_run(pool, n_tasks, task, argument);     // returns when all tasks are done
 *     lm_pool_free(pool);
 *
 * Each worker begins with its own run of the tasks (the first half or the second, where there are
 * two workers), then takes what is left of the others'. So regions that cut the same rows into
 * tasks alike find them in the caches of the same cores, if nobody is late. What is summed in which
 * order must depend on the task index alone: any worker may get a task, and the number of workers
 * is never seen by the arithmetic. `worker` only picks scratch.
 * Workers spin briefly (about the length of a small parallel region), then sleep; when there are
 * more runnable threads than CPUs they yield instead of burning the time of the one they wait for.
 * lm_pool_run is called from the creating thread only, and not from inside a task. After creation
 * nothing is allocated. NULL is a pool of the calling thread alone, for work inside a task.
 * Tasks see everything written before lm_pool_run; the caller sees everything the tasks wrote
 * after it. */
#ifndef LM_MACHINE_POOL_H
#define LM_MACHINE_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

#define LM_POOL_MAX_THREADS 1024

typedef struct lm_pool lm_pool;
typedef void lm_pool_task(void *argument, int64_t task, int worker);

lm_status lm_pool_create(lm_pool **pool, int threads, lm_error *err);
int lm_pool_threads(const lm_pool *pool);
/* How many tasks a region should have at least, if it has work enough: as many as threads, or more
 * where cores are of different kinds (cores.h), so that the fast ones can take what slow ones have
 * not begun. */
int lm_pool_shares(const lm_pool *pool);
#define lm_pool_run(pool, n_tasks, task, argument) \
    lm_pool_run_named(pool, n_tasks, task, argument, __FILE__ ":" #task)
/* The same, but tasks begin in rising order: for those of different length, the longest first. */
#define lm_pool_run_in_order(pool, n_tasks, task, argument) \
    lm_pool_run_in_order_named(pool, n_tasks, task, argument, __FILE__ ":" #task)
void lm_pool_free(lm_pool *pool); /* NULL is fine */

/* From now on the thread that owns the pool makes this call after every region, and within one
 * between two of its tasks where LM_POOL_TURN seconds have passed since the last call: for what
 * needs a turn now and then, as messages on their way do. After a region (within: false) it may run
 * regions itself, and is then called after these too; within one it may not. It must not touch what
 * the tasks of a region write. NULL: no call is made. */
#define LM_POOL_TURN 0.0005
void lm_pool_set_between(lm_pool *pool, void (*call)(void *argument, bool within), void *argument);

/* What the region after the next one will begin to read: worker w reads `streams` streams side by
 * side, the first of them from at + w * worker on, the others `apart` bytes from one to the next. A
 * thread that waits for others asks for `bytes` of each of its own meanwhile, so that they are in
 * its cache when it gets there. It only asks: what lies there may change or be gone. Bytes 0:
 * nothing is read ahead. */
typedef struct lm_pool_ahead {
    const void *at;
    int64_t worker, apart, streams, bytes;
} lm_pool_ahead;
void lm_pool_read_ahead(lm_pool *pool, const lm_pool_ahead *ahead);

/* ---- for measurements -------------------------------------------------------------------------*/

/* The same for regions that are not called by their file and task: the name is a literal, and only
 * a watch reads it. */
void lm_pool_run_named(lm_pool *pool, int64_t n_tasks, lm_pool_task *task, void *argument,
                       const char *name);
void lm_pool_run_in_order_named(lm_pool *pool, int64_t n_tasks, lm_pool_task *task, void *argument,
                                const char *name);

/* Is told of every region, and how long its tasks took; both are called by the thread that owns the
 * pool, begin before the region, end after it. Without a watch a region costs one comparison. */
typedef struct lm_pool_watch {
    /* Returns the room [n_tasks] for the seconds that each task takes, each overwritten by the
     * worker that runs it; NULL: this region is not watched. */
    double *(*begin)(void *argument, const char *name, int64_t n_tasks);
    void (*end)(void *argument, double seconds); /* the region took */
    void *argument;
} lm_pool_watch;
void lm_pool_set_watch(lm_pool *pool, const lm_pool_watch *watch); /* kept; NULL: none */

/* From now on there are `times` shares for each thread, whatever the cores are. */
void lm_pool_set_finer(lm_pool *pool, int times);

/* From now on lm_pool_threads says `threads`, at least the number of workers that there are, which
 * go on to do the tasks: so work is cut as for a machine with so many CPUs. */
void lm_pool_set_apparent_threads(lm_pool *pool, int threads);

#endif

/* The parallel regions of a training step: which ran, how long they took, and each of their tasks.
 *
 *     lm_bench_recording r = {.clock = &clock};
 *     lm_pool_watch watch = lm_bench_recording_watch(&r);
 *     lm_pool_set_watch(pool, &watch);
 *     lm_bench_recording_begin(&r);  a step  lm_bench_recording_end(&r, seconds of the step);
 *     lm_pool_set_watch(pool, NULL);
 *     lm_bench_recording_free(&r);
 *
 * A recording that has held as much before allocates nothing. */
#ifndef LM_BENCH_RECORDING_H
#define LM_BENCH_RECORDING_H

#include <stdbool.h>

#include "machine/pool.h"
#include "ops/phase.h"

typedef struct lm_bench_region {
    const char *name; /* lm_pool_run's */
    lm_phase phase;
    int64_t n_tasks, first; /* its times are tasks[first .. first + n_tasks - 1] */
    double seconds;
} lm_bench_region;

typedef struct lm_bench_recording {
    const lm_phase_clock *clock; /* NULL: every region's phase is LM_PHASE_OTHER */
    lm_bench_region *regions;
    double *tasks; /* seconds */
    int64_t n_regions, n_tasks, most_regions, most_tasks;
    double outside; /* seconds of the step that were in no region */
    bool failed;    /* memory ran out: what is recorded is not whole */
} lm_bench_recording;

/* For as long as the recording stays where it is. */
lm_pool_watch lm_bench_recording_watch(lm_bench_recording *r);
void lm_bench_recording_begin(lm_bench_recording *r);
void lm_bench_recording_end(lm_bench_recording *r, double step_seconds);
/* Of two recordings of the same step, best keeps the least of each time: what else the machine did
 * falls out. False, and nothing is changed: they are not of the same regions. */
bool lm_bench_recording_fold(lm_bench_recording *best, const lm_bench_recording *r);
void lm_bench_recording_free(lm_bench_recording *r);

/* What runs on one core at a time: outside, and regions of one task. Seconds. */
double lm_bench_recording_serial(const lm_bench_recording *r);
/* All that one core would do: outside and all tasks. */
double lm_bench_recording_work(const lm_bench_recording *r);
/* Share of the tasks' time in regions of at least so many tasks. */
double lm_bench_recording_share_in(const lm_bench_recording *r, int64_t least_tasks);
/* How long the step takes on so many cores: each region by lm_bench_schedule, one after the other,
 * and outside. It knows nothing of caches, memory and what a region costs to begin and end. */
double lm_bench_recording_predict(const lm_bench_recording *r, int cores);

/* Regions of the same name, phase and number of tasks. */
typedef struct lm_bench_kind {
    const lm_bench_region *like; /* the first of them */
    int64_t regions;
    double seconds, tasks; /* sums, over regions and over their tasks */
    double predicted;      /* sum on so many cores */
} lm_bench_kind;
/* Writes at most `most` kinds, those with the most task time first; returns how many. Kinds beyond
 * are left out. */
int lm_bench_recording_kinds(const lm_bench_recording *r, int cores, lm_bench_kind *kinds,
                             int most);

#endif

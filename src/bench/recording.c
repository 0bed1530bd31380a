#include "bench/recording.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/numbers.h"
#include "bench/schedule.h"

/* ---- recording --------------------------------------------------------------------------------*/

static bool grow(void **array, int64_t *most, int64_t wanted, size_t size) {
    if (wanted <= *most) return true;
    int64_t n = lm_max(wanted, 2 * *most);
    void *more = realloc(*array, (size_t)n * size);
    if (!more) return false;
    *array = more;
    *most = n;
    return true;
}

static double *begin_region(void *argument, const char *name, int64_t n_tasks) {
    lm_bench_recording *r = argument;
    void *regions = r->regions, *tasks = r->tasks;
    bool room = grow(&regions, &r->most_regions, r->n_regions + 1, sizeof *r->regions) &&
                grow(&tasks, &r->most_tasks, r->n_tasks + n_tasks, sizeof *r->tasks);
    r->regions = regions;
    r->tasks = tasks;
    if (!room) {
        r->failed = true;
        return NULL;
    }
    r->regions[r->n_regions++] =
        (lm_bench_region){.name = name,
                          .phase = r->clock ? r->clock->now : LM_PHASE_OTHER,
                          .n_tasks = n_tasks,
                          .first = r->n_tasks};
    r->n_tasks += n_tasks;
    return r->tasks + r->n_tasks - n_tasks;
}

static void end_region(void *argument, double seconds) {
    lm_bench_recording *r = argument;
    r->regions[r->n_regions - 1].seconds = seconds;
}

lm_pool_watch lm_bench_recording_watch(lm_bench_recording *r) {
    return (lm_pool_watch){.begin = begin_region, .end = end_region, .argument = r};
}

void lm_bench_recording_begin(lm_bench_recording *r) {
    r->n_regions = r->n_tasks = 0;
}

void lm_bench_recording_end(lm_bench_recording *r, double step_seconds) {
    r->outside = step_seconds;
    for (int64_t i = 0; i < r->n_regions; i++) r->outside -= r->regions[i].seconds;
}

static bool same_regions(const lm_bench_recording *a, const lm_bench_recording *b) {
    if (a->n_regions != b->n_regions || a->n_tasks != b->n_tasks) return false;
    for (int64_t i = 0; i < a->n_regions; i++)
        if (a->regions[i].n_tasks != b->regions[i].n_tasks ||
            strcmp(a->regions[i].name, b->regions[i].name) != 0)
            return false;
    return true;
}

bool lm_bench_recording_fold(lm_bench_recording *best, const lm_bench_recording *r) {
    if (!same_regions(best, r)) return false;
    best->outside = fmin(best->outside, r->outside);
    for (int64_t i = 0; i < r->n_regions; i++)
        best->regions[i].seconds = fmin(best->regions[i].seconds, r->regions[i].seconds);
    for (int64_t i = 0; i < r->n_tasks; i++) best->tasks[i] = fmin(best->tasks[i], r->tasks[i]);
    return true;
}

void lm_bench_recording_free(lm_bench_recording *r) {
    free(r->regions);
    free(r->tasks);
    *r = (lm_bench_recording){0};
}

/* ---- what it says -----------------------------------------------------------------------------*/

static double task_seconds(const lm_bench_recording *r, const lm_bench_region *region) {
    double sum = 0;
    for (int64_t i = 0; i < region->n_tasks; i++) sum += r->tasks[region->first + i];
    return sum;
}

/* Of regions of least_tasks or more. */
static double all_task_seconds(const lm_bench_recording *r, int64_t least_tasks) {
    double sum = 0;
    for (int64_t i = 0; i < r->n_regions; i++)
        if (r->regions[i].n_tasks >= least_tasks) sum += task_seconds(r, &r->regions[i]);
    return sum;
}

double lm_bench_recording_serial(const lm_bench_recording *r) {
    return r->outside + all_task_seconds(r, 0) - all_task_seconds(r, 2);
}

double lm_bench_recording_work(const lm_bench_recording *r) {
    return r->outside + all_task_seconds(r, 0);
}

double lm_bench_recording_share_in(const lm_bench_recording *r, int64_t least_tasks) {
    return all_task_seconds(r, least_tasks) / all_task_seconds(r, 0);
}

static double predict_region(const lm_bench_recording *r, const lm_bench_region *region,
                             int cores) {
    return lm_bench_schedule(r->tasks + region->first, region->n_tasks, cores);
}

double lm_bench_recording_predict(const lm_bench_recording *r, int cores) {
    double sum = r->outside;
    for (int64_t i = 0; i < r->n_regions; i++) sum += predict_region(r, &r->regions[i], cores);
    return sum;
}

static bool alike(const lm_bench_region *a, const lm_bench_region *b) {
    return a->n_tasks == b->n_tasks && a->phase == b->phase && strcmp(a->name, b->name) == 0;
}

static int by_task_time(const void *x, const void *y) {
    const lm_bench_kind *a = x, *b = y;
    return (a->tasks < b->tasks) - (a->tasks > b->tasks);
}

int lm_bench_recording_kinds(const lm_bench_recording *r, int cores, lm_bench_kind *kinds,
                             int most) {
    int n = 0;
    for (int64_t i = 0; i < r->n_regions; i++) {
        const lm_bench_region *region = &r->regions[i];
        int k = 0;
        while (k < n && !alike(kinds[k].like, region)) k++;
        if (k == most) continue;
        if (k == n) kinds[n++] = (lm_bench_kind){.like = region};
        kinds[k].regions++;
        kinds[k].seconds += region->seconds;
        kinds[k].tasks += task_seconds(r, region);
        kinds[k].predicted += predict_region(r, region, cores);
    }
    qsort(kinds, (size_t)n, sizeof *kinds, by_task_time);
    return n;
}

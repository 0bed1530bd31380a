#include "bench/schedule.h"

#include "base/error.h"

/* free_at is a heap: no core is free before its parent. The first one takes `seconds` more. */
static void occupy(double *free_at, int cores, double seconds) {
    double at = free_at[0] + seconds;
    int i = 0;
    for (int child; (child = 2 * i + 1) < cores; i = child) {
        if (child + 1 < cores && free_at[child + 1] < free_at[child]) child++;
        if (free_at[child] >= at) break;
        free_at[i] = free_at[child];
    }
    free_at[i] = at;
}

double lm_bench_schedule(const double *seconds, int64_t n, int cores) {
    double free_at[LM_BENCH_MOST_CORES] = {0}, last = 0;
    LM_ASSERT(cores >= 1 && cores <= LM_BENCH_MOST_CORES);
    for (int64_t i = 0; i < n; i++) {
        double done = free_at[0] + seconds[i];
        if (done > last) last = done;
        occupy(free_at, cores, seconds[i]);
    }
    return last;
}

/* How long a training step takes on more cores than there are, by its tasks. */
#ifndef LM_BENCH_SCHEDULE_H
#define LM_BENCH_SCHEDULE_H

#include <stdint.h>

enum { LM_BENCH_MOST_CORES = 128 };

/* Seconds until n tasks, which take so many seconds each, are done by `cores` cores (at most
 * LM_BENCH_MOST_CORES), each of which takes the next task as soon as it is free, as the pool has
 * it: list scheduling (Graham 1966). */
double lm_bench_schedule(const double *seconds, int64_t n, int cores);

#endif

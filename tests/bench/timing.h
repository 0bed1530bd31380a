/* For measurements in tests/bench. */
#ifndef LM_TESTS_BENCH_TIMING_H
#define LM_TESTS_BENCH_TIMING_H

#include <time.h>

#include "bench/times.h"

/* CPU time of all threads, which other work on the machine disturbs less than the clock. */
static inline double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Overwrites the order of x. */
static inline double median(double *x, int n) {
    return lm_bench_summarise(x, n).median;
}

#endif

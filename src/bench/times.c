#include "bench/times.h"

#include <stdlib.h>

#include "machine/stop.h"

bool lm_bench_stopped(void) {
    return lm_stop_pending() != 0;
}

static int by_value(const void *x, const void *y) {
    double a = *(const double *)x, b = *(const double *)y;
    return (a > b) - (a < b);
}

lm_bench_times lm_bench_summarise(double *samples, int count) {
    if (count == 0) return (lm_bench_times){0};
    qsort(samples, (size_t)count, sizeof *samples, by_value);
    lm_bench_times t = {.count = count, .median = samples[count / 2], .best = samples[0]};
    t.spread = (samples[count * 3 / 4] - samples[count / 4]) / 2 / t.median;
    return t;
}

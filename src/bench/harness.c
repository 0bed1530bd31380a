#include "bench/harness.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "machine/stop.h"

enum { LEAST_REPETITIONS = 5 };
/* Repetitions between two looks at the peak, which take 20 ms: short enough that the rest of the
 * machine does much the same in both. */
#define TURN_SECONDS 0.05

bool lm_bench_stopped(void) {
    return lm_stop_pending() != 0;
}

bool lm_bench_wants(const lm_bench *b, const char *name) {
    return strstr(name, b->o->match) != NULL;
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

void lm_bench_measure(lm_bench *b, const lm_bench_subject *s, lm_bench_times *times) {
    int count = 0, looks = 0;
    double peaks = 0;
    if (s->prepare) s->prepare(s->argument);
    s->run(s->argument);
    double now, end = lm_clock_seconds() + s->seconds;
    do {
        peaks += lm_bench_look(b, s->peak);
        looks++;
        double turn = lm_clock_seconds() + fmin(TURN_SECONDS, s->seconds);
        do {
            if (lm_bench_stopped()) break;
            if (s->prepare) s->prepare(s->argument);
            double start = lm_clock_seconds();
            s->run(s->argument);
            now = lm_clock_seconds();
            b->samples[count++] = now - start;
        } while (count < LM_BENCH_SAMPLES && now < turn);
    } while (!lm_bench_stopped() && count < LM_BENCH_SAMPLES &&
             (count < LEAST_REPETITIONS || lm_clock_seconds() < end));
    *times = lm_bench_summarise(b->samples, count);
    times->peak = peaks / looks;
}

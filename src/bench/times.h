/* Times of repetitions, and when to stop repeating. */
#ifndef LM_BENCH_TIMES_H
#define LM_BENCH_TIMES_H

#include <stdbool.h>

enum { LM_BENCH_MOST_SAMPLES = 20000 };

typedef struct lm_bench_times {
    int count;
    double median, best; /* seconds */
    double spread;       /* half the distance between the quartiles / median */
} lm_bench_times;

/* Of count samples, whose order is overwritten. */
lm_bench_times lm_bench_summarise(double *samples, int count);

/* A signal came: whoever repeats something ends after the repetition at hand. */
bool lm_bench_stopped(void);

#endif

/* What the host does to a measurement: how far apart the CPUs are, what time others take, and
 * whether a neighbour shares the cores. Rows that were measured in such a state are marked.
 *
 *     lm_bench_host_look before = lm_bench_host_look_now();
 *     ... measure ...
 *     lm_bench_host_look after = lm_bench_host_look_now();
 *     lm_bench_host h = lm_bench_host_between(&before, &after, threads);
 *     h.word = ...; h.peak = ...;
 *     marks = lm_bench_host_marks(&h); */
#ifndef LM_BENCH_HOST_H
#define LM_BENCH_HOST_H

#include "base/text.h"

/* Counters at a moment. */
typedef struct lm_bench_host_look {
    double at;     /* lm_clock_seconds() */
    double stolen; /* CPU seconds that the host gave to other machines, of all CPUs; -1: unknown */
    double switched; /* how often the kernel took a CPU from a thread of this process */
} lm_bench_host_look;
lm_bench_host_look lm_bench_host_look_now(void);

/* The state during a measurement. */
typedef struct lm_bench_host {
    double seconds;  /* it took */
    double stolen;   /* share of the threads' time */
    double switched; /* per thread and second */
    double peak;     /* share of the best peak of the run; 0: not measured */
    double word;     /* times the best word time of the run; 0: not measured */
} lm_bench_host;
lm_bench_host lm_bench_host_between(const lm_bench_host_look *before,
                                    const lm_bench_host_look *after, int threads);

typedef enum lm_bench_mark {
    LM_BENCH_STOLEN,    /* the host ran others on these CPUs */
    LM_BENCH_SWITCHED,  /* other processes did */
    LM_BENCH_NEIGHBOUR, /* the peak was lower without either: somebody shares the cores */
    LM_BENCH_FAR,       /* words between the CPUs took longer */
    LM_BENCH_MARKS
} lm_bench_mark;

/* The peak beside a row is within this share of the best of the run: the cores are our own. On a
 * quiet machine, measurements of the peak lie within 1% of each other on average; beside other work
 * on the same cores they are 10 to 50% lower. */
#define LM_BENCH_QUIET 0.05

/* Bits 1 << mark. 0: the host left the measurement alone, as far as can be seen. */
unsigned lm_bench_host_marks(const lm_bench_host *h);
/* Appends "stolen, far". */
void lm_bench_host_say(unsigned marks, lm_text *t);

#endif

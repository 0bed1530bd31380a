/* Rows against recorded ones. A row that fell is measured again before it counts as slower: where
 * other work shares a core, everything takes up to twice as long for a while. The peak, measured beside
 * the row each time, tells such a while from a slower lmtrain. */
#ifndef LM_BENCH_COMPARE_H
#define LM_BENCH_COMPARE_H

#include "bench/harness.h"

/* The peak beside a row is within this share of the best of the run: the machine is quiet. Looks at
 * the peak of a quiet machine lie within 1% of each other on average, those beside other work on the
 * same cores 10 to 50% lower. */
#define LM_BENCH_QUIET 0.05
/* A row is slower than recorded when it fell so many times in quiet, noise when it never held in so
 * many times of any kind. */
enum { LM_BENCH_QUIET_FALLS = 3, LM_BENCH_MOST_ATTEMPTS = 6 };

/* A row measured once. */
typedef struct lm_bench_attempt {
    double figure; /* what is compared: larger is faster */
    double peak;   /* measured beside it */
} lm_bench_attempt;

/* More than LM_BENCH_TOLERANCE below `recorded`; never when that is NAN. */
bool lm_bench_fell(double figure, double recorded);
/* What n >= 1 attempts at a row say; `peak` is the best of the run so far. */
lm_bench_verdict lm_bench_verdict_of(double recorded, double peak, const lm_bench_attempt *attempts,
                                     int n);

#endif

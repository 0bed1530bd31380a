/* The range test of the learning rate (Smith 2017): a run whose rate rises geometrically, and what
 * its losses say. */
#ifndef LM_FIT_RANGE_TEST_H
#define LM_FIT_RANGE_TEST_H

#include <stdbool.h>
#include <stdint.h>

typedef struct lm_range_test {
    int64_t count;    /* steps in rates and losses */
    double *rates;    /* [count], rising */
    double *losses;   /* [count], of the step with that rate, finite */
    double *smoothed; /* [count]: overwritten by lm_range_test_judge */
} lm_range_test;

typedef struct lm_range_verdict {
    double steepest;   /* rate at which the smoothed loss falls fastest by the rate's logarithm */
    double lowest;     /* rate of the least smoothed loss */
    double suggestion; /* the steepest, but at most a third of the lowest */
    bool fell;         /* by at least 2%; else the others mean little */
    bool at_the_end;   /* the least loss is that of the last steps: higher rates may be better */
} lm_range_verdict;

/* The smoothed loss of step i: an average whose weights fall by a tenth per step before it, without
 * the bias of its beginning. */
double lm_range_test_smooth(double *average, int64_t i, double loss);
/* At least 10 steps (asserted). */
lm_range_verdict lm_range_test_judge(const lm_range_test *t);

#endif

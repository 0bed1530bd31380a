#include "fit/range_test.h"

#include <math.h>

#include "base/error.h"
#include "base/numbers.h"

double lm_range_test_smooth(double *average, int64_t i, double loss) {
    const double keep = 0.9;
    if (i == 0) *average = 0;
    *average = keep * *average + (1 - keep) * loss;
    return *average / (1 - pow(keep, (double)(i + 1)));
}

/* Slope of the smoothed loss by ln(rate) around step i, least squares over `half` steps on both
 * sides. */
static double slope_at(const lm_range_test *t, int64_t i, int64_t half) {
    int64_t from = lm_max(i - half, 0), to = lm_min(i + half, t->count - 1);
    double n = (double)(to - from + 1), x = 0, y = 0, xx = 0, xy = 0;
    for (int64_t k = from; k <= to; k++) {
        x += log(t->rates[k]) / n;
        y += t->smoothed[k] / n;
    }
    for (int64_t k = from; k <= to; k++) {
        double d = log(t->rates[k]) - x;
        xx += d * d;
        xy += d * (t->smoothed[k] - y);
    }
    return xx > 0 ? xy / xx : 0;
}

lm_range_verdict lm_range_test_judge(const lm_range_test *t) {
    const int64_t half = lm_max(t->count / 20, 2), begin = t->count / 10;
    lm_range_verdict v = {0};
    double average = 0, steepest = INFINITY;
    int64_t least = begin;
    LM_ASSERT(t->count >= 10);
    for (int64_t i = 0; i < t->count; i++)
        t->smoothed[i] = lm_range_test_smooth(&average, i, t->losses[i]);
    for (int64_t i = begin; i < t->count; i++)
        if (t->smoothed[i] < t->smoothed[least]) least = i;
    for (int64_t i = begin; i <= least; i++) {
        double slope = slope_at(t, i, half);
        if (!(slope < steepest)) continue;
        steepest = slope;
        v.steepest = t->rates[i];
    }
    v.lowest = t->rates[least];
    v.suggestion = fmin(v.steepest, v.lowest / 3);
    v.fell = t->smoothed[least] < 0.98 * t->smoothed[begin];
    v.at_the_end = least >= t->count - 1 - half;
    return v;
}

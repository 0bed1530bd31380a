#include "fit/slope.h"

#include <math.h>

double lm_slope(const double *x, const double *y, int64_t n) {
    double mean_x = 0, mean_y = 0, xx = 0, xy = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!(y[i] > 0) || !isfinite(y[i])) return NAN;
        mean_x += log(x[i]) / (double)n;
        mean_y += log(y[i]) / (double)n;
    }
    for (int64_t i = 0; i < n; i++) {
        double d = log(x[i]) - mean_x;
        xx += d * d;
        xy += d * (log(y[i]) - mean_y);
    }
    return xy / xx;
}

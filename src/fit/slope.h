/* Power laws through few points: y = a x^slope. */
#ifndef LM_FIT_SLOPE_H
#define LM_FIT_SLOPE_H

#include <stdint.h>

/* The slope of ln y by ln x, by least squares; n >= 2, x positive and not all equal. NaN when some
 * y is not positive or not finite. */
double lm_slope(const double *x, const double *y, int64_t n);

#endif

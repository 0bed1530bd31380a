/* Multiplication by a number: y = a x + residual. */
#ifndef LM_NN_SCALE_H
#define LM_NN_SCALE_H

#include "ops/compute.h"

/* y [n] overwritten = a x, or a x + residual when that is not NULL: the product is rounded before
 * the sum. y may be x; it may be the residual, which x may not be then. Backward of x is the same
 * call without a residual. */
void lm_scale(const lm_compute *compute, int64_t n, float a, const float *x, const float *residual,
              float *y);
/* y [n] += a x, the product rounded before the sum; x is not y. Within a task. */
void lm_add_scaled(const lm_kernels *kernels, int64_t n, float a, const float *x, float *y);

#endif

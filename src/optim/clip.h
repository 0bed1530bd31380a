/* The norm of the gradient, and clipping by it. */
#ifndef LM_OPTIM_CLIP_H
#define LM_OPTIM_CLIP_H

#include "ops/compute.h"
#include "ops/lines.h"

/* sum x_i^2 of x [count]: NaN or infinite when an element is. Chunks are fixed by count alone and
 * combined in order in double: same bits for any number of threads. */
double lm_sum_squares(const lm_compute *compute, int64_t count, const float *x);
/* Its square root. */
double lm_gradient_norm(const lm_compute *compute, int64_t count, const float *x);

/* The same in three parts, for an x that several processes share out. Run i is the elements from
 * i * LM_NORM_RUN on, that many or up to count: */
enum { LM_NORM_RUN = 65536 };
/* sums [n]: those of the squares of runs first .. first + n - 1 of x [count]; other elements are
 * not read. */
void lm_norm_sums(const lm_compute *compute, int64_t count, const float *x, int64_t first,
                  int64_t n, double *sums);
/* The norm by the sums of all runs. */
double lm_norm_of_sums(int64_t count, const double *sums);

/* min(1, clip_norm / norm) (Pascanu, Mikolov & Bengio 2013); 1 when clip_norm is 0. */
/* The sum of the squares of lines of x [rows, columns], outside of which x is 0: each line's alone,
 * these added in rising order, so that a list of lines and all lines give the same. */
double lm_gradient_line_squares(const lm_compute *compute, int64_t rows, int64_t columns,
                                const float *x, lm_lines lines);
double lm_clip_scale(double norm, double clip_norm);

#endif

/* Many rows of x by W in generation: both as panels (kernels.h, dots_panels_f32), which the
 * micro-kernel reads as a matrix product reads its own. Rows have the bits that they have alone.
 * Inside the room; linear.h says what is computed. */
#ifndef LM_NN_LINEAR_PANELS_H
#define LM_NN_LINEAR_PANELS_H

#include "nn/linear.h"

/* Whether there are rows enough to repay the packing of W, and room for its panels. */
bool lm_linear_panels_suit(const lm_compute *compute, const lm_linear *l);

/* Words of four bytes of a row in a panel. */
int64_t lm_linear_panel_words(const lm_compute *compute, const lm_linear *l);

/* x [M, I] as panels of LM_DOTS_PANEL_ROWS rows into out. */
void lm_linear_pack_rows(const lm_compute *compute, const lm_linear *l, const float *x, void *out);

/* y [M, n], rows y_row apart, overwritten = x by rows begin .. begin+n of W, + bias: for a task of
 * the worker, whose scratch takes panels of W. */
void lm_linear_multiply_panels(const lm_compute *compute, const lm_linear *l, const void *x,
                               int64_t begin, int64_t n, int worker, float *y, int64_t y_row);

#endif

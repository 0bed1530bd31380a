/* A sum of two arrays, each times a number that is learned: y = a x + b z. It lets a layer read the
 * embedding beside what the layers before it made of it (the x0 residual of modded-nanogpt's
 * records, Jordan et al. 2024).
 *
 * Dimensions: T tokens of C channels; arrays are [T, C]. */
#ifndef LM_NN_MIX_H
#define LM_NN_MIX_H

#include "ops/compute.h"

typedef struct lm_mix {
    int64_t tokens, channels;
    int64_t window; /* tokens per window, which divides them; 0: all are one */
    float a, b;
    const float *x, *z;
} lm_mix;

/* y overwritten; both products are rounded before the sum. y is neither x nor z. */
void lm_mix_forward(const lm_compute *compute, const lm_mix *m, float *y);
/* dy is the gradient of y, replaced by that of x. dz accumulated into; da and db [1] too, window by
 * window as nn/sums.h says: the sums of dy x and of dy z. */
void lm_mix_backward(const lm_compute *compute, const lm_mix *m, float *dy, float *dz, float *da,
                     float *db);
/* Scratch bytes per worker. */
size_t lm_mix_scratch_bytes(void);

#endif

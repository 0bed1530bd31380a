/* Gates: numbers between 0 and `most`, of which each token has its own, out of the first channels
 * of a row: y = most sigmoid(w x[0:G]) (sparse gates in modded-nanogpt's records, Jordan et al.
 * 2024). With w = 0 they are most / 2.
 *
 * Dimensions: T tokens, K gates of a token, G channels that they read. */
#ifndef LM_NN_GATE_H
#define LM_NN_GATE_H

#include "ops/array.h"

enum { LM_GATE_CHANNELS = 12 };

typedef struct lm_gate {
    int64_t tokens, gates, channels; /* T, K, G <= LM_GATE_CHANNELS */
    int64_t window;                  /* tokens per window, which divides them; 0: all are one */
    int64_t row;                     /* row stride of x and dx */
    float most;
    lm_array x;     /* [T, >= G] */
    const float *w; /* [K, G] */
} lm_gate;

/* y [T, K] overwritten. */
void lm_gate_forward(const lm_compute *compute, const lm_gate *g, float *y);
/* y is what forward gave, dy [T, K] its gradient. dx [T, >= G] and dw [K, G] accumulated into, dw
 * window by window as nn/sums.h says. */
void lm_gate_backward(const lm_compute *compute, const lm_gate *g, const float *y, const float *dy,
                      float *dx, float *dw);
/* Scratch bytes per worker. */
size_t lm_gate_scratch_bytes(int64_t gates);

#endif

/* The non-linearity of the MLP, elementwise over [M, F]; `up` only for the gated kinds.
 *
 * One thread, a run of elements at a time: linear layers apply it to each block of their output while
 * it is in cache (nn/linear.h), so that it costs no pass over memory. */
#ifndef LM_NN_ACTIVATION_H
#define LM_NN_ACTIVATION_H

#include <stdbool.h>

#include "ops/array.h"

typedef enum lm_mlp_kind {
    LM_MLP_GELU_TANH,
    LM_MLP_GELU, /* exact, by erf */
    LM_MLP_SWIGLU,
    LM_MLP_RELU2,
    LM_MLP_COUNT
} lm_mlp_kind;
const char *lm_mlp_name(int kind);      /* "gelu_tanh", ..., "relu2"; NULL past the end */
bool lm_mlp_is_gated(lm_mlp_kind kind); /* has a second input projection */

typedef struct lm_activation {
    lm_mlp_kind kind;
    lm_array x, up; /* [M, F]: what it is applied to; the gate and what it lets through */
    lm_array y;     /* [M, F] = activation(x), or silu(x) * up */
} lm_activation;

/* Floats a call needs for itself: its `room`, undefined afterwards. */
enum { LM_ACTIVATION_BLOCK = 512, LM_ACTIVATION_ROOM = 4 * LM_ACTIVATION_BLOCK };

/* y of the n elements from `at` on, overwritten. */
void lm_activation_forward(const lm_kernels *kernels, const lm_activation *a, int64_t at, int64_t n,
                           float *room);
/* From dy [n], their gradient, which is overwritten: y as forward gave it; x and up become their own
 * gradients. */
void lm_activation_backward(const lm_kernels *kernels, const lm_activation *a, int64_t at,
                            int64_t n, float *dy, float *room);

#endif

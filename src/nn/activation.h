/* The non-linearity of the MLP, elementwise over [M, F].
 *
 * A call computes a run of elements on the calling thread: linear layers call it for each block of
 * their output while the block is in cache (nn/linear.h), so that it costs no pass over memory. */
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
    lm_array x;  /* [M, F]: the pre-activation, or, in gated kinds, the gate */
    lm_array up; /* [M, F]: what the gate is multiplied with; gated kinds only */
    lm_array y;  /* [M, F] = activation(x), or silu(x) * up */
} lm_activation;

/* Floats in `room`, which a call uses and leaves undefined. */
enum { LM_ACTIVATION_BLOCK = 512, LM_ACTIVATION_ROOM = 4 * LM_ACTIVATION_BLOCK };

/* y overwritten, n elements from `at` on. */
void lm_activation_forward(const lm_kernels *kernels, const lm_activation *a, int64_t at, int64_t n,
                           float *room);
/* The same n elements: y overwritten as forward does, x and up replaced by their gradients. dy [n]
 * is the gradient of y, undefined afterwards. */
void lm_activation_backward(const lm_kernels *kernels, const lm_activation *a, int64_t at,
                            int64_t n, float *dy, float *room);

#endif

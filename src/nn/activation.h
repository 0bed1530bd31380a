/* The non-linearity of the MLP, elementwise over [rows, F]; `up` only for the gated kinds. */
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

/* y [count] = activation(x) or silu(x) * up; overwritten. */
void lm_activation_forward(const lm_compute *compute, lm_mlp_kind kind, int64_t count, lm_array x,
                           lm_array up, lm_array y);
/* dx, dup [count] overwritten from dy; y [count] overwritten with what forward gave (its exp is that
 * of the gradient). dx may be dy, dup may be up; y is none of the others. */
void lm_activation_backward(const lm_compute *compute, lm_mlp_kind kind, int64_t count, lm_array x,
                            lm_array up, const float *dy, lm_array dx, lm_array dup, lm_array y);
size_t lm_activation_scratch_bytes(void);

#endif

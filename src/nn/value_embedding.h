/* Value embeddings: each token has, beside its embedding, a row of a table that is added to the
 * values of attention, head by head times a gate (Zhou et al. 2024; modded-nanogpt's records,
 * Jordan et al. 2024). That costs no products.
 *
 * Dimensions: T tokens, K heads of values, D head size. */
#ifndef LM_NN_VALUE_EMBEDDING_H
#define LM_NN_VALUE_EMBEDDING_H

#include "ops/compute.h"

typedef struct lm_value_embedding {
    int64_t batch, time;   /* T = batch * time */
    const int32_t *tokens; /* row b at tokens + b*tokens_row; each in [0, V) */
    int64_t tokens_row;
    int64_t heads, head_size; /* K, D */
    int64_t row;              /* row stride of the values and of their gradient */
    const float *table;       /* [V, K D] */
    const float *gates;       /* [T, K] */
} lm_value_embedding;

/* values [T, >= K D] += gate * row of the token; the product is rounded first. */
void lm_value_embedding_forward(const lm_compute *compute, const lm_value_embedding *e,
                                float *values);
/* dvalues [T, >= K D] stays as it is. dgates [T, K] overwritten. dtable accumulated into, tokens in
 * rising order: each element is one chain over the tokens, to which further calls add. */
void lm_value_embedding_backward(const lm_compute *compute, const lm_value_embedding *e,
                                 const float *dvalues, float *dtable, float *dgates);

#endif

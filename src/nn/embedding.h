/* Token embedding, plus learned positions where the model has them (Vaswani et al. 2017, 3.4). */
#ifndef LM_NN_EMBEDDING_H
#define LM_NN_EMBEDDING_H

#include "ops/compute.h"

typedef struct lm_embedding {
    int64_t batch, time, channels; /* B, T, C */
    const int32_t *tokens;         /* row b at tokens + b*tokens_row; each in [0, V) */
    int64_t tokens_row;
    int64_t first_position;   /* position of each row's first token */
    const int32_t *documents; /* [B*T]: where in the row t's document, and its count of positions,
                                 begins; NULL: at 0 */
} lm_embedding;

/* y[b,t] = W[token[b,t]] + P[first_position + t - documents[b,t]]; y [B*T, C] overwritten. W is
 * [V, C], P [>= first_position + T, C] or NULL. */
void lm_embedding_forward(const lm_compute *compute, const lm_embedding *e, const float *w,
                          const float *positions, float *y);
/* dW[token[b,t]] += dy[b,t]; dP[first_position + t - documents[b,t]] += dy[b,t] (dP NULL: without
 * positions). Tokens are added in rising order, columns are shared out among the workers. */
void lm_embedding_backward(const lm_compute *compute, const lm_embedding *e, const float *dy,
                           float *dw, float *dpositions);

#endif

/* Token embedding, with learned positions added where the model has them (Vaswani et al.
 * 2017, 3.4). */
#ifndef LM_NN_EMBEDDING_H
#define LM_NN_EMBEDDING_H

#include "ops/compute.h"

/* y[b,t] = W[token[b,t]] + P[first_position + t - documents[b,t]]; y [B*T, C] overwritten, W [V, C],
 * P [>= first+T, C] or NULL; documents [B*T]: where positions begin to count, NULL: at 0. */
void lm_embedding_forward(const lm_compute *compute, int64_t batch, int64_t time, int64_t channels,
                          const int32_t *tokens, int64_t tokens_row, const float *w,
                          const float *positions, int64_t first_position, const int32_t *documents,
                          float *y);
/* dW[token[b,t]] += dy[b,t]; dP[t - documents[b,t]] += dy[b,t]; tokens in rising order, columns shared out
 * among workers. Both accumulated into; dP may be NULL. tokens row b starts at tokens +
 * b*tokens_row. */
void lm_embedding_backward(const lm_compute *compute, int64_t batch, int64_t time, int64_t channels,
                           const int32_t *tokens, int64_t tokens_row, const int32_t *documents,
                           const float *dy, float *dw, float *dpositions);

#endif

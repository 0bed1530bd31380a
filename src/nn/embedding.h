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
 * positions). Tokens are added in rising order, columns are shared out among the workers: each
 * element is one chain over the tokens, to which further calls add. */
void lm_embedding_backward(const lm_compute *compute, const lm_embedding *e, const float *dy,
                           float *dw, float *dpositions);

/* ---- a matrix that is the head too ------------------------------------------------------------
 * Its gradient is the head's plus the embedding's. Each is a chain over the tokens of all windows;
 * added to one array, they would alternate from call to call, and the bits would depend on how many
 * windows a call takes. So the embedding's is kept apart until the last window, in rows for those
 * tokens alone that occur. */
typedef struct lm_embedding_rows {
    int64_t vocab, channels;
    int64_t most;      /* min(V, tokens until they are added) */
    int64_t count;     /* tokens that occurred so far */
    int64_t begun;     /* of these, those whose sums have begun */
    int32_t *row_of;   /* [V]: the token's row + 1; 0: it has none */
    int32_t *token_of; /* [most] */
    float *sums;       /* [most, C] */
} lm_embedding_rows;

/* For up to `tokens` tokens of V; zeroed memory, from an arena that measures too. */
void lm_embedding_rows_take(lm_embedding_rows *r, lm_arena *arena, int64_t vocab, int64_t channels,
                            int64_t tokens);
/* Gives rows to the call's tokens, for whoever wants to know them before backward does. */
void lm_embedding_note(const lm_embedding *e, lm_embedding_rows *r);
/* tokens [count]: overwritten by those that occurred, in rising order. */
void lm_embedding_list(const lm_embedding_rows *r, int32_t *tokens);
/* As lm_embedding_backward, into the rows in place of dW. */
void lm_embedding_backward_rows(const lm_compute *compute, const lm_embedding *e, const float *dy,
                                lm_embedding_rows *r, float *dpositions);
/* dW [V, C] += the rows, which are then empty again. */
void lm_embedding_add_rows(const lm_compute *compute, lm_embedding_rows *r, float *dw);
void lm_embedding_clear_rows(lm_embedding_rows *r); /* without adding them */

#endif

/* Inside the room: one pass of a micro-batch through the model, what belongs to it by name, and its
 * parts, each forward beside its backward. transformer.c puts them together.
 *
 *     pass_ends.c        the embedding; the loss head
 *     pass_attention.c   the attention branch of a layer
 *     pass_mlp.c         the MLP branch of a layer
 *     pass.c             what all of them share: norms, and the end of a branch
 *
 * Forward goes from residual(layer) over LM_B_MID to residual(layer + 1), whose gradient backward has
 * in LM_B_DX, in place. LM_B_NORM, ACT, DBRANCH and WIDE are used by each part anew. What matrix
 * products read is an lm_array (ops/array.h), of floats or of bf16. */
#ifndef LM_MODEL_PASS_H
#define LM_MODEL_PASS_H

#include "model/parts.h"
#include "nn/dropout.h"
#include "nn/linear.h"

/* One micro-batch. Dimensions: B batch, T time, C d_model, F d_ff, A = (H + 2K) D. */
typedef struct pass {
    lm_model *m;
    const int32_t *tokens; /* [B, T+1] */
    int64_t batch, time;
    int64_t rows;  /* B*T */
    bool training; /* dropout drops */
    bool begins;   /* gradients of matrices: the first of the step */
} pass;

static inline const float *weight(const pass *p, lm_param_id id, int64_t layer) {
    return lm_param_at(p->m, lm_model_weights(p->m), id, layer);
}
static inline float *gradient(const pass *p, lm_param_id id, int64_t layer) {
    return lm_param_at(p->m, lm_model_gradients(p->m), id, layer);
}
/* A layer's copy of a buffer where there is one a layer, else the only one; NULL: none. */
static inline float *buffer(const pass *p, lm_buffer_id id, int64_t layer) {
    const lm_buffer_layout *b = &p->m->buffers;
    if (b->count[id] == 0) return NULL;
    return p->m->buffer[id] + (b->copies[id] > 1 ? layer * (int64_t)b->count[id] : 0);
}
/* The same of one that matrix products read. */
static inline lm_array operand(const pass *p, lm_buffer_id id, int64_t layer) {
    return (lm_array){buffer(p, id, layer), p->m->compute->precision};
}
/* Where each token's document begins in its row, [B*T]; NULL: documents are not told apart. */
static inline int32_t *documents(const pass *p) {
    return (int32_t *)(void *)buffer(p, LM_B_DOCUMENTS, 0);
}
/* What layer l gets; what the last one gives is x_f. [B*T, C] */
static inline float *residual(const pass *p, int64_t layer) {
    return layer < p->m->o.n_layers ? buffer(p, LM_B_X, layer) : buffer(p, LM_B_X_F, 0);
}

/* ---- shared by the parts --------------------------------------------------------------------- */
typedef struct norm_ids {
    lm_param_id weight, bias;
    lm_buffer_id mean, rstd;
} norm_ids;
extern const norm_ids lm_norm_e, lm_norm_1, lm_norm_2, lm_norm_f;

lm_norm lm_pass_norm(const pass *p, const norm_ids *ids, int64_t layer);
/* The norm of x [B*T, C] into LM_B_NORM, which is returned: forward, and again in backward. */
lm_array lm_pass_norm_forward(const pass *p, const norm_ids *ids, int64_t layer, const float *x);
/* LM_B_DX += its share through the norm of x, whose output's gradient LM_B_DBRANCH is. */
void lm_pass_norm_backward(const pass *p, const norm_ids *ids, int64_t layer, const float *x);

/* Sites of dropout: the embedding is 0, then two a layer. */
bool lm_pass_drops(const pass *p);
lm_dropout lm_pass_dropout(const pass *p, int64_t site);

/* The linear layer with these weights; in is their second dimension. */
lm_linear lm_pass_linear(const pass *p, lm_param_id weights, lm_param_id bias, int64_t layer,
                         int64_t in, int64_t out);

/* The end of a branch: y [B*T, C] = x + dropout(branch W^T + bias), branch [B*T, in]; overwritten. */
void lm_pass_branch_forward(const pass *p, int64_t site, const lm_linear *l, lm_array branch,
                            const float *x, float *y);
/* The gradient [B*T, C] of what W gave: LM_B_DX or what dropout leaves of it in LM_B_DBRANCH, rounded
 * where products want bf16. */
lm_array lm_pass_branch_backward(const pass *p, int64_t site);

/* ---- the parts ------------------------------------------------------------------------------- */
void lm_pass_embedding_forward(const pass *p);
void lm_pass_embedding_backward(const pass *p);

/* The losses [B*T]; with gradients, those of the head too, and LM_B_DBRANCH, of the final norm's
 * output. */
const float *lm_pass_head(const pass *p, bool gradients, float grad_scale);

void lm_pass_attention_forward(const pass *p, int64_t layer);
/* The same as far as the projection: what backward needs where the model recomputes. */
void lm_pass_attention_inside(const pass *p, int64_t layer);
void lm_pass_attention_backward(const pass *p, int64_t layer);

void lm_pass_mlp_forward(const pass *p, int64_t layer);
/* The same as far as the pre-activations. */
void lm_pass_mlp_inside(const pass *p, int64_t layer);
void lm_pass_mlp_backward(const pass *p, int64_t layer);

#endif

/* Inside the room: one pass through the model (of a micro-batch in training and evaluation, of the
 * newest tokens in generation), what belongs to it by name, and its parts, each forward beside its
 * backward. transformer.c puts them together; decoder.c feeds them a text's tokens.
 *
 *     pass_ends.c        the embedding; the loss head
 *     pass_smear.c       what a token's embedding receives from the one before it
 *     pass_mix.c         what a layer reads
 *     pass_attention.c   the attention branch of a layer
 *     pass_values.c      what value embeddings add to its values
 *     pass_mlp.c         the MLP branch of a layer
 *     pass.c             what all of them share: norms, linear layers, and the end of a branch
 *
 * Forward goes from residual(layer), or what lm_pass_mix_forward makes of it, over LM_B_MID to
 * residual(layer + 1); backward keeps the gradient of each in LM_B_DX, in place. Each part
 * overwrites LM_B_NORM, ACT, BRANCH and WIDE. What matrix products read is an lm_array
 * (ops/array.h), of floats or of bf16.
 *
 * Generation differs in two places only: linear layers have a kernel of their own, which gives a
 * row the same bits whatever other rows there are (lm_linear_decode), and attention reads keys and
 * values from caches. Buffers are fp32: what a linear layer reads is copied where it must be. */
#ifndef LM_MODEL_PASS_H
#define LM_MODEL_PASS_H

#include "model/parts.h"
#include "nn/dropout.h"
#include "nn/linear.h"

/* Generation: where a token stands. */
typedef struct pass_place {
    float *cache;     /* of its sequence, [L, K, 2, capacity, D]: a head's keys, then its values */
    int64_t position; /* in its sequence: how many tokens were before it */
    const int32_t *token; /* where it stands in its sequence, behind these */
    float *newest;        /* [C]: with smear, its sequence's last row before smearing */
} pass_place;

/* One micro-batch, or in generation the newest tokens of one sequence or several: then B is their
 * number, T is 1, and arrays are fp32. Dimensions: B batch, T time, C d_model, F d_ff, A = (H + 2K)
 * D. */
typedef struct pass {
    lm_model *m;
    const lm_buffers *buffers;
    const int32_t *tokens; /* [B, T+1]; in generation [B] */
    int64_t batch, time;
    int64_t rows;  /* B*T */
    bool training; /* dropout drops */
    bool begins;   /* overwrite the gradients of matrices instead of adding to them */
    /* generation: */
    const pass_place *places; /* [B], those of a sequence side by side; NULL: no generation */
    int64_t capacity;         /* tokens in a sequence's cache */
    const lm_bf16 *rounded;   /* at bf16: the layers' rows; NULL: at fp32 */
    const lm_bf16 *head;      /* [V, C] likewise */
    void *operand;            /* room for what a linear layer reads */
    lm_linear_order *order;   /* in which tokens read the matrices */
} pass;

static inline const float *weight(const pass *p, lm_param_id id, int64_t layer) {
    return lm_param_at(p->m, lm_model_weights(p->m), id, layer);
}
static inline float *gradient(const pass *p, lm_param_id id, int64_t layer) {
    return lm_param_at(p->m, p->m->gradients_at, id, layer);
}
/* Whether each layer uses what it keeps of its own: for backward, or for whoever reads it. */
static inline bool layers_apart(const pass *p) {
    return p->buffers == &p->m->buffers && (p->training || p->m->use.keep);
}
/* The layer's own copy of a buffer, or the only one; NULL: the model has no such buffer. */
static inline float *buffer(const pass *p, lm_buffer_id id, int64_t layer) {
    if (!layers_apart(p)) return p->buffers->at[id];
    return lm_model_buffer(p->m, id, layer);
}
/* The same for a buffer that matrix products read. */
static inline lm_array operand(const pass *p, lm_buffer_id id, int64_t layer) {
    return (lm_array){buffer(p, id, layer), p->buffers->precision};
}
/* Where each token's document begins in its row, [B*T]; NULL: documents are not told apart. */
static inline int32_t *documents(const pass *p) {
    return (int32_t *)(void *)buffer(p, LM_B_DOCUMENTS, 0);
}
/* The residual stream before a layer, [B*T, C]; n_layers: behind the last one. */
static inline float *residual(const pass *p, int64_t layer) {
    return layer < p->m->o.n_layers ? buffer(p, LM_B_X, layer) : buffer(p, LM_B_X_F, 0);
}

/* What a layer reads, [B*T, C]. */
static inline float *layer_input(const pass *p, int64_t layer) {
    return p->m->o.x0_residual ? buffer(p, LM_B_MIXED, 0) : residual(p, layer);
}

/* ---- shared by the parts --------------------------------------------------------------------- */
typedef struct norm_ids {
    lm_param_id weight, bias;
    lm_buffer_id mean, rstd;
} norm_ids;
extern const norm_ids lm_norm_e, lm_norm_1, lm_norm_2, lm_norm_f;

lm_norm lm_pass_norm(const pass *p, const norm_ids *ids, int64_t layer);
/* LM_B_NORM = norm(x), x [B*T, C]; returns it. Forward, and once more in backward. */
lm_array lm_pass_norm_forward(const pass *p, const norm_ids *ids, int64_t layer, const float *x);
/* Takes the gradient of norm(x) from LM_B_DNORM and adds that of x to LM_B_DX. */
void lm_pass_norm_backward(const pass *p, const norm_ids *ids, int64_t layer, const float *x);

/* Sites of dropout: the embedding is 0, then two a layer. */
bool lm_pass_drops(const pass *p);
lm_dropout lm_pass_dropout(const pass *p, int64_t site);

/* Generation: x [l->rows, l->in] of fp32 as l reads it; p->operand may be overwritten. */
lm_linear_rows lm_pass_decoded(const pass *p, const lm_linear *l, lm_array x);
/* The linear layer with these weights [out, in]. */
lm_linear lm_pass_linear(const pass *p, lm_param_id weights, lm_param_id bias, int64_t layer,
                         int64_t in, int64_t out);
/* y [B*T, out] overwritten = x W^T + bias, x [B*T, in]. */
void lm_pass_linear_forward(const pass *p, const lm_linear *l, lm_array x, lm_array y);
/* The same, then the activation: a->y overwritten; y is a->x, or a->up after a->x. */
void lm_pass_linear_forward_activated(const pass *p, const lm_linear *l, lm_array x, lm_array y,
                                      const lm_activation *a);

/* The end of a branch: y [B*T, C] overwritten = x + multiplier * dropout(branch W^T + bias); branch
 * [B*T, in]. The multiplier is that of transfer.h. */
void lm_pass_branch_forward(const pass *p, int64_t site, const lm_linear *l, lm_array branch,
                            const float *x, float *y);
/* Gradient [B*T, C] of the branch output: LM_B_DX itself, or with dropout or a multiplier a changed
 * copy in LM_B_DBRANCH; rounded at bf16. */
lm_array lm_pass_branch_backward(const pass *p, int64_t site);

/* ---- the parts ------------------------------------------------------------------------------- */
void lm_pass_embedding_forward(const pass *p);
void lm_pass_embedding_backward(const pass *p);
/* Gives rows to the pass's tokens where embeddings are the head too. */
void lm_pass_embedding_note(const pass *p);
/* With smear: y [B*T, C] overwritten, out of LM_B_UNSMEARED; and LM_B_DX in its place. */
void lm_pass_smear_forward(const pass *p, float *y);
void lm_pass_smear_backward(const pass *p);

/* With x0_residual: what the layer reads, out of residual(layer) and the embedding. All layers
 * share its place: backward calls it once more. */
void lm_pass_mix_forward(const pass *p, int64_t layer);
/* In: the gradient of what layers read, in LM_B_DX; out: that of residual(layer). The embedding's
 * gathers in LM_B_DX0 until _end adds it to that of residual(0). */
void lm_pass_mix_backward_begin(const pass *p);
void lm_pass_mix_backward(const pass *p, int64_t layer);
void lm_pass_mix_backward_end(const pass *p);

/* Returns the losses [B*T]. With gradients: adds to the gradient of the head's weights and
 * overwrites LM_B_DNORM with the gradient of the final norm's output. */
const float *lm_pass_head(const pass *p, bool gradients, float grad_scale);
/* Generation: logits [n, V] overwritten, those after the last n tokens. */
void lm_pass_logits(const pass *p, int64_t n, float *logits);
/* Generation: losses [B] overwritten, of targets [B]; block: of lm_softmax_nll_block_bytes. */
void lm_pass_losses(const pass *p, const int32_t *targets, void *block, float *losses);

void lm_pass_attention_forward(const pass *p, int64_t layer);
/* The same up to the projection: what backward needs where the model recomputes. */
void lm_pass_attention_inside(const pass *p, int64_t layer);
void lm_pass_attention_backward(const pass *p, int64_t layer);

/* Value embeddings, of the layers that have them. norm: what the projection reads, [B*T, C]; qkv
 * [B*T, A] in fp32: its values change. _backward takes the gradient of qkv, which stays as it is,
 * before _gates_backward adds to that of the norm's output. */
bool lm_pass_has_values(const pass *p, int64_t layer);
void lm_pass_values_forward(const pass *p, int64_t layer, lm_array norm, float *qkv);
void lm_pass_values_backward(const pass *p, int64_t layer, lm_array norm, const float *dqkv);
void lm_pass_value_gates_backward(const pass *p, int64_t layer, lm_array norm, float *dnorm);

void lm_pass_mlp_forward(const pass *p, int64_t layer);
/* The same up to the pre-activations. */
void lm_pass_mlp_inside(const pass *p, int64_t layer);
void lm_pass_mlp_backward(const pass *p, int64_t layer);

/* The embedding and all layers. */
void lm_pass_forward(const pass *p);

#endif

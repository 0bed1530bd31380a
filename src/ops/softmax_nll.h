/* The loss head in one piece: logits, negative log-likelihood and both gradients, a block of tokens
 * at a time; the [tokens, vocabulary] logits never exist whole, and nothing is computed twice.
 *
 *     logits = x W^T;  loss_t = -log softmax(logits_t)[target_t]      (nats)
 *     dlogits_t = grad_scale * (softmax(logits_t) - onehot(target_t))
 *     dx = dlogits W (overwritten);  dW += dlogits^T x (accumulated)
 *
 * With a soft cap, cap tanh(logit / cap) stands for each logit (Gemma Team 2024). With lse the log of
 * the softmax denominator, the loss may be
 *     (1 - e) (lse - logit[target]) + e (lse - mean of the logits) + z lse^2
 * e: label smoothing (Szegedy et al. 2016); z: what keeps the logits from drifting (Chowdhery et al.
 * 2022, PaLM).
 *
 * Inside, a block's logits are held with one column a token ([V, block]): the vocabulary is then
 * the rising row index, so softmax needs no sideways reductions and W is read as it lies, unpacked.
 * The block length and the vocabulary chunks are fixed by the shapes. */
#ifndef LM_OPS_SOFTMAX_NLL_H
#define LM_OPS_SOFTMAX_NLL_H

#include <stdbool.h>

#include "ops/array.h"

typedef struct lm_softmax_nll {
    int64_t tokens, channels, vocab;
    lm_array x;             /* [tokens, C] */
    const float *w;         /* [V, C] */
    const int32_t *targets; /* [tokens], each in [0, V); LM_ASSERTed */
    void *block;            /* workspace of lm_softmax_nll_block_bytes(), LM_ALIGNMENT-aligned */
    float *loss;            /* [tokens] overwritten: nats */
    float softcap;          /* 0: none */
    float label_smoothing;  /* e, 0: none */
    float z_loss;           /* z, 0: none */
    float grad_scale;       /* usually 1 / tokens of the step */
    float *dx;              /* [tokens, C] overwritten, or NULL: loss only */
    float *dw;              /* [V, C] accumulated into, or NULL together with dx */
    bool dw_begins;         /* dw is overwritten instead */
} lm_softmax_nll;

void lm_softmax_nll_f32(const lm_compute *compute, const lm_softmax_nll *s);

/* Bytes of `block`, enough for any number of tokens up to this. */
size_t lm_softmax_nll_block_bytes(int64_t tokens, int64_t channels, int64_t vocab);

#endif

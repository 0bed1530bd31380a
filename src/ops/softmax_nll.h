/* The loss head in one piece: logits, negative log-likelihood and both gradients, block of tokens
 * by block of tokens; the [tokens, vocabulary] logits never exist whole, and nothing is computed
 * twice.
 *
 *     logits = x W^T;  loss_t = -log softmax(logits_t)[target_t]      (nats)
 *     dlogits_t = grad_scale * (softmax(logits_t) - onehot(target_t))
 *     dx = dlogits W (overwritten);  dW += dlogits^T x (accumulated)
 *
 * A soft cap replaces each logit by cap tanh(logit / cap) (Gemma Team 2024). With label smoothing e
 * (Szegedy et al. 2016) and a z-loss z, which keeps the logits from drifting (Chowdhery et al.
 * 2022, PaLM), the loss is, lse being the log of the softmax denominator,
 *     (1 - e) (lse - logit[target]) + e (lse - mean of the logits) + z lse^2
 *
 * A token may have further targets y_k of weights w_k, which the same logits predict (multi-token
 * prediction with one head). They add sum_k w_k (lse - logit[y_k]) to what the gradient is of, and
 * need no further product or exponential:
 *     dlogits_t = grad_scale * ((1 + sum_k w_k) softmax - onehot(target_t) - sum_k w_k onehot(y_k))
 *
 * A block's logits have one column per token ([V, block]): the vocabulary is the row index, so the
 * softmax needs no sums within a register, and W is read as it lies, unpacked. The shapes alone fix
 * the chunks of the vocabulary, the workspace the length of a block, which changes no bit: dW is
 * one chain over the tokens of all windows, to which further calls add, and at LM_BF16 no pair of
 * tokens reaches across the end of a block or of a window. At LM_BF16 the exponentials, which only
 * products read, are kept as bf16, with a large vocabulary in the place of the logits. */
#ifndef LM_OPS_SOFTMAX_NLL_H
#define LM_OPS_SOFTMAX_NLL_H

#include <stdbool.h>

#include "ops/array.h"

typedef struct lm_more_targets {
    int64_t n;              /* of each token; 0: none, and the rest is not read */
    const int32_t *targets; /* [n, tokens], each in [0, V); -1: the token has no such target */
    const float *weights;   /* [n] */
    float *logits;          /* workspace [n, tokens] */
    float *loss;            /* [tokens] overwritten: sum_k w_k (lse - logit[y_k]), in nats */
} lm_more_targets;

typedef struct lm_softmax_nll {
    int64_t tokens, channels, vocab;
    int64_t window;         /* tokens per window; 0: all tokens are one */
    lm_array x;             /* [tokens, C] */
    const float *w;         /* [V, C] */
    const int32_t *targets; /* [tokens], each in [0, V); LM_ASSERTed */
    void *block;            /* workspace, LM_ALIGNMENT-aligned */
    size_t block_bytes;     /* >= lm_softmax_nll_block_bytes(); more makes longer blocks */
    float *loss;            /* [tokens] overwritten, in nats */
    float softcap;          /* 0: none */
    float label_smoothing;  /* e, 0: none */
    float z_loss;           /* z, 0: none */
    float grad_scale;       /* usually 1 / tokens of the step */
    float *dx;              /* [tokens, C] overwritten, or NULL: loss only */
    float *dw;              /* [V, C] accumulated into, or NULL together with dx */
    bool dw_begins;         /* overwrite dw instead */
    lm_more_targets more;   /* only together with dx */
} lm_softmax_nll;

/* Scratch: lm_gemm_scratch_bytes(). */
void lm_softmax_nll_f32(const lm_compute *compute, const lm_softmax_nll *s);

/* Bytes of `block` for up to so many tokens, at the precision of `compute`. */
size_t lm_softmax_nll_block_bytes(lm_precision precision, int64_t tokens, int64_t channels,
                                  int64_t vocab);
/* The most that it uses of `block`, >= the former. */
size_t lm_softmax_nll_most_bytes(lm_precision precision, int64_t tokens, int64_t channels,
                                 int64_t vocab);

#endif

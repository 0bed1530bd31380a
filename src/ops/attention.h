/* Causal multi-head attention (Vaswani et al. 2017, eq. 1) with grouped key/value heads (Ainslie et
 * al. 2023), tiled with an online softmax (Milakov & Gimelshein 2018; Dao et al. 2022): no T x T
 * array, tiles above the diagonal are skipped, backward recomputes the probabilities from lse.
 *
 * Dimensions: B batch, T time, H query heads, K key/value heads (H a multiple of K), D head size.
 * q, k, v, out and their gradients are rows of tokens with any row stride, so that they may lie
 * inside one [B*T, (H+2K)*D] array: q row (b,t) is at q + (b*T+t)*q_row, head h at + h*D; k, v
 * likewise with heads of K. Query head h reads key/value head h / (H/K).
 *
 *     out_t = sum_{s<=t} softmax_s(q_t . k_s / sqrt(D)) v_s
 *
 * Where a window is set, s > t - window only (Child et al. 2019; Jiang et al. 2023); where documents
 * are, s in t's document only; tiles that nothing sees are skipped. With a soft cap, the argument of
 * the softmax is cap tanh(q_t . k_s / sqrt(D) / cap) (Gemma Team 2024).
 *
 * Tiles have one fixed size on every ISA (LM_ATTENTION_TILE), so the bits depend on the shapes
 * alone. */
#ifndef LM_OPS_ATTENTION_H
#define LM_OPS_ATTENTION_H

#include "ops/array.h"

#define LM_ATTENTION_TILE 64 /* queries, and keys, a tile */

typedef struct lm_attention {
    int64_t batch, time, heads, kv_heads, head_size;
    lm_array q, k, v; /* rows of tokens */
    int64_t qkv_row;  /* row stride of q, k, v (and of dq, dk, dv) */
    lm_array out;     /* [B*T, H*D], row stride out_row */
    int64_t out_row;
    float *lse;               /* [B, H, T]: log of the softmax denominator, kept for backward */
    int64_t window;           /* 0: none */
    const int32_t *documents; /* [B*T]: where in its row t's document begins, or NULL: at 0 */
    float softcap;            /* 0: none */
} lm_attention;

/* Overwrites out and lse. The arrays have the type of the precision. At LM_BF16 all products are of
 * bf16 pairs: queries, keys and values as they are; probabilities, and in backward dS, rounded a tile
 * at a time. Softmax, its sums and what adds up are fp32. */
void lm_attention_forward(const lm_compute *compute, const lm_attention *a);

/* Reads q, k, v, out, lse of the forward pass and dout (row stride out_row); overwrites dq, dk, dv
 * (row stride qkv_row; each may lie in one [B*T, (H+2K)*D] array like q, k, v): fp32, or the same sums
 * rounded to bf16 for what only feeds products. */
void lm_attention_backward(const lm_compute *compute, const lm_attention *a, lm_array dout,
                           lm_array dq, lm_array dk, lm_array dv);

/* Scratch bytes a worker needs, forward and backward. */
size_t lm_attention_scratch_bytes(int64_t time, int64_t head_size);

/* One new token against a cache, for generation. */
typedef struct lm_attention_token {
    int64_t length; /* tokens it sees, itself included */
    int64_t heads, kv_heads, head_size;
    const float *q;             /* [H, D] */
    const float *keys, *values; /* [length, K*D], row stride cache_row */
    int64_t cache_row;
    float softcap; /* 0: none */
} lm_attention_token;

/* out [H, D] overwritten. Runs on the calling thread. */
void lm_attention_decode_f32(const lm_compute *compute, const lm_attention_token *t, float *out);
/* Scratch bytes for tokens that see up to so many. */
size_t lm_attention_decode_scratch_bytes(int64_t max_length);

#endif

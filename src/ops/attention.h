/* Causal multi-head attention (Vaswani et al. 2017, eq. 1) with grouped key/value heads (Ainslie et
 * al. 2023), tiled with an online softmax (Milakov & Gimelshein 2018; Dao et al. 2022): there is no
 * T x T array, tiles above the diagonal are skipped, and backward recomputes the probabilities from
 * lse.
 *
 * Dimensions: B batch, T time, H query heads, K key/value heads (H a multiple of K), D head size.
 * q, k, v and their gradients have a row per token and any row stride, so that they may lie inside
 * one [B*T, (H+2K)*D] array: head h of token (b,t) is at q + (b*T+t)*qkv_row + h*D; k and v
 * likewise, with K heads. Query head h reads key/value head h / (H/K).
 *
 *     out_t = sum_{s<=t} softmax_s(scale q_t . k_s) v_s          scale is mostly 1 / sqrt(D)
 *
 * A window restricts the sum to s > t - window (Child et al. 2019; Jiang et al. 2023), documents
 * restrict it to the s in t's document; tiles that no query sees are skipped. With a soft cap, the
 * argument of the softmax is cap tanh(scale q_t . k_s / cap) (Gemma Team 2024).
 *
 * Tiles have one fixed size on every ISA (LM_ATTENTION_TILE), so the bits depend on the shapes
 * alone. */
#ifndef LM_OPS_ATTENTION_H
#define LM_OPS_ATTENTION_H

#include "ops/array.h"

#define LM_ATTENTION_TILE 64 /* queries, and keys, per tile */

typedef struct lm_attention {
    int64_t batch, time, heads, kv_heads, head_size;
    lm_array q, k, v; /* rows of tokens */
    int64_t qkv_row;  /* row stride of q, k, v (and of dq, dk, dv) */
    lm_array out;     /* [B*T, H*D], row stride out_row */
    int64_t out_row;
    float *lse;               /* [B, H, T]: log of the softmax denominator, kept for backward */
    int64_t window;           /* 0: none */
    const int32_t *documents; /* [B*T]: where in the row t's document begins; NULL: at 0 */
    float scale;              /* 1e-6 or more */
    float softcap;            /* 0: none */
} lm_attention;

/* Overwrites out and lse. The arrays have the type of the precision. At LM_BF16 all products take
 * pairs of bf16: queries, keys and values as they are; probabilities, and in backward dS, are
 * rounded tile by tile. The softmax and all sums are fp32. */
void lm_attention_forward(const lm_compute *compute, const lm_attention *a);

/* Reads q, k, v, out, lse of the forward pass and dout (row stride out_row, the precision's type).
 * Overwrites dq, dk, dv (row stride qkv_row; they may lie in one array as q, k, v do): fp32, or the
 * same sums rounded to bf16. */
void lm_attention_backward(const lm_compute *compute, const lm_attention *a, lm_array dout,
                           lm_array dq, lm_array dk, lm_array dv);

/* Scratch bytes per worker, for forward and backward. */
size_t lm_attention_scratch_bytes(int64_t time, int64_t head_size);

/* The newest tokens of one text against a cache, for generation: each sees the keys and values of
 * those before it, and its own, which are in the cache already. */
typedef struct lm_attention_cached {
    int64_t tokens, position; /* how many are new; of the first of them, how many are before it */
    int64_t heads, kv_heads, head_size;
    const float *q; /* [tokens, H*D], row stride q_row */
    int64_t q_row;
    /* [K, position + tokens, D]: a head's rows are cache_row apart, heads cache_head. Rows of one
     * head side by side are long streams to read. */
    const float *keys, *values;
    int64_t cache_head, cache_row;
    int64_t window;           /* 0: none */
    const int32_t *documents; /* [tokens]: the position where its document begins; NULL: 0 */
    float scale, softcap;     /* as above */
    float *out;               /* [tokens, H*D] overwritten, row stride out_row */
    int64_t out_row;
} lm_attention_cached;

/* A token's output has the same bits whatever other tokens are new with it. */
void lm_attention_cached_f32(const lm_compute *compute, const lm_attention_cached *a);
/* Scratch bytes per worker, for caches of up to so many tokens. */
size_t lm_attention_cached_scratch_bytes(int64_t most_keys);

#endif

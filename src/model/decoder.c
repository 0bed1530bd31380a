#include <stdlib.h>
#include <string.h>

#include "model/generate.h"
#include "model/parts.h"
#include "nn/embedding.h"
#include "nn/head_norm.h"
#include "nn/linear.h"
#include "nn/rope.h"
#include "ops/attention.h"

struct lm_decoder {
    lm_model *m;
    lm_arena arena;
    int64_t length;       /* tokens in the cache */
    int64_t document;     /* where the newest one's document begins */
    int32_t *tokens;      /* [T] those tokens */
    float *cache;         /* [L, T, 2 K D]: a row holds a token's keys, then its values */
    float *x, *norm;      /* [C] */
    float *qkv;           /* [(H + 2K) D] */
    float *att;           /* [C] */
    float *fc, *up, *act; /* [F] */
    float *branch;        /* [C] */
    float *logits;        /* [V] */
    float mean, rstd;
};

/* Elements of each piece, in the order of take_pieces. */
enum { PIECES = 11 };
static bool piece_sizes(const lm_model_options *o, size_t count[PIECES], size_t *bytes) {
    size_t row = 2 * (size_t)(o->n_kv_heads * lm_model_head_size(o)), cache;
    if (!lm_size_mul(row, (size_t)o->context_length, &cache) ||
        !lm_size_mul(cache, (size_t)o->n_layers, &cache))
        return false;
    const size_t sizes[PIECES] = {(size_t)o->context_length,
                                  cache,
                                  (size_t)o->d_model,
                                  (size_t)o->d_model,
                                  (size_t)lm_model_qkv_size(o),
                                  (size_t)o->d_model,
                                  (size_t)o->d_ff,
                                  (size_t)o->d_ff,
                                  (size_t)o->d_ff,
                                  (size_t)o->d_model,
                                  (size_t)o->vocab_size};
    *bytes = 0;
    for (int i = 0; i < PIECES; i++) {
        size_t piece, padded;
        count[i] = sizes[i];
        if (!lm_size_mul(sizes[i], sizeof(float), &piece) ||
            !lm_size_add(piece, LM_ALIGNMENT, &padded) ||
            !lm_size_add(lm_size_align(piece), *bytes, bytes))
            return false;
    }
    return true;
}

lm_status lm_decoder_create(lm_decoder **decoder, lm_model *model, lm_error *err) {
    size_t count[PIECES], bytes;
    *decoder = NULL;
    if (!piece_sizes(&model->o, count, &bytes))
        return lm_error_set(err, LM_ERR_USAGE, "the key/value cache does not fit 64 bits");
    lm_decoder *d = calloc(1, sizeof *d);
    if (!d) return lm_error_no_memory(err, NULL);
    if (lm_arena_init(&d->arena, bytes, "the key/value cache", err) != LM_OK) {
        free(d);
        return err->code;
    }
    d->m = model;
    d->tokens = lm_arena_take(&d->arena, count[0] * sizeof *d->tokens);
    float **const pieces[PIECES - 1] = {&d->cache, &d->x,  &d->norm, &d->qkv,    &d->att,
                                        &d->fc,    &d->up, &d->act,  &d->branch, &d->logits};
    for (int i = 0; i < PIECES - 1; i++)
        *pieces[i] = lm_arena_floats(&d->arena, (int64_t)count[i + 1]);
    *decoder = d;
    return LM_OK;
}

void lm_decoder_free(lm_decoder *d) {
    if (!d) return;
    lm_arena_free(&d->arena);
    free(d);
}

static const float *weight(const lm_decoder *d, lm_param_id id, int64_t layer) {
    return lm_param_at(d->m, lm_model_weights(d->m), id, layer);
}

static void norm(lm_decoder *d, lm_param_id w, lm_param_id bias, int64_t layer) {
    const lm_model_options *o = &d->m->o;
    lm_norm n = {.kind = (lm_norm_kind)o->norm,
                 .rows = 1,
                 .channels = o->d_model,
                 .eps = (float)o->norm_eps,
                 .weight = weight(d, w, layer),
                 .bias = weight(d, bias, layer),
                 .mean = &d->mean,
                 .rstd = &d->rstd};
    lm_norm_forward(d->m->compute, &n, d->x, lm_array_f32(d->norm));
}

static void linear(const lm_decoder *d, lm_param_id w, lm_param_id bias, int64_t layer, int64_t in,
                   int64_t out, const float *x, float *y) {
    lm_linear_decode(d->m->compute, in, out, x, weight(d, w, layer), weight(d, bias, layer), y);
}

/* The norm of the queries, or of the keys, in place. */
static void head_norm(lm_decoder *d, int64_t layer, bool keys) {
    const lm_model_options *o = &d->m->o;
    lm_head_norm n = {.tokens = 1,
                      .heads = keys ? o->n_kv_heads : o->n_heads,
                      .head_size = lm_model_head_size(o),
                      .row = lm_model_qkv_size(o),
                      .eps = (float)o->norm_eps,
                      .weight = weight(d, keys ? LM_P_K_NORM_WEIGHT : LM_P_Q_NORM_WEIGHT, layer),
                      .rstd = d->att}; /* as many as heads, and written later */
    float *x = d->qkv + (keys ? o->n_heads * n.head_size : 0);
    lm_head_norm_forward(d->m->compute, &n, lm_array_f32(x), x);
}

/* x += proj(attention(rope(qkv(norm1(x))))), the token's keys and values into the cache. */
static void attention(lm_decoder *d, int64_t layer) {
    const lm_model_options *o = &d->m->o;
    const lm_compute *compute = d->m->compute;
    int64_t c = o->d_model, size = lm_model_head_size(o), kd = o->n_kv_heads * size;
    norm(d, LM_P_LN_1_WEIGHT, LM_P_LN_1_BIAS, layer);
    linear(d, LM_P_QKV_WEIGHT, LM_P_QKV_BIAS, layer, c, lm_model_qkv_size(o), d->norm, d->qkv);
    if (o->qk_norm) {
        head_norm(d, layer, false);
        head_norm(d, layer, true);
    }
    if (o->position == LM_POSITION_ROPE) {
        int64_t at = d->length * (size / 2);
        lm_rope r = {.batch = 1,
                     .time = 1,
                     .heads = o->n_heads + o->n_kv_heads,
                     .head_size = size,
                     .row = lm_model_qkv_size(o),
                     .cos = d->m->buffer[LM_B_COS] + at,
                     .sin = d->m->buffer[LM_B_SIN] + at};
        lm_rope_forward(compute, &r, d->qkv, (lm_array){0});
    }
    float *rows = d->cache + layer * o->context_length * 2 * kd; /* [T, 2KD] */
    memcpy(rows + d->length * 2 * kd, d->qkv + o->n_heads * size, (size_t)(2 * kd) * sizeof *rows);
    int64_t unseen = o->window > 0 && d->length + 1 > o->window ? d->length + 1 - o->window : 0;
    if (d->document > unseen) unseen = d->document;
    rows += unseen * 2 * kd;
    lm_attention_token t = {.length = d->length + 1 - unseen,
                            .heads = o->n_heads,
                            .kv_heads = o->n_kv_heads,
                            .head_size = size,
                            .q = d->qkv,
                            .keys = rows,
                            .values = rows + kd,
                            .cache_row = 2 * kd,
                            .softcap = (float)o->attention_softcap};
    lm_attention_decode_f32(compute, &t, d->att);
    linear(d, LM_P_ATTN_PROJ_WEIGHT, LM_P_ATTN_PROJ_BIAS, layer, c, c, d->att, d->branch);
    compute->kernels->add_f32(c, d->branch, d->x);
}

/* x += proj(act(fc(norm2(x)))) */
static void mlp(lm_decoder *d, int64_t layer) {
    const lm_model_options *o = &d->m->o;
    const lm_compute *compute = d->m->compute;
    int64_t c = o->d_model, f = o->d_ff;
    bool gated = lm_mlp_is_gated((lm_mlp_kind)o->mlp);
    norm(d, LM_P_LN_2_WEIGHT, LM_P_LN_2_BIAS, layer);
    linear(d, gated ? LM_P_GATE_WEIGHT : LM_P_FC_WEIGHT, gated ? LM_P_GATE_BIAS : LM_P_FC_BIAS,
           layer, c, f, d->norm, d->fc);
    if (gated) linear(d, LM_P_UP_WEIGHT, LM_P_UP_BIAS, layer, c, f, d->norm, d->up);
    lm_activation a = {.kind = (lm_mlp_kind)o->mlp,
                       .x = lm_array_f32(d->fc),
                       .up = lm_array_f32(d->up),
                       .y = lm_array_f32(d->act)};
    float room[LM_ACTIVATION_ROOM];
    lm_activation_forward(compute->kernels, &a, 0, f, room);
    linear(d, LM_P_MLP_PROJ_WEIGHT, LM_P_MLP_PROJ_BIAS, layer, f, c, d->act, d->branch);
    compute->kernels->add_f32(c, d->branch, d->x);
}

/* One more token into the cache. */
static void feed(lm_decoder *d, int32_t token) {
    const lm_model_options *o = &d->m->o;
    d->tokens[d->length] = token;
    if (o->document_mask && token == o->document_token) d->document = d->length;
    lm_embedding e = {.batch = 1,
                      .time = 1,
                      .channels = o->d_model,
                      .tokens = &token,
                      .tokens_row = 1,
                      .first_position = d->length - d->document};
    lm_embedding_forward(d->m->compute, &e, weight(d, LM_P_WTE, 0), weight(d, LM_P_WPE, 0), d->x);
    if (o->embedding_norm) {
        norm(d, LM_P_LN_E_WEIGHT, LM_P_LN_E_BIAS, 0);
        memcpy(d->x, d->norm, (size_t)o->d_model * sizeof *d->x);
    }
    for (int64_t layer = 0; layer < o->n_layers; layer++) {
        attention(d, layer);
        mlp(d, layer);
    }
    d->length++;
}

/* Keeps the newest half of a full context: their positions change, so they are fed again. */
static void start_over(lm_decoder *d) {
    int64_t kept = d->length / 2;
    const int32_t *newest = d->tokens + (d->length - kept);
    d->length = d->document = 0;
    for (int64_t i = 0; i < kept; i++)
        feed(d, newest[i]); /* writes tokens[i], i < newest's place */
}

const float *lm_decoder_next(lm_decoder *d, int32_t token) {
    const lm_model_options *o = &d->m->o;
    LM_ASSERT(token >= 0 && token < o->vocab_size);
    if (d->length == o->context_length) start_over(d);
    feed(d, token);
    norm(d, LM_P_LN_F_WEIGHT, LM_P_LN_F_BIAS, 0);
    lm_linear_decode(d->m->compute, o->d_model, o->vocab_size, d->norm,
                     weight(d, o->tie_embeddings ? LM_P_WTE : LM_P_LM_HEAD, 0), NULL, d->logits);
    float cap = (float)o->logit_softcap;
    if (cap > 0)
        d->m->compute->kernels->softcap_f32(o->vocab_size, 1.0f / cap, cap, d->logits, NULL);
    return d->logits;
}

/* x += proj(attention(rope(qkv(norm1(x))))); qk_norm: rope(norm_qk(qkv(..))), times qk_gain. */
#include <string.h>

#include "model/pass.h"
#include "model/transfer.h"
#include "nn/head_norm.h"
#include "nn/rope.h"
#include "ops/attention.h"

/* The norm of the queries, or of the keys. */
static lm_head_norm head_norm_of(const pass *p, int64_t layer, bool keys) {
    const lm_model_options *o = &p->m->o;
    return (lm_head_norm){.tokens = p->rows,
                          .window = p->time,
                          .heads = keys ? o->n_kv_heads : o->n_heads,
                          .head_size = lm_model_head_size(o),
                          .row = lm_model_qkv_size(o),
                          .eps = (float)o->norm_eps,
                          .weight =
                              weight(p, keys ? LM_P_K_NORM_WEIGHT : LM_P_Q_NORM_WEIGHT, layer),
                          .gain = keys ? NULL : weight(p, LM_P_QK_GAIN, layer),
                          .rstd = buffer(p, keys ? LM_B_RSTD_K : LM_B_RSTD_Q, 0)};
}

/* The rotation of all queries and keys, by the model's tables from position 0 on. */
static lm_rope rope_of(const pass *p) {
    const lm_model_options *o = &p->m->o;
    int64_t turned = lm_model_rope_size(o);
    return (lm_rope){.batch = p->batch,
                     .time = p->time,
                     .heads = o->n_heads + o->n_kv_heads,
                     .head_size = lm_model_head_size(o),
                     .turned = turned,
                     .row = lm_model_qkv_size(o),
                     .cos = p->m->buffers.at[LM_B_COS],
                     .sin = p->m->buffers.at[LM_B_SIN]};
}

/* ---- queries, keys and values ----------------------------------------------------------------
 * LM_B_QKV is kept for backward: rotated, or with qk_norm as the projection gives it. Then
 * LM_B_HEADS holds the normed and rotated heads, which backward computes again. At bf16 both are
 * rounded from fp32 in LM_B_WIDE. */

/* Rotates the queries and keys in `wide`, then stores the rows in `out`. */
static void rotate(const pass *p, float *wide, lm_array out) {
    lm_rope r = rope_of(p);
    if (!p->places) {
        lm_rope_forward(p->m->compute, &r, wide, out);
        return;
    }
    r.batch = 1;
    for (int64_t i = 0; i < p->rows; i++) {
        lm_rope at = r;
        at.cos += p->places[i].position * (r.turned / 2);
        at.sin += p->places[i].position * (r.turned / 2);
        lm_rope_forward(p->m->compute, &at, wide + i * r.row, lm_array_from(out, i * r.row));
    }
}

/* Where the heads of `out` are computed: in place, or before they are rounded. */
static float *wide_of(const pass *p, lm_array out) {
    return lm_array_target(out, buffer(p, LM_B_WIDE, 0));
}

static lm_linear qkv_of(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    return lm_pass_linear(p, LM_P_QKV_WEIGHT, LM_P_QKV_BIAS, layer, o->d_model,
                          lm_model_qkv_size(o));
}

static void project(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    lm_array norm = lm_pass_norm_forward(p, &lm_norm_1, layer, layer_input(p, layer));
    lm_linear l = qkv_of(p, layer);
    lm_array qkv = operand(p, LM_B_QKV, layer); /* [B*T, A] */
    float *wide = wide_of(p, qkv);
    bool rotated = o->position == LM_POSITION_ROPE && !o->qk_norm;
    bool values = lm_pass_has_values(p, layer);
    lm_pass_linear_forward(p, &l, norm, rotated || values ? lm_array_f32(wide) : qkv);
    if (values) lm_pass_values_forward(p, layer, norm, wide);
    if (rotated)
        rotate(p, wide, qkv);
    else if (values && qkv.type == LM_BF16)
        lm_array_operand(p->m->compute, p->rows * lm_model_qkv_size(o), wide, qkv);
}

/* With qk_norm: LM_B_HEADS out of LM_B_QKV. */
static void norm_heads(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    const lm_compute *compute = p->m->compute;
    int64_t d = lm_model_head_size(o), at = o->n_heads * d;
    if (!o->qk_norm) return;
    lm_array qkv = operand(p, LM_B_QKV, layer), out = operand(p, LM_B_HEADS, 0);
    float *wide = wide_of(p, out);
    lm_head_norm q = head_norm_of(p, layer, false), k = head_norm_of(p, layer, true);
    lm_head_norm_forward(compute, &q, qkv, wide);
    lm_head_norm_forward(compute, &k, lm_array_from(qkv, at), wide + at);
    if (o->position == LM_POSITION_ROPE)
        rotate(p, wide, out);
    else if (out.type == LM_BF16)
        lm_array_operand(compute, p->rows * lm_model_qkv_size(o), wide, out);
}

/* Where attention's backward pass leaves dqkv: in fp32 for what goes on with it, else rounded at
 * once, as products read it. */
static lm_array dqkv_of(const pass *p) {
    const lm_model_options *o = &p->m->o;
    lm_array rounded = operand(p, LM_B_DQKV, 0); /* [B*T, A] */
    bool changed = o->position == LM_POSITION_ROPE || o->qk_norm || o->value_embeddings > 0;
    if (!changed && rounded.at) return rounded;
    return lm_array_f32(buffer(p, LM_B_DHEADS, 0));
}

/* In: the gradient of what attention read. Returns that of the projection, as products read it. */
static lm_array heads_backward(const pass *p, int64_t layer, lm_array of_heads) {
    const lm_model_options *o = &p->m->o;
    const lm_compute *compute = p->m->compute;
    if (of_heads.type == LM_BF16) return of_heads;
    float *dqkv = of_heads.at;
    int64_t d = lm_model_head_size(o), at = o->n_heads * d, row = lm_model_qkv_size(o);
    lm_array rounded = operand(p, LM_B_DQKV, 0), none = {0}; /* [B*T, A] */
    bool last = !o->qk_norm;                                 /* of what changes dqkv */
    if (o->position == LM_POSITION_ROPE) {
        lm_rope r = rope_of(p);
        lm_rope_backward(compute, &r, dqkv, last ? rounded : none);
    }
    if (o->qk_norm) {
        lm_array qkv = operand(p, LM_B_QKV, layer);
        lm_head_norm q = head_norm_of(p, layer, false), k = head_norm_of(p, layer, true);
        lm_head_norm_backward(compute, &q, qkv, dqkv, gradient(p, LM_P_Q_NORM_WEIGHT, layer),
                              gradient(p, LM_P_QK_GAIN, layer));
        lm_head_norm_backward(compute, &k, lm_array_from(qkv, at), dqkv + at,
                              gradient(p, LM_P_K_NORM_WEIGHT, layer), NULL);
    }
    if (o->position == LM_POSITION_ROPE && last) return rounded.at ? rounded : lm_array_f32(dqkv);
    return lm_array_operand(compute, p->rows * row, dqkv, rounded);
}

/* ---- attention ------------------------------------------------------------------------------- */
static lm_attention attention_of(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    int64_t d = lm_model_head_size(o);
    lm_array qkv = operand(p, LM_B_QKV, layer); /* [B*T, A]: H queries, K keys, K values */
    lm_array heads = o->qk_norm ? operand(p, LM_B_HEADS, 0) : qkv;
    return (lm_attention){.batch = p->batch,
                          .time = p->time,
                          .heads = o->n_heads,
                          .kv_heads = o->n_kv_heads,
                          .head_size = d,
                          .q = heads,
                          .k = lm_array_from(heads, o->n_heads * d),
                          .v = lm_array_from(qkv, (o->n_heads + o->n_kv_heads) * d),
                          .qkv_row = lm_model_qkv_size(o),
                          .out = operand(p, LM_B_ATT, layer),
                          .out_row = lm_model_att_size(o),
                          .lse = buffer(p, LM_B_LSE, layer),
                          .window = p->m->window,
                          .scale = lm_model_multipliers(o).scores,
                          .documents = documents(p),
                          .softcap = (float)o->attention_softcap};
}

/* Generation: puts the keys and values of n tokens of one sequence, from number `first` on, into
 * its cache, then attends to those that each of them sees there. */
static void attend_cache(const pass *p, int64_t layer, const lm_attention *a, int64_t first,
                         int64_t n) {
    int64_t d = a->head_size, each = p->capacity * d; /* keys of a head, or values */
    const pass_place *place = &p->places[first];
    float *cache = place->cache + layer * a->kv_heads * 2 * each;
    const float *keys = a->k.at, *values = a->v.at, *q = a->q.at;
    float *out = a->out.at;
    for (int64_t i = 0; i < n * a->kv_heads; i++) {
        int64_t token = i / a->kv_heads, head = i % a->kv_heads;
        int64_t from = (first + token) * a->qkv_row + head * d;
        float *newest = cache + head * 2 * each + (place->position + token) * d;
        memcpy(newest, keys + from, (size_t)d * sizeof *newest);
        memcpy(newest + each, values + from, (size_t)d * sizeof *newest);
    }
    lm_attention_cached c = {.tokens = n,
                             .position = place->position,
                             .heads = a->heads,
                             .kv_heads = a->kv_heads,
                             .head_size = a->head_size,
                             .q = q + first * a->qkv_row,
                             .q_row = a->qkv_row,
                             .keys = cache,
                             .values = cache + each,
                             .cache_head = 2 * each,
                             .cache_row = d,
                             .window = a->window,
                             .documents = a->documents ? a->documents + first : NULL,
                             .scale = a->scale,
                             .softcap = a->softcap,
                             .out = out + first * a->out_row,
                             .out_row = a->out_row};
    lm_attention_cached_f32(p->m->compute, &c);
}

/* Sequence by sequence. */
static void attend_caches(const pass *p, int64_t layer, const lm_attention *a) {
    for (int64_t first = 0, n; first < p->rows; first += n) {
        for (n = 1; first + n < p->rows; n++)
            if (p->places[first + n].cache != p->places[first].cache) break;
        attend_cache(p, layer, a, first, n);
    }
}

void lm_pass_attention_inside(const pass *p, int64_t layer) {
    project(p, layer);
    norm_heads(p, layer);
    lm_attention attention = attention_of(p, layer);
    if (p->places)
        attend_caches(p, layer, &attention);
    else
        lm_attention_forward(p->m->compute, &attention);
}

static lm_linear projection_of(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    return lm_pass_linear(p, LM_P_ATTN_PROJ_WEIGHT, LM_P_ATTN_PROJ_BIAS, layer,
                          lm_model_att_size(o), o->d_model);
}

void lm_pass_attention_forward(const pass *p, int64_t layer) {
    lm_pass_attention_inside(p, layer);
    lm_linear l = projection_of(p, layer);
    lm_pass_branch_forward(p, 2 * layer + 1, &l, operand(p, LM_B_ATT, layer), layer_input(p, layer),
                           buffer(p, LM_B_MID, layer));
}

/* dx in: gradient of mid; out: of x. */
void lm_pass_attention_backward(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    const lm_compute *compute = p->m->compute;
    int64_t d = lm_model_head_size(o);
    const float *x = layer_input(p, layer);
    float *dnorm = buffer(p, LM_B_DNORM, 0);  /* [B*T, C] */
    lm_array dqkv = dqkv_of(p);               /* [B*T, A] */
    lm_array datt = operand(p, LM_B_DATT, 0); /* [B*T, H D] */
    norm_heads(p, layer);
    lm_attention attention = attention_of(p, layer);
    lm_linear projection = projection_of(p, layer);
    lm_array dout = lm_pass_branch_backward(p, 2 * layer + 1);
    lm_linear_backward_input(compute, &projection, dout, datt);
    lm_linear_backward_weights(compute, &projection, attention.out, dout, !p->begins,
                               gradient(p, LM_P_ATTN_PROJ_WEIGHT, layer),
                               gradient(p, LM_P_ATTN_PROJ_BIAS, layer));
    lm_attention_backward(compute, &attention, datt, dqkv, lm_array_from(dqkv, o->n_heads * d),
                          lm_array_from(dqkv, (o->n_heads + o->n_kv_heads) * d));
    lm_array norm = lm_pass_norm_forward(p, &lm_norm_1, layer, x);
    bool values = lm_pass_has_values(p, layer);
    if (values) lm_pass_values_backward(p, layer, norm, dqkv.at);
    lm_array dwide = heads_backward(p, layer, dqkv);
    lm_linear l = qkv_of(p, layer);
    lm_linear_backward_input(compute, &l, dwide, lm_array_f32(dnorm));
    if (values) lm_pass_value_gates_backward(p, layer, norm, dnorm);
    lm_linear_backward_weights(compute, &l, norm, dwide, !p->begins,
                               gradient(p, LM_P_QKV_WEIGHT, layer),
                               gradient(p, LM_P_QKV_BIAS, layer));
    lm_pass_norm_backward(p, &lm_norm_1, layer, x);
}

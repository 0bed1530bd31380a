/* x += proj(attention(rope(qkv(norm1(x))))); qk_norm: rope(norm_qk(qkv(..))). */
#include "model/pass.h"
#include "nn/head_norm.h"
#include "nn/linear.h"
#include "nn/rope.h"
#include "ops/attention.h"

/* The norm of the queries, or of the keys. */
static lm_head_norm head_norm_of(const pass *p, int64_t layer, bool keys) {
    const lm_model_options *o = &p->m->o;
    return (lm_head_norm){.tokens = p->rows,
                          .heads = keys ? o->n_kv_heads : o->n_heads,
                          .head_size = lm_model_head_size(o),
                          .row = lm_model_qkv_size(o),
                          .eps = (float)o->norm_eps,
                          .weight =
                              weight(p, keys ? LM_P_K_NORM_WEIGHT : LM_P_Q_NORM_WEIGHT, layer),
                          .rstd = buffer(p, keys ? LM_B_RSTD_K : LM_B_RSTD_Q, 0)};
}

/* From the projection to what attention reads: in place, and kept; with qk_norm into the shared
 * buffer, and once more in backward. */
static void heads_forward(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    const lm_compute *compute = p->m->compute;
    int64_t d = lm_model_head_size(o);
    float *heads = buffer(p, LM_B_QKV, layer); /* [B*T, A] */
    if (o->qk_norm) {
        const float *qkv = heads;
        lm_head_norm q = head_norm_of(p, layer, false), k = head_norm_of(p, layer, true);
        heads = buffer(p, LM_B_HEADS, 0);
        lm_head_norm_forward(compute, &q, qkv, heads);
        lm_head_norm_forward(compute, &k, qkv + o->n_heads * d, heads + o->n_heads * d);
    }
    if (o->position == LM_POSITION_ROPE)
        lm_rope_forward(compute, p->batch, p->time, o->n_heads + o->n_kv_heads, d,
                        buffer(p, LM_B_COS, 0), buffer(p, LM_B_SIN, 0), heads,
                        lm_model_qkv_size(o));
}

/* dqkv in: of what attention read, out: of the projection. */
static void heads_backward(const pass *p, int64_t layer, float *dqkv) {
    const lm_model_options *o = &p->m->o;
    const lm_compute *compute = p->m->compute;
    int64_t d = lm_model_head_size(o);
    if (o->position == LM_POSITION_ROPE)
        lm_rope_backward(compute, p->batch, p->time, o->n_heads + o->n_kv_heads, d,
                         buffer(p, LM_B_COS, 0), buffer(p, LM_B_SIN, 0), dqkv,
                         lm_model_qkv_size(o));
    if (o->qk_norm) {
        const float *qkv = buffer(p, LM_B_QKV, layer);
        lm_head_norm q = head_norm_of(p, layer, false), k = head_norm_of(p, layer, true);
        lm_head_norm_backward(compute, &q, qkv, dqkv, gradient(p, LM_P_Q_NORM_WEIGHT, layer));
        lm_head_norm_backward(compute, &k, qkv + o->n_heads * d, dqkv + o->n_heads * d,
                              gradient(p, LM_P_K_NORM_WEIGHT, layer));
    }
}

static lm_attention attention_of(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    int64_t d = lm_model_head_size(o);
    const float *qkv = buffer(p, LM_B_QKV, layer); /* [B*T, A]: H queries, K keys, K values */
    const float *heads = o->qk_norm ? buffer(p, LM_B_HEADS, 0) : qkv;
    return (lm_attention){.batch = p->batch,
                          .time = p->time,
                          .heads = o->n_heads,
                          .kv_heads = o->n_kv_heads,
                          .head_size = d,
                          .q = heads,
                          .k = heads + o->n_heads * d,
                          .v = qkv + (o->n_heads + o->n_kv_heads) * d,
                          .qkv_row = lm_model_qkv_size(o),
                          .out = buffer(p, LM_B_ATT, layer),
                          .out_row = o->d_model,
                          .lse = buffer(p, LM_B_LSE, layer),
                          .window = o->window,
                          .documents = documents(p),
                          .softcap = (float)o->attention_softcap};
}

void lm_pass_attention_inside(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    const lm_compute *compute = p->m->compute;
    int64_t c = o->d_model, a = lm_model_qkv_size(o);
    float *qkv = buffer(p, LM_B_QKV, layer); /* [B*T, A] */
    float *norm = lm_pass_norm_forward(p, &lm_norm_1, layer, residual(p, layer));
    lm_linear_forward(compute, p->rows, c, a, norm, weight(p, LM_P_QKV_WEIGHT, layer),
                      weight(p, LM_P_QKV_BIAS, layer), qkv);
    heads_forward(p, layer);
    lm_attention attention = attention_of(p, layer);
    lm_attention_forward_f32(compute, &attention);
}

void lm_pass_attention_forward(const pass *p, int64_t layer) {
    lm_pass_attention_inside(p, layer);
    lm_pass_branch_forward(p, 2 * layer + 1, p->m->o.d_model, buffer(p, LM_B_ATT, layer),
                           weight(p, LM_P_ATTN_PROJ_WEIGHT, layer),
                           weight(p, LM_P_ATTN_PROJ_BIAS, layer), residual(p, layer),
                           buffer(p, LM_B_MID, layer));
}

/* dx in: gradient of mid; out: of x. */
void lm_pass_attention_backward(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    const lm_compute *compute = p->m->compute;
    int64_t c = o->d_model, a = lm_model_qkv_size(o), d = lm_model_head_size(o);
    const float *x = residual(p, layer);
    float *dbranch = buffer(p, LM_B_DBRANCH, 0); /* [B*T, C] */
    float *dqkv = buffer(p, LM_B_DWIDE, 0);      /* [B*T, A] */
    if (o->qk_norm) heads_forward(p, layer);
    lm_attention attention = attention_of(p, layer);
    lm_linear_backward(
        compute, p->rows, c, c, attention.out, weight(p, LM_P_ATTN_PROJ_WEIGHT, layer),
        lm_pass_branch_backward(p, 2 * layer + 1), dbranch,
        gradient(p, LM_P_ATTN_PROJ_WEIGHT, layer), gradient(p, LM_P_ATTN_PROJ_BIAS, layer));
    lm_attention_backward_f32(compute, &attention, dbranch, dqkv, dqkv + o->n_heads * d,
                              dqkv + (o->n_heads + o->n_kv_heads) * d);
    heads_backward(p, layer, dqkv);
    float *norm = lm_pass_norm_forward(p, &lm_norm_1, layer, x);
    lm_linear_backward(compute, p->rows, c, a, norm, weight(p, LM_P_QKV_WEIGHT, layer), dqkv,
                       dbranch, gradient(p, LM_P_QKV_WEIGHT, layer),
                       gradient(p, LM_P_QKV_BIAS, layer));
    lm_pass_norm_backward(p, &lm_norm_1, layer, x);
}

/* The transformer: each part's forward beside its backward.
 *
 *     x = embed(tokens) + positions               embedding_norm: x = norm_e(x)
 *     each layer:  x += proj(attention(rope(qkv(norm1(x)))))      qk_norm: rope(norm_qk(qkv(..)))
 *                  x += proj(act(fc(norm2(x))))               gated: act(gate(..), up(..))
 *     loss = softmax-NLL of norm_f(x) head^T                      logit_softcap: of cap tanh(../cap)
 *
 * Vaswani et al. 2017, with the norms before the branches (Radford et al. 2019). Backward meets the
 * layers in falling order; dx is the gradient of the residual stream, and every branch adds to it
 * through its norm. Norm and activation outputs are computed again from what forward kept. */
#include <string.h>

#include "model/pass.h"
#include "nn/dropout.h"
#include "nn/embedding.h"
#include "nn/head_norm.h"
#include "nn/linear.h"
#include "nn/rope.h"
#include "ops/attention.h"
#include "ops/softmax_nll.h"

/* ---- branches: what is added to the residual stream ------------------------------------------- */
/* Sites of dropout: the embedding, then two a layer. */
static lm_dropout dropout_of(const pass *p, int64_t site) {
    const lm_model *m = p->m;
    return (lm_dropout){.rate = m->o.dropout,
                        .seed = m->dropout_seed,
                        .site = (uint32_t)site,
                        .sample = m->first_sample,
                        .batch = p->batch,
                        .time = p->time,
                        .channels = m->o.d_model,
                        .context = m->o.context_length};
}
static bool drops(const pass *p) {
    return p->training && p->m->o.dropout > 0;
}

/* y [B*T, C] = x + dropout(branch W^T + bias), branch [B*T, in]. */
static void branch_forward(const pass *p, int64_t site, int64_t in, const float *branch,
                           const float *w, const float *bias, const float *x, float *y) {
    const lm_compute *compute = p->m->compute;
    int64_t c = p->m->o.d_model;
    if (!drops(p)) {
        lm_linear_forward_residual(compute, p->rows, in, c, branch, w, bias, x, y);
        return;
    }
    lm_dropout d = dropout_of(p, site);
    float *out = buffer(p, LM_B_NORM, 0); /* [B*T, C]: the norm has served */
    lm_linear_forward(compute, p->rows, in, c, branch, w, bias, out);
    lm_dropout_apply(compute, &d, out, x, y);
}

/* The gradient of what the projection gave: dx itself, or what dropout leaves of it. */
static const float *branch_backward(const pass *p, int64_t site) {
    const float *dx = buffer(p, LM_B_DX, 0);
    if (!drops(p)) return dx;
    lm_dropout d = dropout_of(p, site);
    float *dout = buffer(p, LM_B_NORM, 0); /* [B*T, C]: there is no norm yet */
    lm_dropout_apply(p->m->compute, &d, dx, NULL, dout);
    return dout;
}

/* ---- norms ----------------------------------------------------------------------------------- */
typedef struct norm_ids {
    lm_param_id weight, bias;
    lm_buffer_id mean, rstd;
} norm_ids;
static const norm_ids norm_e = {LM_P_LN_E_WEIGHT, LM_P_LN_E_BIAS, LM_B_MEAN_E, LM_B_RSTD_E};
static const norm_ids norm_1 = {LM_P_LN_1_WEIGHT, LM_P_LN_1_BIAS, LM_B_MEAN_1, LM_B_RSTD_1};
static const norm_ids norm_2 = {LM_P_LN_2_WEIGHT, LM_P_LN_2_BIAS, LM_B_MEAN_2, LM_B_RSTD_2};
static const norm_ids norm_f = {LM_P_LN_F_WEIGHT, LM_P_LN_F_BIAS, LM_B_MEAN_F, LM_B_RSTD_F};

static lm_norm norm_of(const pass *p, const norm_ids *ids, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    return (lm_norm){.kind = (lm_norm_kind)o->norm,
                     .rows = p->rows,
                     .channels = o->d_model,
                     .eps = (float)o->norm_eps,
                     .weight = weight(p, ids->weight, layer),
                     .bias = weight(p, ids->bias, layer),
                     .mean = buffer(p, ids->mean, layer),
                     .rstd = buffer(p, ids->rstd, layer)};
}

/* The norm of x into the shared buffer: forward, and again in backward. */
static float *norm_forward(const pass *p, const norm_ids *ids, int64_t layer, const float *x) {
    lm_norm n = norm_of(p, ids, layer);
    float *y = buffer(p, LM_B_NORM, 0); /* [B*T, C] */
    lm_norm_forward(p->m->compute, &n, x, y);
    return y;
}

/* dx += its share through the norm, from dy in dbranch. */
static void norm_backward(const pass *p, const norm_ids *ids, int64_t layer, const float *x) {
    lm_norm n = norm_of(p, ids, layer);
    lm_norm_backward(p->m->compute, &n, x, buffer(p, LM_B_DBRANCH, 0), buffer(p, LM_B_DX, 0),
                     gradient(p, ids->weight, layer), gradient(p, ids->bias, layer));
}

/* ---- attention ------------------------------------------------------------------------------- */
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

/* As far as the projection; once more in backward where the model recomputes. */
static void attention_inside(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    const lm_compute *compute = p->m->compute;
    int64_t c = o->d_model, a = lm_model_qkv_size(o);
    float *qkv = buffer(p, LM_B_QKV, layer); /* [B*T, A] */
    float *norm = norm_forward(p, &norm_1, layer, residual(p, layer));
    lm_linear_forward(compute, p->rows, c, a, norm, weight(p, LM_P_QKV_WEIGHT, layer),
                      weight(p, LM_P_QKV_BIAS, layer), qkv);
    heads_forward(p, layer);
    lm_attention attention = attention_of(p, layer);
    lm_attention_forward_f32(compute, &attention);
}

static void attention_forward(const pass *p, int64_t layer) {
    attention_inside(p, layer);
    branch_forward(p, 2 * layer + 1, p->m->o.d_model, buffer(p, LM_B_ATT, layer),
                   weight(p, LM_P_ATTN_PROJ_WEIGHT, layer), weight(p, LM_P_ATTN_PROJ_BIAS, layer),
                   residual(p, layer), buffer(p, LM_B_MID, layer));
}

/* dx in: gradient of mid; out: of x. */
static void attention_backward(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    const lm_compute *compute = p->m->compute;
    int64_t c = o->d_model, a = lm_model_qkv_size(o), d = lm_model_head_size(o);
    const float *x = residual(p, layer);
    float *dbranch = buffer(p, LM_B_DBRANCH, 0); /* [B*T, C] */
    float *dqkv = buffer(p, LM_B_DWIDE, 0);      /* [B*T, A] */
    if (o->qk_norm) heads_forward(p, layer);
    lm_attention attention = attention_of(p, layer);
    lm_linear_backward(compute, p->rows, c, c, attention.out,
                       weight(p, LM_P_ATTN_PROJ_WEIGHT, layer), branch_backward(p, 2 * layer + 1),
                       dbranch, gradient(p, LM_P_ATTN_PROJ_WEIGHT, layer),
                       gradient(p, LM_P_ATTN_PROJ_BIAS, layer));
    lm_attention_backward_f32(compute, &attention, dbranch, dqkv, dqkv + o->n_heads * d,
                              dqkv + (o->n_heads + o->n_kv_heads) * d);
    heads_backward(p, layer, dqkv);
    float *norm = norm_forward(p, &norm_1, layer, x);
    lm_linear_backward(compute, p->rows, c, a, norm, weight(p, LM_P_QKV_WEIGHT, layer), dqkv,
                       dbranch, gradient(p, LM_P_QKV_WEIGHT, layer),
                       gradient(p, LM_P_QKV_BIAS, layer));
    norm_backward(p, &norm_1, layer, x);
}

/* ---- MLP ------------------------------------------------------------------------------------- */
static bool is_gated(const pass *p) {
    return lm_mlp_is_gated((lm_mlp_kind)p->m->o.mlp);
}

/* The activation of the kept pre-activations into the shared buffer. */
static float *activation_forward(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    float *act = buffer(p, LM_B_ACT, 0); /* [B*T, F] */
    lm_activation_forward(p->m->compute, (lm_mlp_kind)o->mlp, p->rows * o->d_ff,
                          buffer(p, LM_B_FC, layer), buffer(p, LM_B_UP, layer), act);
    return act;
}

/* As far as the pre-activations. */
static void mlp_inside(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    const lm_compute *compute = p->m->compute;
    int64_t c = o->d_model, f = o->d_ff;
    bool gated = is_gated(p);
    const float *mid = buffer(p, LM_B_MID, layer); /* [B*T, C] */
    float *norm = norm_forward(p, &norm_2, layer, mid);
    lm_linear_forward(
        compute, p->rows, c, f, norm, weight(p, gated ? LM_P_GATE_WEIGHT : LM_P_FC_WEIGHT, layer),
        weight(p, gated ? LM_P_GATE_BIAS : LM_P_FC_BIAS, layer), buffer(p, LM_B_FC, layer));
    if (gated)
        lm_linear_forward(compute, p->rows, c, f, norm, weight(p, LM_P_UP_WEIGHT, layer),
                          weight(p, LM_P_UP_BIAS, layer), buffer(p, LM_B_UP, layer));
}

static void mlp_forward(const pass *p, int64_t layer) {
    mlp_inside(p, layer);
    branch_forward(p, 2 * layer + 2, p->m->o.d_ff, activation_forward(p, layer),
                   weight(p, LM_P_MLP_PROJ_WEIGHT, layer), weight(p, LM_P_MLP_PROJ_BIAS, layer),
                   buffer(p, LM_B_MID, layer), residual(p, layer + 1));
}

/* dbranch += dup W_up: the second share of the norm's gradient. */
static void add_up_share(const pass *p, int64_t layer, const float *dup) {
    int64_t c = p->m->o.d_model, f = p->m->o.d_ff;
    float *dbranch = buffer(p, LM_B_DBRANCH, 0); /* [B*T, C] */
    lm_gemm g = {.m = p->rows,
                 .n = c,
                 .k = f,
                 .a = dup,
                 .a_row = f,
                 .a_col = 1,
                 .b = weight(p, LM_P_UP_WEIGHT, layer),
                 .b_row = c,
                 .b_col = 1,
                 .init = dbranch,
                 .init_row = c,
                 .c = dbranch,
                 .c_row = c};
    lm_gemm_multiply(p->m->compute, &g);
}

/* dx in: gradient of the layer's output; out: of mid. */
static void mlp_backward(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    const lm_compute *compute = p->m->compute;
    int64_t c = o->d_model, f = o->d_ff;
    bool gated = is_gated(p);
    const float *mid = buffer(p, LM_B_MID, layer);
    float *dbranch = buffer(p, LM_B_DBRANCH, 0); /* [B*T, C] */
    float *dfc = buffer(p, LM_B_DWIDE, 0);       /* [B*T, F]: of act, then of fc */
    float *act = activation_forward(p, layer);   /* [B*T, F] */
    lm_linear_backward(compute, p->rows, f, c, act, weight(p, LM_P_MLP_PROJ_WEIGHT, layer),
                       branch_backward(p, 2 * layer + 2), dfc,
                       gradient(p, LM_P_MLP_PROJ_WEIGHT, layer),
                       gradient(p, LM_P_MLP_PROJ_BIAS, layer));
    float *dup = gated ? act : NULL; /* the activation has served */
    lm_activation_backward(compute, (lm_mlp_kind)o->mlp, p->rows * f, buffer(p, LM_B_FC, layer),
                           buffer(p, LM_B_UP, layer), dfc, dfc, dup);
    float *norm = norm_forward(p, &norm_2, layer, mid);
    lm_param_id w = gated ? LM_P_GATE_WEIGHT : LM_P_FC_WEIGHT;
    lm_linear_backward(compute, p->rows, c, f, norm, weight(p, w, layer), dfc, dbranch,
                       gradient(p, w, layer),
                       gradient(p, gated ? LM_P_GATE_BIAS : LM_P_FC_BIAS, layer));
    if (gated) {
        lm_linear_backward(compute, p->rows, c, f, norm, weight(p, LM_P_UP_WEIGHT, layer), dup,
                           NULL, gradient(p, LM_P_UP_WEIGHT, layer),
                           gradient(p, LM_P_UP_BIAS, layer));
        add_up_share(p, layer, dup);
    }
    norm_backward(p, &norm_2, layer, mid);
}

/* ---- both ends ------------------------------------------------------------------------------- */
static void embedding_forward(const pass *p) {
    bool normed = p->m->o.embedding_norm;
    float *x = normed ? buffer(p, LM_B_EMBEDDING, 0) : residual(p, 0); /* [B*T, C] */
    lm_embedding_forward(p->m->compute, p->batch, p->time, p->m->o.d_model, p->tokens, p->time + 1,
                         weight(p, LM_P_WTE, 0), weight(p, LM_P_WPE, 0), 0, documents(p), x);
    if (normed) {
        lm_norm n = norm_of(p, &norm_e, 0);
        lm_norm_forward(p->m->compute, &n, x, residual(p, 0));
    }
    if (drops(p)) {
        lm_dropout d = dropout_of(p, 0);
        lm_dropout_apply(p->m->compute, &d, residual(p, 0), NULL, residual(p, 0));
    }
}

static void embedding_backward(const pass *p) {
    float *dx = buffer(p, LM_B_DX, 0); /* [B*T, C] */
    if (drops(p)) {
        lm_dropout d = dropout_of(p, 0);
        lm_dropout_apply(p->m->compute, &d, dx, NULL, dx);
    }
    if (p->m->o.embedding_norm) {
        size_t bytes = (size_t)(p->rows * p->m->o.d_model) * sizeof *dx;
        memcpy(buffer(p, LM_B_DBRANCH, 0), dx, bytes);
        memset(dx, 0, bytes);
        norm_backward(p, &norm_e, 0, buffer(p, LM_B_EMBEDDING, 0));
    }
    lm_embedding_backward(p->m->compute, p->batch, p->time, p->m->o.d_model, p->tokens, p->time + 1,
                          documents(p), dx, gradient(p, LM_P_WTE, 0), gradient(p, LM_P_WPE, 0));
}

static int32_t *copy_targets(const pass *p) {
    int32_t *targets = (int32_t *)(void *)buffer(p, LM_B_TARGETS, 0); /* [B*T] */
    for (int64_t b = 0; b < p->batch; b++) {
        const int32_t *row = p->tokens + b * (p->time + 1);
        for (int64_t t = 0; t <= p->time; t++) {
            LM_ASSERT(row[t] >= 0 && row[t] < p->m->o.vocab_size);
            if (t > 0) targets[b * p->time + t - 1] = row[t];
        }
    }
    return targets;
}

/* The losses [B*T]; with gradients, those of the head too, and dbranch of the final norm's output.
 */
static const float *head(const pass *p, bool gradients, float grad_scale) {
    const lm_model_options *o = &p->m->o;
    lm_param_id w = o->tie_embeddings ? LM_P_WTE : LM_P_LM_HEAD;
    lm_softmax_nll s = {.tokens = p->rows,
                        .channels = o->d_model,
                        .vocab = o->vocab_size,
                        .x = norm_forward(p, &norm_f, 0, residual(p, o->n_layers)),
                        .w = weight(p, w, 0),
                        .targets = copy_targets(p),
                        .block = buffer(p, LM_B_LOGITS, 0),
                        .loss = buffer(p, LM_B_LOSS, 0),
                        .softcap = (float)o->logit_softcap,
                        .label_smoothing = gradients ? (float)o->label_smoothing : 0.0f,
                        .z_loss = gradients ? (float)o->z_loss : 0.0f,
                        .grad_scale = grad_scale,
                        .dx = gradients ? buffer(p, LM_B_DBRANCH, 0) : NULL,
                        .dw = gradients ? gradient(p, w, 0) : NULL};
    lm_softmax_nll_f32(p->m->compute, &s);
    return s.loss;
}

static double sum_losses(const float *loss, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += (double)loss[i];
    return sum;
}

/* Where the document of each token begins: at the boundary token, or with the row. */
static void find_documents(const pass *p) {
    int32_t *begins = documents(p); /* [B*T] */
    if (!begins) return;
    for (int64_t b = 0; b < p->batch; b++)
        for (int64_t t = 0; t < p->time; t++) {
            int64_t at = b * p->time + t;
            bool boundary = p->tokens[b * (p->time + 1) + t] == p->m->o.document_token;
            begins[at] = t == 0 ? 0 : boundary ? (int32_t)t : begins[at - 1];
        }
}

static pass begin(lm_model *m, const int32_t *tokens, int64_t batch, int64_t time, bool training) {
    LM_ASSERT(batch > 0 && batch <= m->batch && time > 0 && time <= m->o.context_length);
    pass p = {.m = m,
              .tokens = tokens,
              .batch = batch,
              .time = time,
              .rows = batch * time,
              .training = training};
    find_documents(&p);
    return p;
}

static void forward(const pass *p) {
    embedding_forward(p);
    for (int64_t layer = 0; layer < p->m->o.n_layers; layer++) {
        attention_forward(p, layer);
        mlp_forward(p, layer);
    }
}

static void backward(const pass *p) {
    int64_t layers = p->m->o.n_layers;
    float *dx = buffer(p, LM_B_DX, 0);
    memset(dx, 0, (size_t)(p->rows * p->m->o.d_model) * sizeof *dx);
    norm_backward(p, &norm_f, 0, residual(p, layers));
    for (int64_t layer = layers - 1; layer >= 0; layer--) {
        bool kept = layer == layers - 1; /* its activations are those computed last */
        int recompute = kept ? LM_RECOMPUTE_NONE : p->m->o.recompute;
        if (recompute == LM_RECOMPUTE_BLOCK) {
            attention_forward(p, layer);
            mlp_inside(p, layer);
        }
        mlp_backward(p, layer);
        if (recompute == LM_RECOMPUTE_ATTENTION) attention_inside(p, layer);
        attention_backward(p, layer);
    }
    embedding_backward(p);
}

void lm_model_seed_dropout(lm_model *m, uint64_t seed, uint64_t first_sample) {
    m->dropout_seed = seed;
    m->first_sample = first_sample;
}

double lm_model_forward_backward(lm_model *m, const int32_t *tokens, int64_t batch, int64_t time,
                                 float grad_scale) {
    pass p = begin(m, tokens, batch, time, true);
    LM_ASSERT(lm_model_gradients(m));
    forward(&p);
    double loss = sum_losses(head(&p, true, grad_scale), p.rows);
    backward(&p);
    return loss;
}

double lm_model_loss(lm_model *m, const int32_t *tokens, int64_t batch, int64_t time) {
    pass p = begin(m, tokens, batch, time, false);
    forward(&p);
    return sum_losses(head(&p, false, 0.0f), p.rows);
}

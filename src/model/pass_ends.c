/* x = embed(tokens) + positions + n-grams; loss = softmax-NLL of norm_f(x) head^T. */
#include <string.h>

#include "model/pass.h"
#include "model/transfer.h"
#include "nn/embedding.h"
#include "nn/scale.h"
#include "ops/softmax_nll.h"

static lm_embedding embedding_of(const pass *p) {
    return (lm_embedding){.batch = p->batch,
                          .time = p->time,
                          .channels = p->m->o.d_model,
                          .tokens = p->tokens,
                          .tokens_row = p->time + 1,
                          .documents = documents(p)};
}

/* Generation: each token at its place. */
static void embed_at_places(const pass *p, float *x) {
    const int64_t channels = p->m->o.d_model;
    for (int64_t i = 0; i < p->rows; i++) {
        lm_embedding e = {.batch = 1,
                          .time = 1,
                          .channels = channels,
                          .tokens = p->tokens + i,
                          .tokens_row = 1,
                          .first_position = p->places[i].position,
                          .documents = documents(p) ? documents(p) + i : NULL};
        lm_embedding_forward(p->m->compute, &e, weight(p, LM_P_WTE, 0), weight(p, LM_P_WPE, 0),
                             x + i * channels);
    }
}

/* ---- n-gram tables --------------------------------------------------------------------------- */
static lm_ngram ngram_of(const pass *p, bool backward) {
    lm_model *m = p->m;
    lm_ngram g = {.tokens = p->rows,
                  .channels = m->o.d_model,
                  .n = m->o.ngram_tables.count,
                  .rows = (const int32_t *)(const void *)buffer(p, LM_B_NGRAMS, 0)};
    for (int64_t k = 0; k < g.n; k++) {
        lm_param_id id = (lm_param_id)(LM_P_NGRAM + k);
        g.w[k] = weight(p, id, 0);
        if (!backward) continue;
        g.dw[k] = gradient(p, id, 0);
        g.lines[k] = &m->table_lines[k];
    }
    return g;
}

/* The row in each table of each token: n-grams begin with its window or document. */
static void find_ngrams(const pass *p) {
    const lm_model_options *o = &p->m->o;
    const lm_ngram_tables *t = &o->ngram_tables;
    int32_t *out = (int32_t *)(void *)buffer(p, LM_B_NGRAMS, 0); /* [tables, B*T] */
    const int32_t *begins = documents(p);
    for (int64_t i = 0; i < p->rows; i++) {
        const int32_t *token =
            p->places ? p->places[i].token : p->tokens + i / p->time * (p->time + 1) + i % p->time;
        int64_t before = (p->places ? p->places[i].position : i % p->time);
        if (begins) before -= begins[i];
        lm_ngram_rows(t->at, t->count, o->vocab_size, token, before, out + i, p->rows);
    }
}

void lm_pass_embedding_forward(const pass *p) {
    bool normed = p->m->o.embedding_norm, smears = p->m->o.smear;
    float *to = smears ? buffer(p, LM_B_UNSMEARED, 0) : residual(p, 0);
    float *x = normed ? buffer(p, LM_B_EMBEDDING, 0) : to; /* [B*T, C] */
    lm_embedding e = embedding_of(p);
    if (p->places)
        embed_at_places(p, x);
    else
        lm_embedding_forward(p->m->compute, &e, weight(p, LM_P_WTE, 0), weight(p, LM_P_WPE, 0), x);
    if (p->m->o.ngram_tables.count > 0) {
        find_ngrams(p);
        lm_ngram g = ngram_of(p, false);
        lm_ngram_forward(p->m->compute, &g, x);
    }
    if (normed) {
        lm_norm n = lm_pass_norm(p, &lm_norm_e, 0);
        lm_norm_forward(p->m->compute, &n, x, lm_array_f32(to));
    }
    if (smears) lm_pass_smear_forward(p, residual(p, 0));
    if (lm_pass_drops(p)) {
        lm_dropout d = lm_pass_dropout(p, 0);
        lm_dropout_apply(p->m->compute, &d, residual(p, 0), NULL, residual(p, 0));
    }
}

void lm_pass_embedding_note(const pass *p) {
    lm_embedding e = embedding_of(p);
    lm_embedding_note(&e, &p->m->embedding_rows);
}

void lm_pass_embedding_backward(const pass *p) {
    float *dx = buffer(p, LM_B_DX, 0); /* [B*T, C] */
    if (lm_pass_drops(p)) {
        lm_dropout d = lm_pass_dropout(p, 0);
        lm_dropout_apply(p->m->compute, &d, dx, NULL, dx);
    }
    if (p->m->o.smear) lm_pass_smear_backward(p);
    if (p->m->o.embedding_norm) {
        size_t bytes = (size_t)(p->rows * p->m->o.d_model) * sizeof *dx;
        memcpy(buffer(p, LM_B_DNORM, 0), dx, bytes);
        memset(dx, 0, bytes);
        lm_pass_norm_backward(p, &lm_norm_e, 0, buffer(p, LM_B_EMBEDDING, 0));
    }
    if (p->m->o.ngram_tables.count > 0) {
        lm_ngram g = ngram_of(p, true);
        lm_ngram_backward(p->m->compute, &g, dx);
    }
    lm_embedding e = embedding_of(p);
    if (p->m->o.tie_embeddings) /* lm_model_end_gradients adds them to the head's gradient */
        lm_embedding_backward_rows(p->m->compute, &e, dx, &p->m->embedding_rows,
                                   gradient(p, LM_P_WPE, 0));
    else
        lm_embedding_backward(p->m->compute, &e, dx, gradient(p, LM_P_WTE, 0),
                              gradient(p, LM_P_WPE, 0));
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

/* Token i of a row, counted on into those behind it; -1: there is none. */
static int32_t token_at(const pass *p, int64_t b, int64_t i) {
    const int32_t *behind = p->m->tokens_behind;
    if (i <= p->time) return p->tokens[b * (p->time + 1) + i];
    return behind ? behind[b * p->m->o.multi_token.count + i - p->time - 1] : -1;
}

/* The targets of token t of row b that follow its first one: out[k * stride] is the token at t + 2
 * + k, or -1. */
static void find_more_targets(const pass *p, int64_t b, int64_t t, int32_t *out, int64_t stride) {
    const lm_model_options *o = &p->m->o;
    int32_t before = token_at(p, b, t + 1);
    for (int64_t k = 0; k < o->multi_token.count; k++) {
        const bool ends = before < 0 || (o->document_mask && before == o->document_token);
        before = ends ? -1 : token_at(p, b, t + 2 + k);
        LM_ASSERT(before < o->vocab_size);
        out[k * stride] = before;
    }
}

/* weights [multi_token.count] overwritten. */
static lm_more_targets more_targets(const pass *p, float *weights) {
    const lm_number_list *each = &p->m->o.multi_token;
    int32_t *targets = (int32_t *)(void *)buffer(p, LM_B_MORE_TARGETS, 0); /* [count, B*T] */
    for (int64_t k = 0; k < each->count; k++)
        weights[k] = (float)(p->m->multi_token * each->values[k]);
    for (int64_t i = 0; i < p->rows && each->count > 0; i++)
        find_more_targets(p, i / p->time, i % p->time, targets + i, p->rows);
    return (lm_more_targets){.n = each->count,
                             .targets = targets,
                             .weights = weights,
                             .logits = buffer(p, LM_B_MORE_LOGITS, 0),
                             .loss = buffer(p, LM_B_MORE_LOSS, 0)};
}

static lm_param_id head_of(const pass *p) {
    return p->m->o.tie_embeddings ? LM_P_WTE : LM_P_LM_HEAD;
}

/* The final norm of x [rows, C] times the multiplier of logits: logits are products of it alone. */
static lm_array final_norm(const pass *p, const float *x) {
    const int64_t channels = p->m->o.d_model;
    lm_norm n = lm_pass_norm(p, &lm_norm_f, 0);
    lm_array y = operand(p, LM_B_NORM, 0); /* [rows, C] */
    float *scaled = buffer(p, LM_B_LN_F_SCALED, 0);
    const float times = lm_model_multipliers(&p->m->o).logits;
    for (int64_t i = 0; i < channels && scaled; i++) {
        scaled[i] = times * n.weight[i];
        if (n.bias) scaled[channels + i] = times * n.bias[i];
    }
    if (scaled) n.weight = scaled;
    if (scaled && n.bias) n.bias = scaled + channels;
    lm_norm_forward(p->m->compute, &n, x, y);
    return y;
}

/* LM_B_DNORM holds the gradient of what final_norm gives; here it becomes that of the norm. */
static void final_norm_backward(const pass *p) {
    const float times = lm_model_multipliers(&p->m->o).logits;
    float *dnorm = buffer(p, LM_B_DNORM, 0); /* [B*T, C] */
    if (times != 1) lm_scale(p->m->compute, p->rows * p->m->o.d_model, times, dnorm, NULL, dnorm);
}

typedef struct workspace {
    void *at;
    size_t bytes;
} workspace;

/* The loss head's: its own, or a place whose contents nobody needs (lm_buffers_share). */
static workspace head_workspace(const pass *p, bool gradients) {
    const lm_model *m = p->m;
    const lm_buffers *b = p->buffers;
    if (b->head == 0)
        return (workspace){buffer(p, LM_B_LOGITS, 0), (size_t)b->count[LM_B_LOGITS] * 4};
    if (!gradients) return (workspace){b->at[LM_B_KEPT], (size_t)lm_buffers_kept(b) * 4};
    LM_ASSERT(p->begins);
    float *end = lm_model_lent(m) + m->params.stride * m->o.n_layers;
    return (workspace){end - b->head, (size_t)b->head * sizeof *end};
}

const float *lm_pass_head(const pass *p, bool gradients, float grad_scale) {
    const lm_model_options *o = &p->m->o;
    lm_param_id w = head_of(p);
    workspace room = head_workspace(p, gradients);
    float weights[LM_NUMBERS_MOST];
    lm_softmax_nll s = {.tokens = p->rows,
                        .window = p->time,
                        .channels = o->d_model,
                        .vocab = o->vocab_size,
                        .x = final_norm(p, residual(p, o->n_layers)),
                        .w = weight(p, w, 0),
                        .targets = copy_targets(p),
                        .block = room.at,
                        .block_bytes = room.bytes,
                        .loss = buffer(p, LM_B_LOSS, 0),
                        .softcap = (float)o->logit_softcap,
                        .label_smoothing = gradients ? (float)o->label_smoothing : 0.0f,
                        .z_loss = gradients ? (float)o->z_loss : 0.0f,
                        .grad_scale = grad_scale,
                        .dx = gradients ? buffer(p, LM_B_DNORM, 0) : NULL,
                        .dw = gradients ? gradient(p, w, 0) : NULL,
                        .dw_begins = p->begins,
                        .more = gradients ? more_targets(p, weights) : (lm_more_targets){0}};
    lm_softmax_nll_f32(p->m->compute, &s);
    if (gradients) final_norm_backward(p);
    return s.loss;
}

/* The same of the last n tokens, [n, C]. */
static lm_array final_norm_of_last(const pass *p, int64_t n) {
    const lm_model_options *o = &p->m->o;
    pass last = *p;
    last.rows = n;
    return final_norm(&last, residual(p, o->n_layers) + (p->rows - n) * o->d_model);
}

void lm_pass_logits(const pass *p, int64_t n, float *logits) {
    const lm_model_options *o = &p->m->o;
    const lm_compute *compute = p->m->compute;
    float cap = (float)o->logit_softcap;
    lm_array norm = final_norm_of_last(p, n);
    lm_linear l = {.rows = n,
                   .in = o->d_model,
                   .out = o->vocab_size,
                   .w = p->head ? lm_array_bf16(p->head) : lm_array_f32(weight(p, head_of(p), 0)),
                   .order = p->order};
    lm_linear_decode(compute, &l, lm_pass_decoded(p, &l, norm), logits);
    if (cap > 0) compute->kernels->softcap_f32(n * o->vocab_size, 1.0f / cap, cap, logits, NULL);
}

void lm_pass_losses(const pass *p, const int32_t *targets, void *block, float *losses) {
    const lm_model_options *o = &p->m->o;
    lm_softmax_nll s = {.tokens = p->rows,
                        .channels = o->d_model,
                        .vocab = o->vocab_size,
                        .x = final_norm_of_last(p, p->rows),
                        .w = weight(p, head_of(p), 0),
                        .targets = targets,
                        .block = block,
                        .block_bytes = lm_softmax_nll_block_bytes(p->m->compute->precision, p->rows,
                                                                  o->d_model, o->vocab_size),
                        .loss = losses,
                        .softcap = (float)o->logit_softcap};
    lm_softmax_nll_f32(p->m->compute, &s);
}

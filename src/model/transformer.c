/* The transformer, from its parts (pass.h).
 *
 *     x = embed(tokens) + positions               embedding_norm: x = norm_e(x)
 *                                                 ngram_tables: + table_k(last k tokens), before
 *                                                 the norm
 *                                                 smear: x_t += s gate(x_t) x_{t-1}
 *     x0 = x                                      x0_residual
 *     each layer:  x = a x + b x0                 x0_residual; numbers of each layer's own
 *                  x += proj(attention(rope(qkv(norm1(x)))))      qk_norm: rope(norm_qk(qkv(..)))
 *                                                 qk_gain: its queries times a number of
 *                                                 each head
 *                                                 value_embeddings: its values plus
 *                                                 gate(norm1(x)) table(token)
 *                  x += proj(act(fc(norm2(x))))               gated: act(gate(..), up(..))
 *     loss = softmax-NLL of norm_f(x) head^T                 logit_softcap: of cap tanh(../cap)
 *                                                            multi_token: the gradient is that of
 *                                                            further targets too
 *
 * A parametrization multiplies attention's scores, what branches add, and norm_f(x) (transfer.h).
 *
 * Vaswani et al. 2017, with the norms before the branches (Radford et al. 2019). Backward goes
 * through the layers in falling order; dx is the gradient of the residual stream, and every branch
 * adds to it through its norm. Norm and activation outputs are computed again from what forward
 * kept. */
#include <string.h>

#include "model/pass.h"

/* Stores where each token's document begins: at its document_token, or with the row. */
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
    LM_ASSERT(batch > 0 && batch <= m->use.batch && time > 0 && time <= m->o.context_length);
    pass p = {.m = m,
              .buffers = &m->buffers,
              .tokens = tokens,
              .batch = batch,
              .time = time,
              .rows = batch * time,
              .training = training,
              .begins = training && m->gradients_begin};
    m->last_batch = batch;
    m->last_time = time;
    find_documents(&p);
    return p;
}

/* Training: the weights of these spans are read next. */
static void reads(const pass *p, int64_t n) {
    const lm_model_watch *w = p->m->watch;
    if (p->training && w && w->reads) w->reads(w->argument, n);
}

/* Training: the gradient of the head, if it is the embeddings of tokens too, has what this pass
 * adds, but for that to the lines of its tokens. */
static void head_finished(const pass *p) {
    const lm_model_watch *w = p->m->watch;
    if (!p->m->o.tie_embeddings || !w || !w->head_finished) return;
    lm_pass_embedding_note(p);
    p->m->late_lines = w->head_finished(w->argument);
}

/* Training: the gradients of all but these spans have what this pass adds. */
static void finished(const pass *p, int64_t n) {
    const lm_model_watch *w = p->m->watch;
    if (w && w->finished) w->finished(w->argument, n);
}

void lm_pass_forward(const pass *p) {
    const int64_t first = lm_model_first_spans(p->m);
    reads(p, first);
    lm_pass_embedding_forward(p);
    for (int64_t layer = 0; layer < p->m->o.n_layers; layer++) {
        reads(p, first + layer + 1);
        if (p->training) lm_model_round_layer(p->m, layer);
        lm_phase_layer(p->m->compute->phases, layer);
        lm_pass_mix_forward(p, layer);
        lm_pass_attention_forward(p, layer);
        lm_pass_mlp_forward(p, layer);
    }
    lm_phase_layer(p->m->compute->phases, -1);
    reads(p, first + p->m->o.n_layers + 1);
}

static void backward(const pass *p) {
    const int64_t layers = p->m->o.n_layers, first = lm_model_first_spans(p->m);
    float *dx = buffer(p, LM_B_DX, 0);
    memset(dx, 0, (size_t)(p->rows * p->m->o.d_model) * sizeof *dx);
    lm_pass_mix_backward_begin(p);
    lm_pass_norm_backward(p, &lm_norm_f, 0, residual(p, layers));
    finished(p, first + layers);
    for (int64_t layer = layers - 1; layer >= 0; layer--) {
        bool kept = layer == layers - 1; /* its activations are those computed last */
        lm_phase_layer(p->m->compute->phases, layer);
        if (p->buffers->head > 0) lm_model_clear_layer_gradients(p->m, layer);
        int recompute = kept ? LM_RECOMPUTE_NONE : p->m->o.recompute;
        if (!kept) lm_pass_mix_forward(p, layer);
        if (recompute == LM_RECOMPUTE_BLOCK) {
            lm_pass_attention_forward(p, layer);
            lm_pass_mlp_inside(p, layer);
        }
        lm_pass_mlp_backward(p, layer);
        if (recompute == LM_RECOMPUTE_ATTENTION) lm_pass_attention_inside(p, layer);
        lm_pass_attention_backward(p, layer);
        lm_pass_mix_backward(p, layer);
        finished(p, first + layer);
    }
    lm_phase_layer(p->m->compute->phases, -1);
    lm_pass_mix_backward_end(p);
    lm_pass_embedding_backward(p);
}

void lm_model_seed_dropout(lm_model *m, uint64_t seed, uint64_t first_sample) {
    m->dropout_seed = seed;
    m->first_sample = first_sample;
}

static double sum_of_windows(const lm_model *m) {
    double sum = 0;
    for (int64_t b = 0; b < m->last_batch; b++) sum += lm_model_window_loss(m, b);
    return sum;
}

double lm_model_objective(const lm_model *m) {
    const float *more = m->buffers.at[LM_B_MORE_LOSS];
    double sum = sum_of_windows(m);
    for (int64_t i = 0; more && i < m->last_batch * m->last_time; i++) sum += (double)more[i];
    return sum;
}

double lm_model_forward_backward(lm_model *m, const int32_t *tokens, int64_t batch, int64_t time,
                                 float grad_scale) {
    pass p = begin(m, tokens, batch, time, true);
    LM_ASSERT(m->gradients_at);
    lm_pass_forward(&p);
    lm_pass_head(&p, true, grad_scale);
    head_finished(&p);
    backward(&p);
    m->gradients_begin = false;
    return sum_of_windows(m);
}

double lm_model_loss(lm_model *m, const int32_t *tokens, int64_t batch, int64_t time) {
    pass p = begin(m, tokens, batch, time, false);
    lm_pass_forward(&p);
    lm_pass_head(&p, false, 0.0f);
    return sum_of_windows(m);
}

const float *lm_model_losses(const lm_model *m) {
    return m->buffers.at[LM_B_LOSS];
}

double lm_model_window_loss(const lm_model *m, int64_t b) {
    const float *losses = lm_model_losses(m) + b * m->last_time;
    double sum = 0;
    for (int64_t t = 0; t < m->last_time; t++) sum += (double)losses[t];
    return sum;
}

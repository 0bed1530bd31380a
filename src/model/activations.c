#include "model/activations.h"

#include <stdio.h>
#include <string.h>

#include "base/numbers.h"
#include "model/parts.h"
#include "model/transfer.h"
#include "ops/array.h"

enum { LOGIT_TOKENS = 16 }; /* of which logits are given out, spread evenly over the pass */

int64_t lm_model_activations(const lm_model *m) {
    return m->o.n_layers + 3;
}

void lm_model_activation_name(const lm_model *m, int64_t i, char name[LM_MODEL_ACTIVATION_NAME]) {
    const int64_t layers = m->o.n_layers;
    if (i > 0 && i <= layers)
        snprintf(name, LM_MODEL_ACTIVATION_NAME, "h.%lld", (long long)(i - 1));
    else
        strcpy(name, i == 0 ? "embedding" : i == layers + 1 ? "scores" : "logits");
}

/* Elements [at, at + n) of an operand, in fp32: itself, or in room. */
static const float *widen(const lm_model *m, lm_array x, int64_t at, int64_t n, float *room) {
    return lm_array_widen(m->compute->kernels, n, lm_array_from(x, at), room);
}

/* q.k of two heads of an operand. */
static double dot(const lm_model *m, lm_array heads, int64_t q, int64_t k, int64_t d) {
    enum { PART = 64 };
    float a[PART], b[PART];
    double sum = 0;
    for (int64_t i = 0; i < d; i += PART) {
        int64_t n = lm_min(d - i, PART);
        sum += (double)m->compute->kernels->dot_f32(n, widen(m, heads, q + i, n, a),
                                                    widen(m, heads, k + i, n, b));
    }
    return sum;
}

/* Of each window's last token, head by head, with all tokens up to it: [B, H, T]. */
static void put_scores(const lm_model *m, int64_t batch, int64_t time, float *out) {
    const lm_model_options *o = &m->o;
    const int64_t d = o->head_dim, width = lm_model_qkv_size(o),
                  shared = o->n_heads / o->n_kv_heads;
    const float *at =
        o->qk_norm ? m->buffers.at[LM_B_HEADS] : lm_model_buffer(m, LM_B_QKV, o->n_layers - 1);
    const lm_array heads = {(void *)(uintptr_t)at, m->buffers.precision};
    const float times = lm_model_multipliers(o).scores;
    for (int64_t b = 0; b < batch; b++)
        for (int64_t h = 0; h < o->n_heads; h++)
            for (int64_t t = 0; t < time; t++) {
                int64_t q = ((b + 1) * time - 1) * width + h * d;
                int64_t k = (b * time + t) * width + (o->n_heads + h / shared) * d;
                *out++ = times * (float)dot(m, heads, q, k, d);
            }
}

/* LM_B_NORM still holds the final norm times the multiplier of logits. */
static void put_logits(const lm_model *m, int64_t tokens, int64_t n, float *out) {
    const lm_model_options *o = &m->o;
    const lm_array norm = {m->buffers.at[LM_B_NORM], m->buffers.precision};
    const float *head = lm_param_at(m, (float *)(void *)m->weights.base,
                                    o->tie_embeddings ? LM_P_WTE : LM_P_LM_HEAD, 0);
    float *x = m->buffers.at[LM_B_DX];
    for (int64_t i = 0; i < n; i++) {
        const int64_t row = (i + 1) * tokens / n - 1;
        const float *y = widen(m, norm, row * o->d_model, o->d_model, x);
        for (int64_t v = 0; v < o->vocab_size; v++)
            out[i * o->vocab_size + v] =
                m->compute->kernels->dot_f32(o->d_model, y, head + v * o->d_model);
    }
}

int64_t lm_model_activation(const lm_model *m, int64_t i, int64_t batch, int64_t time, float *out) {
    const lm_model_options *o = &m->o;
    const int64_t tokens = batch * time, layers = o->n_layers;
    const int64_t n = lm_min(tokens, LOGIT_TOKENS);
    LM_ASSERT(i >= 0 && i < lm_model_activations(m) && m->use.windows > 0 && m->use.keep);
    LM_ASSERT(batch <= m->use.batch && (!out || time == m->last_time));
    if (i <= layers) {
        const float *x = lm_model_buffer(m, i < layers ? LM_B_X : LM_B_X_F, i);
        if (out) memcpy(out, x, (size_t)(tokens * o->d_model) * sizeof *out);
        return tokens * o->d_model;
    }
    if (i == layers + 1) {
        if (out) put_scores(m, batch, time, out);
        return batch * o->n_heads * time;
    }
    if (out) put_logits(m, tokens, n, out);
    return n * o->vocab_size;
}

/* What value embeddings add to the values of attention: v += gate(norm1(x)) table[token]. */
#include "model/pass.h"
#include "nn/gate.h"
#include "nn/value_embedding.h"

bool lm_pass_has_values(const pass *p, int64_t layer) {
    return lm_model_value_layer(&p->m->o, layer) >= 0;
}

/* Between 0 and 2, and 1 at first. */
static lm_gate gate_of(const pass *p, int64_t layer, lm_array norm) {
    const lm_model_options *o = &p->m->o;
    return (lm_gate){.tokens = p->rows,
                     .gates = o->n_kv_heads,
                     .channels = lm_model_gate_channels(o),
                     .window = p->time,
                     .row = o->d_model,
                     .most = 2,
                     .x = norm,
                     .w = weight(p, LM_P_VALUE_GATE, lm_model_value_layer(o, layer))};
}

static lm_value_embedding values_of(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    return (lm_value_embedding){.batch = p->batch,
                                .time = p->time,
                                .tokens = p->tokens,
                                .tokens_row = p->places ? 1 : p->time + 1,
                                .heads = o->n_kv_heads,
                                .head_size = lm_model_head_size(o),
                                .row = lm_model_qkv_size(o),
                                .table = weight(p, LM_P_VALUE, lm_model_value_layer(o, layer)),
                                .gates = buffer(p, LM_B_GATES, 0)};
}

/* Where values begin in a row of queries, keys and values. */
static int64_t first_value(const pass *p) {
    const lm_model_options *o = &p->m->o;
    return (o->n_heads + o->n_kv_heads) * lm_model_head_size(o);
}

void lm_pass_values_forward(const pass *p, int64_t layer, lm_array norm, float *qkv) {
    lm_gate gate = gate_of(p, layer, norm);
    lm_value_embedding values = values_of(p, layer);
    lm_gate_forward(p->m->compute, &gate, buffer(p, LM_B_GATES, 0));
    lm_value_embedding_forward(p->m->compute, &values, qkv + first_value(p));
}

void lm_pass_values_backward(const pass *p, int64_t layer, lm_array norm, const float *dqkv) {
    const int64_t at = lm_model_value_layer(&p->m->o, layer);
    lm_gate gate = gate_of(p, layer, norm);
    lm_value_embedding values = values_of(p, layer);
    lm_gate_forward(p->m->compute, &gate, buffer(p, LM_B_GATES, 0));
    lm_value_embedding_backward(p->m->compute, &values, dqkv + first_value(p),
                                gradient(p, LM_P_VALUE, at), buffer(p, LM_B_DGATES, 0));
}

void lm_pass_value_gates_backward(const pass *p, int64_t layer, lm_array norm, float *dnorm) {
    const int64_t at = lm_model_value_layer(&p->m->o, layer);
    lm_gate gate = gate_of(p, layer, norm);
    lm_gate_backward(p->m->compute, &gate, buffer(p, LM_B_GATES, 0), buffer(p, LM_B_DGATES, 0),
                     dnorm, gradient(p, LM_P_VALUE_GATE, at));
}

#include "model/pass.h"
#include "model/transfer.h"
#include "nn/scale.h"

/* ---- branches: what is added to the residual stream ------------------------------------------ */
lm_dropout lm_pass_dropout(const pass *p, int64_t site) {
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
bool lm_pass_drops(const pass *p) {
    return p->training && p->m->o.dropout > 0;
}

/* A layer's matrix as products read it: training at bf16 rounds it once per step. */
static lm_array matrix(const pass *p, lm_param_id id, int64_t layer) {
    const lm_model *m = p->m;
    int64_t at = m->params.offset[id] - lm_param_layers_begin(m) + layer * m->params.stride;
    if (p->training && m->rounded.base)
        return lm_array_from(lm_array_bf16((const lm_bf16 *)(const void *)m->rounded.base), at);
    if (p->rounded) return lm_array_from(lm_array_bf16(p->rounded), at);
    return lm_array_f32(weight(p, id, layer));
}

lm_linear lm_pass_linear(const pass *p, lm_param_id weights, lm_param_id bias, int64_t layer,
                         int64_t in, int64_t out) {
    return (lm_linear){.rows = p->rows,
                       .window = p->time,
                       .in = in,
                       .out = out,
                       .w = matrix(p, weights, layer),
                       .bias = weight(p, bias, layer),
                       .order = p->order};
}

lm_linear_rows lm_pass_decoded(const pass *p, const lm_linear *l, lm_array x) {
    return lm_linear_decoded(p->m->compute, l, x.at, p->operand);
}

void lm_pass_linear_forward(const pass *p, const lm_linear *l, lm_array x, lm_array y) {
    if (p->places)
        lm_linear_decode(p->m->compute, l, lm_pass_decoded(p, l, x), y.at);
    else
        lm_linear_forward(p->m->compute, l, x, y);
}

void lm_pass_linear_forward_activated(const pass *p, const lm_linear *l, lm_array x, lm_array y,
                                      const lm_activation *a) {
    if (p->places)
        lm_linear_decode_activated(p->m->compute, l, lm_pass_decoded(p, l, x), y.at, a);
    else
        lm_linear_forward_activated(p->m->compute, l, x, y, a);
}

void lm_pass_branch_forward(const pass *p, int64_t site, const lm_linear *l, lm_array branch,
                            const float *x, float *y) {
    const lm_compute *compute = p->m->compute;
    const float times = lm_model_multipliers(&p->m->o).branch;
    float *out = buffer(p, LM_B_BRANCH, 0); /* [B*T, C] */
    if (lm_pass_drops(p)) {
        lm_dropout d = lm_pass_dropout(p, site);
        lm_pass_linear_forward(p, l, branch, lm_array_f32(out));
        if (times != 1) lm_scale(compute, p->rows * l->out, times, out, NULL, out);
        lm_dropout_apply(compute, &d, out, x, y);
    } else if (times != 1) {
        lm_pass_linear_forward(p, l, branch, lm_array_f32(out));
        lm_scale(compute, p->rows * l->out, times, out, x, y);
    } else if (p->places) {
        lm_linear_decode_residual(compute, l, lm_pass_decoded(p, l, branch), x, y);
    } else {
        lm_linear_forward_residual(compute, l, branch, x, y);
    }
}

lm_array lm_pass_branch_backward(const pass *p, int64_t site) {
    const lm_compute *compute = p->m->compute;
    const float times = lm_model_multipliers(&p->m->o).branch;
    const float *dout = buffer(p, LM_B_DX, 0);
    float *changed = buffer(p, LM_B_DBRANCH, 0); /* [B*T, C] */
    if (lm_pass_drops(p)) {
        lm_dropout d = lm_pass_dropout(p, site);
        lm_dropout_apply(compute, &d, dout, NULL, changed);
        dout = changed;
    }
    if (times != 1) {
        lm_scale(compute, p->rows * p->m->o.d_model, times, dout, NULL, changed);
        dout = changed;
    }
    return lm_array_operand(compute, p->rows * p->m->o.d_model, dout,
                            operand(p, LM_B_DX_ROUNDED, 0));
}

/* ---- norms ----------------------------------------------------------------------------------- */
const norm_ids lm_norm_e = {LM_P_LN_E_WEIGHT, LM_P_LN_E_BIAS, LM_B_MEAN_E, LM_B_RSTD_E};
const norm_ids lm_norm_1 = {LM_P_LN_1_WEIGHT, LM_P_LN_1_BIAS, LM_B_MEAN_1, LM_B_RSTD_1};
const norm_ids lm_norm_2 = {LM_P_LN_2_WEIGHT, LM_P_LN_2_BIAS, LM_B_MEAN_2, LM_B_RSTD_2};
const norm_ids lm_norm_f = {LM_P_LN_F_WEIGHT, LM_P_LN_F_BIAS, LM_B_MEAN_F, LM_B_RSTD_F};

lm_norm lm_pass_norm(const pass *p, const norm_ids *ids, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    return (lm_norm){.kind = (lm_norm_kind)o->norm,
                     .rows = p->rows,
                     .window = p->time,
                     .channels = o->d_model,
                     .eps = (float)o->norm_eps,
                     .weight = weight(p, ids->weight, layer),
                     .bias = weight(p, ids->bias, layer),
                     .mean = buffer(p, ids->mean, layer),
                     .rstd = buffer(p, ids->rstd, layer)};
}

lm_array lm_pass_norm_forward(const pass *p, const norm_ids *ids, int64_t layer, const float *x) {
    lm_norm n = lm_pass_norm(p, ids, layer);
    lm_array y = operand(p, LM_B_NORM, 0); /* [B*T, C] */
    lm_norm_forward(p->m->compute, &n, x, y);
    return y;
}

void lm_pass_norm_backward(const pass *p, const norm_ids *ids, int64_t layer, const float *x) {
    lm_norm n = lm_pass_norm(p, ids, layer);
    lm_norm_backward(p->m->compute, &n, x, buffer(p, LM_B_DNORM, 0), buffer(p, LM_B_DX, 0),
                     gradient(p, ids->weight, layer), gradient(p, ids->bias, layer));
}

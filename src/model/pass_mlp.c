/* x += proj(act(fc(norm2(x)))); gated: proj(act(gate(..), up(..))). */
#include "model/pass.h"

static bool is_gated(const pass *p) {
    return lm_mlp_is_gated((lm_mlp_kind)p->m->o.mlp);
}

/* fc, or the gate where there is one. */
static lm_linear fc_of(const pass *p, int64_t layer) {
    bool gated = is_gated(p);
    return lm_pass_linear(p, gated ? LM_P_GATE_WEIGHT : LM_P_FC_WEIGHT,
                          gated ? LM_P_GATE_BIAS : LM_P_FC_BIAS, layer, p->m->o.d_model,
                          p->m->o.d_ff);
}
static lm_linear up_of(const pass *p, int64_t layer) {
    return lm_pass_linear(p, LM_P_UP_WEIGHT, LM_P_UP_BIAS, layer, p->m->o.d_model, p->m->o.d_ff);
}
static lm_linear projection_of(const pass *p, int64_t layer) {
    return lm_pass_linear(p, LM_P_MLP_PROJ_WEIGHT, LM_P_MLP_PROJ_BIAS, layer, p->m->o.d_ff,
                          p->m->o.d_model);
}

void lm_pass_mlp_inside(const pass *p, int64_t layer) {
    const lm_compute *compute = p->m->compute;
    float *wide = buffer(p, LM_B_WIDE, 0);
    lm_array norm = lm_pass_norm_forward(p, &lm_norm_2, layer, buffer(p, LM_B_MID, layer));
    lm_linear fc = fc_of(p, layer), up = up_of(p, layer);
    lm_linear_forward(compute, &fc, norm, operand(p, LM_B_FC, layer), wide);
    if (is_gated(p)) lm_linear_forward(compute, &up, norm, operand(p, LM_B_UP, layer), wide);
}

void lm_pass_mlp_forward(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    lm_array act = operand(p, LM_B_ACT, 0); /* [B*T, F] */
    lm_pass_mlp_inside(p, layer);
    lm_activation_forward(p->m->compute, (lm_mlp_kind)o->mlp, p->rows * o->d_ff,
                          operand(p, LM_B_FC, layer), operand(p, LM_B_UP, layer), act);
    lm_linear l = projection_of(p, layer);
    lm_pass_branch_forward(p, 2 * layer + 2, &l, act, buffer(p, LM_B_MID, layer),
                           residual(p, layer + 1));
}

/* dx in: gradient of the layer's output; out: of mid. */
void lm_pass_mlp_backward(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    const lm_compute *compute = p->m->compute;
    const float *mid = buffer(p, LM_B_MID, layer);
    float *dbranch = buffer(p, LM_B_DBRANCH, 0); /* [B*T, C] */
    float *dact = buffer(p, LM_B_WIDE, 0);       /* [B*T, F] */
    lm_array rounded = operand(p, LM_B_WIDE_ROUNDED, 0);
    lm_array dfc = rounded.at ? rounded : lm_array_f32(dact); /* [B*T, F] */
    lm_array act = operand(p, LM_B_ACT, 0);                   /* [B*T, F] */
    lm_array pre = operand(p, LM_B_FC, layer);                /* [B*T, F] */
    lm_array dup = operand(p, LM_B_UP, layer);                /* up, then its gradient */
    lm_array dout = lm_pass_branch_backward(p, 2 * layer + 2);
    lm_linear projection = projection_of(p, layer), fc = fc_of(p, layer), up = up_of(p, layer);
    lm_linear_backward_input(compute, &projection, dout, lm_array_f32(dact), NULL);
    lm_activation_backward(compute, (lm_mlp_kind)o->mlp, p->rows * o->d_ff, pre, dup, dact, dfc,
                           dup, act);
    lm_linear_backward_weights(compute, &projection, act, dout, !p->begins,
                               gradient(p, LM_P_MLP_PROJ_WEIGHT, layer),
                               gradient(p, LM_P_MLP_PROJ_BIAS, layer));
    bool gated = is_gated(p);
    lm_array norm = lm_pass_norm_forward(p, &lm_norm_2, layer, mid);
    lm_linear_backward_input(compute, &fc, dfc, lm_array_f32(dbranch), NULL);
    lm_linear_backward_weights(compute, &fc, norm, dfc, !p->begins,
                               gradient(p, gated ? LM_P_GATE_WEIGHT : LM_P_FC_WEIGHT, layer),
                               gradient(p, gated ? LM_P_GATE_BIAS : LM_P_FC_BIAS, layer));
    if (gated) {
        lm_linear_backward_weights(compute, &up, norm, dup, !p->begins,
                                   gradient(p, LM_P_UP_WEIGHT, layer),
                                   gradient(p, LM_P_UP_BIAS, layer));
        lm_linear_backward_input_add(compute, &up, dup, dbranch);
    }
    lm_pass_norm_backward(p, &lm_norm_2, layer, mid);
}

/* x += proj(act(fc(norm2(x)))); gated: proj(act(gate(..), up(..))). */
#include "model/pass.h"

static bool is_gated(const pass *p) {
    return lm_mlp_is_gated((lm_mlp_kind)p->m->o.mlp);
}

/* fc, or the gate if the MLP is gated. */
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

static lm_activation activation_of(const pass *p, int64_t layer) {
    return (lm_activation){.kind = (lm_mlp_kind)p->m->o.mlp,
                           .x = operand(p, LM_B_FC, layer),
                           .up = operand(p, LM_B_UP, layer),
                           .y = operand(p, LM_B_ACT, 0)};
}

/* Up to the pre-activations, or to the activations. */
static void inside(const pass *p, int64_t layer, bool activated) {
    lm_array norm = lm_pass_norm_forward(p, &lm_norm_2, layer, buffer(p, LM_B_MID, layer));
    lm_linear fc = fc_of(p, layer), up = up_of(p, layer);
    lm_activation a = activation_of(p, layer);
    bool gated = is_gated(p);
    if (gated) lm_pass_linear_forward(p, &fc, norm, a.x);
    const lm_linear *last = gated ? &up : &fc;
    lm_array to = gated ? a.up : a.x;
    if (activated)
        lm_pass_linear_forward_activated(p, last, norm, to, &a);
    else
        lm_pass_linear_forward(p, last, norm, to);
}

void lm_pass_mlp_inside(const pass *p, int64_t layer) {
    inside(p, layer, false);
}

void lm_pass_mlp_forward(const pass *p, int64_t layer) {
    inside(p, layer, true);
    lm_linear l = projection_of(p, layer);
    lm_pass_branch_forward(p, 2 * layer + 2, &l, operand(p, LM_B_ACT, 0),
                           buffer(p, LM_B_MID, layer), residual(p, layer + 1));
}

/* dx in: gradient of the layer's output; out: of mid. */
void lm_pass_mlp_backward(const pass *p, int64_t layer) {
    const lm_compute *compute = p->m->compute;
    const float *mid = buffer(p, LM_B_MID, layer);
    float *dnorm = buffer(p, LM_B_DNORM, 0);   /* [B*T, C] */
    lm_activation a = activation_of(p, layer); /* x and up become their own gradients */
    lm_array dout = lm_pass_branch_backward(p, 2 * layer + 2);
    lm_linear projection = projection_of(p, layer), fc = fc_of(p, layer), up = up_of(p, layer);
    lm_linear_backward_activated(compute, &projection, dout, &a);
    lm_linear_backward_weights(compute, &projection, a.y, dout, !p->begins,
                               gradient(p, LM_P_MLP_PROJ_WEIGHT, layer),
                               gradient(p, LM_P_MLP_PROJ_BIAS, layer));
    bool gated = is_gated(p);
    lm_array norm = lm_pass_norm_forward(p, &lm_norm_2, layer, mid);
    lm_linear_backward_input(compute, &fc, a.x, lm_array_f32(dnorm));
    lm_linear_backward_weights(compute, &fc, norm, a.x, !p->begins,
                               gradient(p, gated ? LM_P_GATE_WEIGHT : LM_P_FC_WEIGHT, layer),
                               gradient(p, gated ? LM_P_GATE_BIAS : LM_P_FC_BIAS, layer));
    if (gated) {
        lm_linear_backward_weights(compute, &up, norm, a.up, !p->begins,
                                   gradient(p, LM_P_UP_WEIGHT, layer),
                                   gradient(p, LM_P_UP_BIAS, layer));
        lm_linear_backward_input_add(compute, &up, a.up, dnorm);
    }
    lm_pass_norm_backward(p, &lm_norm_2, layer, mid);
}

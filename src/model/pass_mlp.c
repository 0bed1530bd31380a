/* x += proj(act(fc(norm2(x)))); gated: proj(act(gate(..), up(..))). */
#include "model/pass.h"
#include "nn/linear.h"

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

void lm_pass_mlp_inside(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    const lm_compute *compute = p->m->compute;
    int64_t c = o->d_model, f = o->d_ff;
    bool gated = is_gated(p);
    const float *mid = buffer(p, LM_B_MID, layer); /* [B*T, C] */
    float *norm = lm_pass_norm_forward(p, &lm_norm_2, layer, mid);
    lm_linear_forward(
        compute, p->rows, c, f, norm, weight(p, gated ? LM_P_GATE_WEIGHT : LM_P_FC_WEIGHT, layer),
        weight(p, gated ? LM_P_GATE_BIAS : LM_P_FC_BIAS, layer), buffer(p, LM_B_FC, layer));
    if (gated)
        lm_linear_forward(compute, p->rows, c, f, norm, weight(p, LM_P_UP_WEIGHT, layer),
                          weight(p, LM_P_UP_BIAS, layer), buffer(p, LM_B_UP, layer));
}

void lm_pass_mlp_forward(const pass *p, int64_t layer) {
    lm_pass_mlp_inside(p, layer);
    lm_pass_branch_forward(p, 2 * layer + 2, p->m->o.d_ff, activation_forward(p, layer),
                           weight(p, LM_P_MLP_PROJ_WEIGHT, layer),
                           weight(p, LM_P_MLP_PROJ_BIAS, layer), buffer(p, LM_B_MID, layer),
                           residual(p, layer + 1));
}

/* dbranch += dup W_up: the second share of the norm's gradient. */
static void add_up_share(const pass *p, int64_t layer, const float *dup) {
    int64_t c = p->m->o.d_model, f = p->m->o.d_ff;
    float *dbranch = buffer(p, LM_B_DBRANCH, 0); /* [B*T, C] */
    lm_gemm g = {.m = p->rows,
                 .n = c,
                 .k = f,
                 .a = lm_array_f32(dup),
                 .a_row = f,
                 .a_col = 1,
                 .b = lm_array_f32(weight(p, LM_P_UP_WEIGHT, layer)),
                 .b_row = c,
                 .b_col = 1,
                 .init = dbranch,
                 .init_row = c,
                 .c = dbranch,
                 .c_row = c};
    lm_phase before = lm_phase_enter(p->m->compute->phases, LM_PHASE_GEMM);
    lm_gemm_multiply(p->m->compute, &g);
    lm_phase_leave(p->m->compute->phases, before);
}

/* dx in: gradient of the layer's output; out: of mid. */
void lm_pass_mlp_backward(const pass *p, int64_t layer) {
    const lm_model_options *o = &p->m->o;
    const lm_compute *compute = p->m->compute;
    int64_t c = o->d_model, f = o->d_ff;
    bool gated = is_gated(p);
    const float *mid = buffer(p, LM_B_MID, layer);
    float *dbranch = buffer(p, LM_B_DBRANCH, 0); /* [B*T, C] */
    float *dfc = buffer(p, LM_B_DWIDE, 0);       /* [B*T, F]: of act, then of fc */
    float *act = activation_forward(p, layer);   /* [B*T, F] */
    lm_linear_backward(compute, p->rows, f, c, act, weight(p, LM_P_MLP_PROJ_WEIGHT, layer),
                       lm_pass_branch_backward(p, 2 * layer + 2), dfc,
                       gradient(p, LM_P_MLP_PROJ_WEIGHT, layer),
                       gradient(p, LM_P_MLP_PROJ_BIAS, layer));
    float *dup = gated ? act : NULL; /* the activation has served */
    lm_activation_backward(compute, (lm_mlp_kind)o->mlp, p->rows * f, buffer(p, LM_B_FC, layer),
                           buffer(p, LM_B_UP, layer), dfc, dfc, dup);
    float *norm = lm_pass_norm_forward(p, &lm_norm_2, layer, mid);
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
    lm_pass_norm_backward(p, &lm_norm_2, layer, mid);
}

/* What a layer reads, with x0_residual: x = a x + b x0. */
#include <string.h>

#include "model/pass.h"
#include "nn/mix.h"
#include "nn/scale.h"

/* The embedding: the first layer's input where that is kept. A model made for training evaluates
 * with it in a place that only backward needs. */
static float *x0_of(const pass *p) {
    if (layers_apart(p)) return residual(p, 0);
    float *own = buffer(p, LM_B_X0, 0);
    return own ? own : buffer(p, LM_B_DX0, 0);
}

static lm_mix mix_of(const pass *p, int64_t layer) {
    return (lm_mix){.tokens = p->rows,
                    .channels = p->m->o.d_model,
                    .window = p->time,
                    .a = *weight(p, LM_P_MIX_X, layer),
                    .b = *weight(p, LM_P_MIX_X0, layer),
                    .x = residual(p, layer),
                    .z = x0_of(p)};
}

static size_t bytes_of(const pass *p) {
    return (size_t)(p->rows * p->m->o.d_model) * sizeof(float);
}

void lm_pass_mix_forward(const pass *p, int64_t layer) {
    if (!p->m->o.x0_residual) return;
    if (layer == 0 && x0_of(p) != residual(p, 0)) memcpy(x0_of(p), residual(p, 0), bytes_of(p));
    lm_mix mix = mix_of(p, layer);
    lm_mix_forward(p->m->compute, &mix, buffer(p, LM_B_MIXED, 0));
}

void lm_pass_mix_backward_begin(const pass *p) {
    if (p->m->o.x0_residual) memset(buffer(p, LM_B_DX0, 0), 0, bytes_of(p));
}

void lm_pass_mix_backward(const pass *p, int64_t layer) {
    if (!p->m->o.x0_residual) return;
    lm_mix mix = mix_of(p, layer);
    lm_mix_backward(p->m->compute, &mix, buffer(p, LM_B_DX, 0), buffer(p, LM_B_DX0, 0),
                    gradient(p, LM_P_MIX_X, layer), gradient(p, LM_P_MIX_X0, layer));
}

void lm_pass_mix_backward_end(const pass *p) {
    if (!p->m->o.x0_residual) return;
    float *dx = buffer(p, LM_B_DX, 0);
    lm_scale(p->m->compute, p->rows * p->m->o.d_model, 1, buffer(p, LM_B_DX0, 0), dx, dx);
}

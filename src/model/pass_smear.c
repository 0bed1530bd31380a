/* With smear: x_t + s gate(x_t) x_{t-1} of the embedding. */
#include <string.h>

#include "model/pass.h"
#include "nn/gate.h"
#include "nn/scale.h"
#include "nn/smear.h"

static lm_gate gate_of(const pass *p) {
    return (lm_gate){.tokens = p->rows,
                     .gates = 1,
                     .channels = lm_model_gate_channels(&p->m->o),
                     .window = p->time,
                     .row = p->m->o.d_model,
                     .most = 1,
                     .x = lm_array_f32(buffer(p, LM_B_UNSMEARED, 0)),
                     .w = weight(p, LM_P_SMEAR_GATE, 0)};
}

static lm_smear smear_of(const pass *p) {
    return (lm_smear){.batch = p->batch,
                      .time = p->time,
                      .channels = p->m->o.d_model,
                      .documents = documents(p),
                      .scale = *weight(p, LM_P_SMEAR, 0),
                      .gates = buffer(p, LM_B_SMEAR_GATES, 0),
                      .x = buffer(p, LM_B_UNSMEARED, 0)};
}

/* Generation: each sequence keeps the row of its newest token. */
static void smear_at_places(const pass *p, const lm_smear *s, float *y) {
    const int64_t c = s->channels;
    const size_t bytes = (size_t)c * sizeof *y;
    memcpy(y, s->x, (size_t)p->rows * bytes);
    for (int64_t i = 0; i < p->rows; i++) {
        const pass_place *place = &p->places[i];
        if (place->position > (s->documents ? s->documents[i] : 0))
            lm_add_scaled(p->m->compute->kernels, c, s->scale * s->gates[i], place->newest,
                          y + i * c);
        memcpy(place->newest, s->x + i * c, bytes);
    }
}

void lm_pass_smear_forward(const pass *p, float *y) {
    lm_gate gate = gate_of(p);
    lm_smear smear = smear_of(p);
    lm_gate_forward(p->m->compute, &gate, buffer(p, LM_B_SMEAR_GATES, 0));
    if (p->places)
        smear_at_places(p, &smear, y);
    else
        lm_smear_forward(p->m->compute, &smear, y);
}

void lm_pass_smear_backward(const pass *p) {
    float *dx = buffer(p, LM_B_DX, 0), *dgates = buffer(p, LM_B_SMEAR_DGATES, 0);
    lm_gate gate = gate_of(p);
    lm_smear smear = smear_of(p);
    lm_smear_backward(p->m->compute, &smear, dx, dgates, gradient(p, LM_P_SMEAR, 0));
    lm_gate_backward(p->m->compute, &gate, smear.gates, dgates, dx,
                     gradient(p, LM_P_SMEAR_GATE, 0));
}

/* Inside the room: one pass of a micro-batch through the model, and what belongs to it by name. */
#ifndef LM_MODEL_PASS_H
#define LM_MODEL_PASS_H

#include "model/parts.h"

/* One micro-batch. Dimensions: B batch, T time, C d_model, F d_ff, A = (H + 2K) D. */
typedef struct pass {
    lm_model *m;
    const int32_t *tokens; /* [B, T+1] */
    int64_t batch, time;
    int64_t rows;  /* B*T */
    bool training; /* dropout drops */
} pass;

static inline const float *weight(const pass *p, lm_param_id id, int64_t layer) {
    return lm_param_at(p->m, lm_model_weights(p->m), id, layer);
}
static inline float *gradient(const pass *p, lm_param_id id, int64_t layer) {
    return lm_param_at(p->m, lm_model_gradients(p->m), id, layer);
}
/* A layer's copy of a buffer where there is one a layer, else the only one; NULL: none. */
static inline float *buffer(const pass *p, lm_buffer_id id, int64_t layer) {
    const lm_buffer_layout *b = &p->m->buffers;
    if (b->count[id] == 0) return NULL;
    return p->m->buffer[id] + (b->copies[id] > 1 ? layer * (int64_t)b->count[id] : 0);
}
/* Where each token's document begins in its row, [B*T]; NULL: documents are not told apart. */
static inline int32_t *documents(const pass *p) {
    return (int32_t *)(void *)buffer(p, LM_B_DOCUMENTS, 0);
}
/* What layer l gets; what the last one gives is x_f. [B*T, C] */
static inline float *residual(const pass *p, int64_t layer) {
    return layer < p->m->o.n_layers ? buffer(p, LM_B_X, layer) : buffer(p, LM_B_X_F, 0);
}

#endif

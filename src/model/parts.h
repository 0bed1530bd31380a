/* Inside the room: the rows of parameters and of activation buffers by identity, so that the
 * transformer's code says weight(m, LM_P_QKV_WEIGHT, layer), and the model itself.
 *
 * The rows are written once, in params.c and plan.c; everything here is looked up in what was
 * derived from them. */
#ifndef LM_MODEL_PARTS_H
#define LM_MODEL_PARTS_H

#include <stddef.h>

#include "base/arena.h"
#include "model/model.h"

/* ---- parameters ------------------------------------------------------------------------------ */
typedef enum lm_param_id {
    LM_P_WTE,
    LM_P_WPE,
    LM_P_LN_E_WEIGHT,
    LM_P_LN_E_BIAS,
    LM_P_LN_1_WEIGHT,
    LM_P_LN_1_BIAS,
    LM_P_QKV_WEIGHT,
    LM_P_QKV_BIAS,
    LM_P_Q_NORM_WEIGHT,
    LM_P_K_NORM_WEIGHT,
    LM_P_ATTN_PROJ_WEIGHT,
    LM_P_ATTN_PROJ_BIAS,
    LM_P_LN_2_WEIGHT,
    LM_P_LN_2_BIAS,
    LM_P_FC_WEIGHT,
    LM_P_FC_BIAS,
    LM_P_GATE_WEIGHT,
    LM_P_GATE_BIAS,
    LM_P_UP_WEIGHT,
    LM_P_UP_BIAS,
    LM_P_MLP_PROJ_WEIGHT,
    LM_P_MLP_PROJ_BIAS,
    LM_P_LN_F_WEIGHT,
    LM_P_LN_F_BIAS,
    LM_P_LM_HEAD,
    LM_P_COUNT
} lm_param_id;

typedef struct lm_param_layout {
    int64_t offset[LM_P_COUNT]; /* in the flat arrays, of layer 0; -1: the model has no such row */
    int64_t stride;             /* from a layer's rows to the next layer's */
    int64_t total;              /* elements of a flat array, padding included */
    int64_t scalars;            /* parameters: total without padding */
    int64_t matrix_scalars;     /* N of the FLOP convention */
} lm_param_layout;

/* False: some size does not fit. Options resolved. */
bool lm_param_layout_make(lm_param_layout *layout, const lm_model_options *o);

/* ---- activations ----------------------------------------------------------------------------- */
typedef enum lm_buffer_id {
    LM_B_DOCUMENTS,
    LM_B_EMBEDDING,
    LM_B_MEAN_E,
    LM_B_RSTD_E,
    LM_B_X,
    LM_B_MEAN_1,
    LM_B_RSTD_1,
    LM_B_QKV,
    LM_B_ATT,
    LM_B_LSE,
    LM_B_MID,
    LM_B_MEAN_2,
    LM_B_RSTD_2,
    LM_B_FC,
    LM_B_UP,
    LM_B_X_F,
    LM_B_MEAN_F,
    LM_B_RSTD_F,
    LM_B_NORM,
    LM_B_HEADS,
    LM_B_RSTD_Q,
    LM_B_RSTD_K,
    LM_B_ACT,
    LM_B_TARGETS,
    LM_B_LOSS,
    LM_B_LOGITS,
    LM_B_COS,
    LM_B_SIN,
    LM_B_DX,
    LM_B_DBRANCH,
    LM_B_WIDE,
    LM_B_DX_ROUNDED,
    LM_B_DQKV,
    LM_B_COUNT
} lm_buffer_id;

typedef struct lm_buffer_layout {
    size_t count[LM_B_COUNT];   /* 4-byte elements of one copy; 0: the model has no such buffer */
    int64_t copies[LM_B_COUNT]; /* n_layers where every layer keeps its own, else 1 */
    size_t bytes;               /* of the whole arena */
} lm_buffer_layout;

bool lm_buffer_layout_make(lm_buffer_layout *layout, const lm_model_options *o, int64_t batch,
                           bool training, lm_precision precision);

/* Scratch a worker needs: the most any layer asks for, decoding included. */
size_t lm_model_scratch_bytes(const lm_model_options *o);

/* ---- the model ------------------------------------------------------------------------------- */
struct lm_model {
    lm_model_options o;
    int64_t batch; /* most rows of context_length a micro-batch may have */
    lm_compute *compute;
    lm_param *rows;
    int64_t n_rows;
    lm_param_layout params;
    lm_buffer_layout buffers;
    uint64_t dropout_seed, first_sample;
    bool gradients_begin; /* the next pass overwrites the gradients of matrices */
    lm_arena weights, gradients, activations;
    lm_arena rounded; /* of training at LM_BF16: the layers' rows as bf16, made anew each step */
    float *buffer[LM_B_COUNT]; /* [copies, count]; operands may be bf16 (plan.c) */
};

static inline int64_t lm_model_head_size(const lm_model_options *o) {
    return o->d_model / o->n_heads;
}
/* Width of a row of queries, keys and values: (H + 2K) D. */
static inline int64_t lm_model_qkv_size(const lm_model_options *o) {
    return (o->n_heads + 2 * o->n_kv_heads) * lm_model_head_size(o);
}

/* Where the layers' rows begin in a flat array; they are n_layers * stride long. */
static inline int64_t lm_param_layers_begin(const lm_model *m) {
    return m->params.offset[LM_P_LN_1_WEIGHT];
}

/* A parameter of a layer (0 for those outside the layers) in a flat array; NULL: there is none. */
static inline float *lm_param_at(const lm_model *m, float *flat, lm_param_id id, int64_t layer) {
    int64_t offset = m->params.offset[id];
    return offset < 0 ? NULL : flat + offset + layer * m->params.stride;
}

#endif

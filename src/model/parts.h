/* Inside the room: parameters and activation buffers by name, so that the transformer's code says
 * weight(p, LM_P_QKV_WEIGHT, layer), and the model itself.
 *
 * params.c has one row per parameter, plan.c one per buffer. From the rows derive the sizes, the
 * offsets, and which of them a model has. */
#ifndef LM_MODEL_PARTS_H
#define LM_MODEL_PARTS_H

#include <stddef.h>

#include "base/arena.h"
#include "model/model.h"
#include "nn/embedding.h"
#include "nn/gate.h"

/* ---- conditions ------------------------------------------------------------------------------ */
/* A row of either table exists if all its conditions are true. */
enum {
    LM_IF_BIAS = 1 << 0, /* every linear layer has one */
    LM_IF_LAYERNORM = 1 << 1,
    LM_IF_LEARNED = 1 << 2, /* positions */
    LM_IF_ROPE = 1 << 3,
    LM_IF_PLAIN = 1 << 4, /* the MLP has no gate */
    LM_IF_GATED = 1 << 5,
    LM_IF_UNTIED = 1 << 6,
    LM_IF_QK_NORM = 1 << 7,
    LM_IF_EMBEDDING_NORM = 1 << 8,
    LM_IF_DOCUMENTS = 1 << 9,
    LM_IF_QKV_BIAS = 1 << 10,
    LM_IF_NORM_BIAS = 1 << 11,
    LM_IF_NGRAMS = 1 << 12,
    LM_IF_X0 = 1 << 13,
    LM_IF_QK_GAIN = 1 << 14,
    LM_IF_VALUES = 1 << 15,
    LM_IF_SMEAR = 1 << 16,
    LM_IF_MULTI_TOKEN = 1 << 17,
    /* for buffers, by what they are made for (lm_buffers_size): */
    LM_IF_TRAINING = 1 << 20,
    LM_IF_NO_TRAINING = 1 << 21, /* layers have no copies of their own */
    LM_IF_WINDOWS = 1 << 22,     /* training or evaluation */
    LM_IF_BF16 = 1 << 23,
    LM_IF_BRANCH = 1 << 24, /* training, or a multiplier of branches */
    LM_IF_LOGITS_SCALED = 1 << 25,
};
/* Those that are true of the options (params.c). */
unsigned lm_model_conditions(const lm_model_options *o);

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
    LM_P_MIX_X, /* from here on: rows that begin as nothing, behind all others */
    LM_P_MIX_X0,
    LM_P_QK_GAIN,
    LM_P_VALUE, /* of layers that have them: lm_model_value_layer */
    LM_P_VALUE_GATE,
    LM_P_SMEAR,
    LM_P_SMEAR_GATE,
    LM_P_NGRAM, /* tables of n-grams, one after the other */
    LM_P_NGRAM_LAST = LM_P_NGRAM + LM_NGRAM_TABLES_MOST - 1,
    LM_P_COUNT
} lm_param_id;

typedef struct lm_param_layout {
    int64_t offset[LM_P_COUNT]; /* in the flat arrays, for layer 0; -1: the model has no such row */
    int64_t step[LM_P_COUNT];   /* from a row to that of the next layer */
    int64_t stride;             /* the same, of the layers' rows that stand side by side */
    int64_t total;              /* elements of a flat array, padding included */
    int64_t aside;              /* elements in front of the rows that begin as nothing */
    int64_t dense;              /* of these, in front of the n-gram tables */
    int64_t scalars;            /* parameters: total without padding */
    int64_t table_scalars;      /* those of n-gram tables */
    int64_t matrix_scalars;     /* N of the FLOP convention */
} lm_param_layout;

/* False: some size does not fit. Options resolved. */
bool lm_param_layout_make(lm_param_layout *layout, const lm_model_options *o);

/* ---- activations ----------------------------------------------------------------------------- */
typedef enum lm_buffer_id {
    LM_B_DOCUMENTS,
    LM_B_NGRAMS,
    LM_B_EMBEDDING,
    LM_B_MEAN_E,
    LM_B_RSTD_E,
    LM_B_X, /* here begins what layers keep for backward */
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
    LM_B_LOGITS, /* here it ends */
    LM_B_X_F,
    LM_B_MEAN_F,
    LM_B_RSTD_F,
    LM_B_LN_F_SCALED,
    LM_B_NORM,
    LM_B_HEADS,
    LM_B_RSTD_Q,
    LM_B_RSTD_K,
    LM_B_ACT,
    LM_B_TARGETS,
    LM_B_LOSS,
    LM_B_MORE_TARGETS,
    LM_B_MORE_LOGITS,
    LM_B_MORE_LOSS,
    LM_B_COS,
    LM_B_SIN,
    LM_B_DX,
    LM_B_BRANCH,
    LM_B_WIDE,
    LM_B_DX_ROUNDED,
    LM_B_DQKV,
    LM_B_X0,
    LM_B_MIXED,
    LM_B_DX0,
    LM_B_GATES,
    LM_B_DGATES,
    LM_B_UNSMEARED,
    LM_B_SMEAR_GATES,
    LM_B_SMEAR_DGATES,
    LM_B_COUNT,
    /* Shared buffers by what else they hold, at times when nobody needs the first: */
    LM_B_KEPT = LM_B_X,    /* in evaluation: the loss head's workspace, up to LM_B_LOGITS */
    LM_B_DATT = LM_B_NORM, /* gradient of attention's output, before the norm is computed again */
    LM_B_DBRANCH = LM_B_BRANCH, /* gradient of the branch's output, with dropout */
    LM_B_DNORM = LM_B_BRANCH,   /* gradient of the norm's output */
    LM_B_DHEADS = LM_B_WIDE,    /* gradient of queries, keys and values in fp32 */
} lm_buffer_id;

/* What the buffers serve: micro-batches forward and backward, or forward only, or generation, in
 * which up to LM_DECODE_TOKENS tokens of a text pass through the model at once: so many that
 * reading the weights from memory takes little of the time that the arithmetic does. */
enum { LM_DECODE_TOKENS = 256 };
typedef enum lm_buffers_use { LM_FOR_TRAINING, LM_FOR_EVALUATION, LM_FOR_DECODING } lm_buffers_use;

/* What every layer keeps of its own lies side by side, layer after layer. Where a step's gradients
 * come from one pass, the last layers keep theirs where the gradients of layers will be: backward
 * goes through the layers in falling order, and writes a layer's gradients when nobody needs what
 * lies there any more.
 *
 *     gradients of the layers  | 0 | 1 | 2 | 3 | 4 | 5 |
 *     until then               | kept by 3, 4, 5 |     loss head's workspace |
 *                                each ends before its own layer's gradients begin */
typedef struct lm_buffers {
    lm_precision precision;    /* of operands: those that matrix products read */
    int64_t count[LM_B_COUNT]; /* 4-byte elements of one copy; 0: the model has no such buffer */
    bool each[LM_B_COUNT];     /* every layer keeps its own */
    float *at[LM_B_COUNT];     /* [count], of `each` layer 0's; NULL: none */
    int64_t place[LM_B_COUNT]; /* of `each`: where it begins in what a layer keeps */
    int64_t stride;            /* elements that a layer keeps of its own */
    int64_t layers;            /* that have memory of their own for it; the others are lent some */
    int64_t head;              /* elements at the end of the layers' gradients that are the loss
                                  head's workspace; 0: LM_B_LOGITS is */
} lm_buffers;

/* How large each buffer is for `batch` rows of context_length tokens, in generation for `batch`
 * tokens. False: some size does not fit. */
bool lm_buffers_size(lm_buffers *b, const lm_model_options *o, int64_t batch, lm_buffers_use use,
                     lm_precision precision);
/* Where a step's gradients come from one pass: lends the gradients of the layers to the loss head,
 * and then to as many layers as there is room for. Evaluation leaves gradients alone: all layers
 * use what the first one keeps, and then the head uses what layers keep, for which LM_B_LOGITS
 * makes it large enough. Nothing is lent where the gradients are too small for the head. */
void lm_buffers_share(lm_buffers *b, const lm_model_options *o, const lm_model_use *use,
                      const lm_param_layout *params);
/* From LM_B_KEPT to LM_B_LOGITS, at b->at[LM_B_KEPT]: so many 4-byte elements at least. */
int64_t lm_buffers_kept(const lm_buffers *b);
/* Takes them from an arena; from one that measures, to learn how large it must be. */
void lm_buffers_take(lm_buffers *b, lm_arena *arena);

/* Takes what an array of gradients needs, the array included, for m's options, layout and use. */
void lm_gradients_take(lm_model *m, lm_arena *arena);

/* Scratch a worker needs: the most any layer asks for, decoding included. */
size_t lm_model_scratch_bytes(const lm_model_options *o);

/* ---- the model ------------------------------------------------------------------------------- */
struct lm_model {
    lm_model_options o;
    int64_t window;               /* lm_model_set_window */
    double multi_token;           /* lm_model_set_multi_token */
    const int32_t *tokens_behind; /* lm_model_set_tokens_behind */
    lm_model_use use;
    lm_compute *compute;
    lm_param *rows;
    int64_t n_rows;
    lm_param_layout params;
    lm_buffers buffers;
    uint64_t dropout_seed, first_sample;
    int64_t last_batch;   /* windows of the last pass */
    int64_t last_time;    /* tokens per window of it */
    float *gradients_at;  /* flat [total]: what passes add to; NULL: the model does not train */
    bool gradients_begin; /* the next pass overwrites the gradients of matrices */
    lm_embedding_rows embedding_rows; /* training: of embeddings that are the head too */
    bool late_lines;                  /* these stay apart: lm_model_late_line */
    lm_line_set table_lines[LM_NGRAM_TABLES_MOST]; /* training: that own gradients reach */
    float *const *others;                          /* [n_others] lm_model_set_others */
    int n_others;
    lm_lines *lines; /* [n_rows] the same, for lm_model_lines */
    bool all_lines;  /* lm_model_touch_all */
    lm_arena weights, gradients, activations;
    bool beside;            /* another: weights and what is rounded are that one's */
    lm_arena rounded;       /* training at LM_BF16: the layers' rows as bf16, made anew each step */
    int64_t rounded_layers; /* of so many in this step */
    const lm_model_watch *watch;
};

static inline int64_t lm_model_head_size(const lm_model_options *o) {
    return o->head_dim;
}
/* Of these, channels that are rotated. */
static inline int64_t lm_model_rope_size(const lm_model_options *o) {
    return o->rope_dim;
}
/* Width of attention's output: H D, which is d_model unless head_dim says otherwise. */
static inline int64_t lm_model_att_size(const lm_model_options *o) {
    return o->n_heads * lm_model_head_size(o);
}
/* Width of a row of queries, keys and values: (H + 2K) D. */
static inline int64_t lm_model_qkv_size(const lm_model_options *o) {
    return (o->n_heads + 2 * o->n_kv_heads) * lm_model_head_size(o);
}
/* The number of a layer among those with value embeddings, every value_embeddings-th from the last
 * one back; -1: it has none. */
static inline int64_t lm_model_value_layer(const lm_model_options *o, int64_t layer) {
    int64_t behind = o->n_layers - 1 - layer, every = o->value_embeddings;
    return every == 0 || behind % every != 0 ? -1 : (o->n_layers - 1) / every - behind / every;
}
/* Channels that a gate reads. */
static inline int64_t lm_model_gate_channels(const lm_model_options *o) {
    return o->d_model < LM_GATE_CHANNELS ? o->d_model : LM_GATE_CHANNELS;
}
/* Whether (H + 2K) D is at most three times the largest d_model. Sizes are below 2^31 each; a zero
 * among n_kv_heads and head_dim stands for its default, with which the heads fit. */
static inline bool lm_model_heads_fit(const lm_model_options *o) {
    int64_t kv_heads = o->n_kv_heads > 0 ? o->n_kv_heads : o->n_heads;
    return o->head_dim <= 3 * (int64_t)INT32_MAX / (o->n_heads + 2 * kv_heads);
}

/* The spans that a pass reads before the layers: what stands behind all other rows, if anything
 * does, the embeddings of tokens, the other embeddings. */
static inline int64_t lm_param_first_spans(const lm_param_layout *p) {
    return p->aside < p->total ? 3 : 2;
}
static inline int64_t lm_model_first_spans(const lm_model *m) {
    return lm_param_first_spans(&m->params);
}
/* Makes the bf16 copies of this layer's weights if there are none yet in this step. */
void lm_model_round_layer(lm_model *m, int64_t layer);

/* Clears the gradients of a layer where backward adds to them, and the padding between rows. */
void lm_model_clear_layer_gradients(lm_model *m, int64_t layer);

/* Where the layers' rows begin in a flat array; they are n_layers * stride long. */
static inline int64_t lm_param_layers_begin(const lm_model *m) {
    return m->params.offset[LM_P_LN_1_WEIGHT];
}

/* Where the gradients of the layers begin, which are lent until backward writes them. */
static inline float *lm_model_lent(const lm_model *m) {
    return m->gradients_at + lm_param_layers_begin(m);
}
/* A buffer of the model's: the layer's own copy, or the only one; NULL: there is no such buffer. */
static inline float *lm_model_buffer(const lm_model *m, lm_buffer_id id, int64_t layer) {
    const lm_buffers *b = &m->buffers;
    if (!b->each[id]) return b->at[id];
    if (layer < b->layers) return b->at[id] + layer * b->stride;
    return lm_model_lent(m) + (layer - b->layers) * b->stride + b->place[id];
}

/* A parameter of a layer (0 for those outside of layers) in a flat array; NULL: there is none. */
static inline float *lm_param_at(const lm_model *m, float *flat, lm_param_id id, int64_t layer) {
    int64_t offset = m->params.offset[id];
    return offset < 0 ? NULL : flat + offset + layer * m->params.step[id];
}

#endif

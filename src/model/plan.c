/* The activation buffers, one row each, and the memory plan that follows from them.
 *
 * Each layer keeps for backward: its input x, qkv, the attention's output and lse, the residual
 * stream after attention, and the MLP's pre-activations. What is cheap to compute again (norms and
 * their statistics, activation outputs) is not kept. All layers share the buffers of backward. Per
 * token, a GPT-2 layer keeps 10 C floats, and all layers share 8 C more. recompute = attention
 * (Korthikanti et al. 2022) keeps 6 C of the 10, recompute = block (Chen et al. 2016) only x. At
 * LM_BF16, what matrix products read is kept as bf16: 8 C of the 10 take half the memory. */
#include "model/parts.h"
#include "model/transfer.h"
#include "nn/head_norm.h"
#include "nn/mix.h"
#include "nn/norm.h"
#include "nn/rope.h"
#include "ops/attention.h"
#include "ops/gemm.h"
#include "ops/softmax_nll.h"

/* TIME: positions of a row, TOKENS: of all rows. */
typedef enum dim {
    ONE,
    TWO,
    TOKENS,
    HEAD_TOKENS,
    KV_HEAD_TOKENS,
    TABLE_TOKENS,
    MORE_TOKENS,
    TIME,
    HALF_ROPE,
    LOGITS,
    C,
    ATT,
    C_OR_ATT,
    QKV,
    F,
    WIDE
} dim;
/* Whether a training model has a copy for every layer. */
typedef enum keeping {
    ONCE,
    EACH,             /* always */
    UNLESS_BLOCK,     /* not when whole blocks are recomputed */
    UNLESS_RECOMPUTE, /* nor when attention is */
} keeping;

/* An element has four bytes (a float, an int32), or is an operand of products at the precision. */
typedef enum element { FLOAT, OPERAND } element;

static const struct buffer_row {
    keeping kept;
    dim rows, columns;
    unsigned conditions;
    element type;
} table[LM_B_COUNT] = {
    /* the beginning */
    [LM_B_DOCUMENTS] = {ONCE, TOKENS, ONE, LM_IF_DOCUMENTS, FLOAT},    /* int32 */
    [LM_B_NGRAMS] = {ONCE, TABLE_TOKENS, ONE, LM_IF_NGRAMS, FLOAT},    /* int32: rows in tables */
    [LM_B_EMBEDDING] = {ONCE, TOKENS, C, LM_IF_EMBEDDING_NORM, FLOAT}, /* before its norm */
    [LM_B_MEAN_E] = {ONCE, TOKENS, ONE, LM_IF_EMBEDDING_NORM | LM_IF_LAYERNORM, FLOAT},
    [LM_B_RSTD_E] = {ONCE, TOKENS, ONE, LM_IF_EMBEDDING_NORM, FLOAT},
    /* a layer's own */
    [LM_B_X] = {EACH, TOKENS, C, 0, FLOAT}, /* the layer's input */
    [LM_B_MEAN_1] = {ONCE, TOKENS, ONE, LM_IF_LAYERNORM, FLOAT},
    [LM_B_RSTD_1] = {ONCE, TOKENS, ONE, 0, FLOAT},
    [LM_B_QKV] = {UNLESS_RECOMPUTE, TOKENS, QKV, 0, OPERAND}, /* rotated, unless qk_norm */
    [LM_B_ATT] = {UNLESS_RECOMPUTE, TOKENS, ATT, 0, OPERAND}, /* before the projection */
    [LM_B_LSE] = {UNLESS_RECOMPUTE, HEAD_TOKENS, ONE, LM_IF_WINDOWS, FLOAT},
    [LM_B_MID] = {UNLESS_BLOCK, TOKENS, C, 0, FLOAT}, /* x + attention branch */
    [LM_B_MEAN_2] = {ONCE, TOKENS, ONE, LM_IF_LAYERNORM, FLOAT},
    [LM_B_RSTD_2] = {ONCE, TOKENS, ONE, 0, FLOAT},
    [LM_B_FC] = {UNLESS_BLOCK, TOKENS, F, 0, OPERAND}, /* pre-activation; the gate's where gated */
    [LM_B_UP] = {UNLESS_BLOCK, TOKENS, F, LM_IF_GATED, OPERAND}, /* backward: then its gradient */
    [LM_B_LOGITS] = {ONCE, LOGITS, ONE, LM_IF_WINDOWS, FLOAT},
    /* the end of the network */
    [LM_B_X_F] = {ONCE, TOKENS, C, 0, FLOAT},
    [LM_B_MEAN_F] = {ONCE, TOKENS, ONE, LM_IF_LAYERNORM, FLOAT},
    [LM_B_RSTD_F] = {ONCE, TOKENS, ONE, 0, FLOAT},
    /* its weights and biases times the multiplier of logits */
    [LM_B_LN_F_SCALED] = {ONCE, TWO, C, LM_IF_LOGITS_SCALED, FLOAT},
    [LM_B_TARGETS] = {ONCE, TOKENS, ONE, LM_IF_WINDOWS, FLOAT}, /* int32 */
    [LM_B_LOSS] = {ONCE, TOKENS, ONE, LM_IF_WINDOWS, FLOAT},
    /* of the targets behind the next token: int32, logits, losses */
    [LM_B_MORE_TARGETS] = {ONCE, MORE_TOKENS, ONE, LM_IF_MULTI_TOKEN | LM_IF_TRAINING, FLOAT},
    [LM_B_MORE_LOGITS] = {ONCE, MORE_TOKENS, ONE, LM_IF_MULTI_TOKEN | LM_IF_TRAINING, FLOAT},
    [LM_B_MORE_LOSS] = {ONCE, TOKENS, ONE, LM_IF_MULTI_TOKEN | LM_IF_TRAINING, FLOAT},
    /* shared by all layers; parts.h names what else some of them hold */
    [LM_B_NORM] = {ONCE, TOKENS, C_OR_ATT, 0, OPERAND}, /* output of the norm at hand */
    /* with qk_norm, the queries and keys of the layer at hand as attention reads them. Rows are as
     * far apart as those of qkv; nobody reads the place of the values */
    [LM_B_HEADS] = {ONCE, TOKENS, QKV, LM_IF_QK_NORM, OPERAND},
    [LM_B_RSTD_Q] = {ONCE, HEAD_TOKENS, ONE, LM_IF_QK_NORM, FLOAT},
    [LM_B_RSTD_K] = {ONCE, KV_HEAD_TOKENS, ONE, LM_IF_QK_NORM, FLOAT},
    [LM_B_ACT] = {ONCE, TOKENS, F, 0, OPERAND}, /* output of the activation at hand */
    [LM_B_COS] = {ONCE, TIME, HALF_ROPE, LM_IF_ROPE | LM_IF_WINDOWS, FLOAT},
    [LM_B_SIN] = {ONCE, TIME, HALF_ROPE, LM_IF_ROPE | LM_IF_WINDOWS, FLOAT},
    [LM_B_DX] = {ONCE, TOKENS, C, LM_IF_TRAINING, FLOAT}, /* gradient of the residual stream */
    /* what the last product of a branch gives, if it is added to x afterwards: dropout, multiplier
     */
    [LM_B_BRANCH] = {ONCE, TOKENS, C, LM_IF_BRANCH, FLOAT},
    /* in fp32, at times: queries, keys and values before they are rounded; their gradient */
    [LM_B_WIDE] = {ONCE, TOKENS, WIDE, 0, FLOAT},
    [LM_B_DX_ROUNDED] = {ONCE, TOKENS, C, LM_IF_TRAINING | LM_IF_BF16, OPERAND},
    [LM_B_DQKV] = {ONCE, TOKENS, QKV, LM_IF_TRAINING | LM_IF_BF16, OPERAND},
    /* the embedding, where no layer keeps its input; what the layer at hand reads */
    [LM_B_X0] = {ONCE, TOKENS, C, LM_IF_X0 | LM_IF_NO_TRAINING, FLOAT},
    [LM_B_MIXED] = {ONCE, TOKENS, C, LM_IF_X0, FLOAT},
    [LM_B_DX0] = {ONCE, TOKENS, C, LM_IF_X0 | LM_IF_TRAINING, FLOAT},
    [LM_B_UNSMEARED] = {ONCE, TOKENS, C, LM_IF_SMEAR, FLOAT}, /* embedding */
    [LM_B_SMEAR_GATES] = {ONCE, TOKENS, ONE, LM_IF_SMEAR, FLOAT},
    [LM_B_SMEAR_DGATES] = {ONCE, TOKENS, ONE, LM_IF_SMEAR | LM_IF_TRAINING, FLOAT},
    [LM_B_GATES] = {ONCE, KV_HEAD_TOKENS, ONE, LM_IF_VALUES, FLOAT}, /* of value embeddings */
    [LM_B_DGATES] = {ONCE, KV_HEAD_TOKENS, ONE, LM_IF_VALUES | LM_IF_TRAINING, FLOAT},
};

enum { LINE = LM_ALIGNMENT / 4 }; /* elements that buffers are multiples of */

/* What the buffers are made for. */
typedef struct made_for {
    const lm_model_options *o;
    int64_t batch, time;
    bool training, bf16;
} made_for;

/* Columns of LM_B_WIDE; 0: nothing needs it. */
static int64_t wide_columns(const made_for *f) {
    const lm_model_options *o = f->o;
    bool changed = o->position == LM_POSITION_ROPE || o->qk_norm || o->value_embeddings > 0;
    return (f->bf16 ? changed : f->training) ? lm_model_qkv_size(o) : 0;
}

/* The dimension d, checked; options are below 2^31 each (lm_param_layout_make saw to it). */
static bool size_of(const made_for *f, dim d, int64_t *size) {
    const lm_model_options *o = f->o;
    int64_t tokens;
    if (!lm_count_mul(f->batch, f->time, &tokens)) return false;
    *size = 1;
    switch (d) {
    case ONE:
        break;
    case TWO:
        *size = 2;
        break;
    case TOKENS:
        *size = tokens;
        break;
    case HEAD_TOKENS:
        return lm_count_mul(tokens, o->n_heads, size);
    case KV_HEAD_TOKENS:
        return lm_count_mul(tokens, o->n_kv_heads, size);
    case TABLE_TOKENS:
        return lm_count_mul(tokens, o->ngram_tables.count, size);
    case MORE_TOKENS:
        return lm_count_mul(tokens, o->multi_token.count, size);
    case TIME:
        *size = f->time;
        break;
    case HALF_ROPE:
        *size = lm_model_rope_size(o) / 2;
        break;
    case LOGITS:
        *size = (int64_t)(lm_softmax_nll_block_bytes(f->bf16 ? LM_BF16 : LM_FP32, tokens,
                                                     o->d_model, o->vocab_size) /
                          sizeof(float));
        break;
    case C:
        *size = o->d_model;
        break;
    case ATT:
        *size = lm_model_att_size(o);
        break;
    case C_OR_ATT: /* whichever is wider: see LM_B_DATT */
        *size = lm_max(o->d_model, lm_model_att_size(o));
        break;
    case QKV:
        *size = lm_model_qkv_size(o);
        break;
    case F:
        *size = o->d_ff;
        break;
    case WIDE:
        *size = wide_columns(f);
        break;
    }
    return true;
}

static bool keeps_each(const lm_model_options *o, keeping kept) {
    switch (kept) {
    case ONCE:
        return false;
    case EACH:
        return true;
    case UNLESS_BLOCK:
        return o->recompute != LM_RECOMPUTE_BLOCK;
    case UNLESS_RECOMPUTE:
        return o->recompute == LM_RECOMPUTE_NONE;
    }
    return false;
}

bool lm_buffers_size(lm_buffers *b, const lm_model_options *o, int64_t batch, lm_buffers_use use,
                     lm_precision precision) {
    bool training = use == LM_FOR_TRAINING, decoding = use == LM_FOR_DECODING;
    bool bf16 = precision == LM_BF16;
    const lm_multipliers times = lm_model_multipliers(o);
    made_for f = {.o = o,
                  .batch = batch,
                  .time = decoding ? 1 : o->context_length,
                  .training = training,
                  .bf16 = bf16};
    unsigned truth = lm_model_conditions(o) | (training ? LM_IF_TRAINING : LM_IF_NO_TRAINING) |
                     (decoding ? 0u : LM_IF_WINDOWS) | (bf16 ? LM_IF_BF16 : 0u) |
                     (training || times.branch != 1 ? LM_IF_BRANCH : 0u) |
                     (times.logits != 1 ? LM_IF_LOGITS_SCALED : 0u);
    int64_t sum = 0;
    *b = (lm_buffers){.precision = precision};
    for (int id = 0; id < LM_B_COUNT; id++) {
        int64_t rows, columns, count, all;
        if ((table[id].conditions & ~truth) != 0) continue;
        if (!size_of(&f, table[id].rows, &rows) || !size_of(&f, table[id].columns, &columns) ||
            !lm_count_mul(rows, columns, &count))
            return false;
        if (bf16 && table[id].type == OPERAND) count = count / 2 + count % 2; /* in four bytes */
        b->count[id] = count;
        b->each[id] = training && keeps_each(o, table[id].kept);
        if (!lm_count_add(count, LINE - 1, &count)) return false;
        count = count / LINE * LINE;
        if (!lm_count_mul(count, b->each[id] ? o->n_layers : 1, &all) ||
            !lm_count_add(sum, all, &sum))
            return false;
        if (!b->each[id]) continue;
        b->place[id] = b->stride;
        b->stride += count;
    }
    b->layers = o->n_layers;
    return true;
}

int64_t lm_buffers_kept(const lm_buffers *b) {
    int64_t sum = b->layers * b->stride;
    for (int id = LM_B_KEPT; id <= LM_B_LOGITS; id++)
        if (!b->each[id]) sum += b->count[id];
    return sum;
}

/* How many of the last layers are lent memory: what they keep lies at the front of the layers'
 * gradients, `room` elements, in order. Layer i's must end before its own gradients begin, at
 * i * stride; as both are equally large for all layers, that is so for all if it is for the first
 * and the last one. */
static int64_t lent_layers(const lm_buffers *b, int64_t n_layers, int64_t stride, int64_t room) {
    int64_t lent = 0;
    for (int64_t n = 1; n < n_layers; n++)
        if (b->stride <= (n_layers - n) * stride && n * b->stride <= (n_layers - 1) * stride &&
            n * b->stride <= room)
            lent = n;
    return lent;
}

void lm_buffers_share(lm_buffers *b, const lm_model_options *o, const lm_model_use *use,
                      const lm_param_layout *params) {
    int64_t need = b->count[LM_B_LOGITS], all = params->stride * o->n_layers;
    if (use->keep || use->windows == 0 || use->windows > use->batch || need > all) return;
    int64_t most = (int64_t)(lm_softmax_nll_most_bytes(b->precision, use->batch * o->context_length,
                                                       o->d_model, o->vocab_size) /
                             sizeof(float));
    b->count[LM_B_LOGITS] = 0;
    b->head = lm_min(most, all);
    b->layers -= lent_layers(b, o->n_layers, params->stride, all - b->head);
    b->count[LM_B_LOGITS] = lm_max(need - lm_buffers_kept(b), 0);
}

/* What layers keep of their own. */
static void take_layers(lm_buffers *b, lm_arena *arena) {
    float *at = lm_arena_array(arena, b->layers, b->stride, sizeof *at);
    for (int id = 0; id < LM_B_COUNT; id++)
        if (b->each[id]) b->at[id] = at ? at + b->place[id] : NULL;
}

/* Whether a buffer that attention needs has room where the MLP has its own. */
static bool lies_in_act(const lm_buffers *b, int id) {
    bool wide = b->count[LM_B_WIDE] > 0;
    return (id == LM_B_WIDE || (id == LM_B_DQKV && !wide)) && b->count[id] <= b->count[LM_B_ACT];
}

void lm_buffers_take(lm_buffers *b, lm_arena *arena) {
    for (int id = 0; id < LM_B_COUNT; id++) {
        if (id == LM_B_KEPT && b->stride > 0) take_layers(b, arena);
        if (b->count[id] == 0 || b->each[id]) continue;
        if (lies_in_act(b, id))
            b->at[id] = b->at[LM_B_ACT];
        else
            b->at[id] = lm_arena_floats(arena, b->count[id]);
    }
}

size_t lm_model_scratch_bytes(const lm_model_options *o) {
    int64_t d = lm_model_head_size(o);
    const size_t needs[] = {
        lm_norm_scratch_bytes(o->d_model),
        lm_mix_scratch_bytes(),
        lm_gate_scratch_bytes(o->n_kv_heads),
        lm_gemm_scratch_bytes(),
        lm_rope_scratch_bytes(lm_model_rope_size(o)),
        lm_head_norm_scratch_bytes(o->n_heads, d),
        lm_attention_scratch_bytes(o->context_length, d),
        lm_attention_cached_scratch_bytes(o->context_length),
    };
    size_t most = 0;
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) most = lm_size_max(most, needs[i]);
    return lm_size_align(most);
}

void lm_gradients_take(lm_model *m, lm_arena *arena) {
    const lm_model_options *o = &m->o;
    int64_t tokens;
    if (!lm_count_mul(m->use.windows, o->context_length, &tokens)) tokens = INT64_MAX;
    m->gradients_at = lm_arena_floats(arena, m->params.total);
    if (o->tie_embeddings)
        lm_embedding_rows_take(&m->embedding_rows, arena, o->vocab_size, o->d_model, tokens);
    for (int64_t k = 0; k < o->ngram_tables.count; k++)
        lm_line_set_take(&m->table_lines[k], arena, o->ngram_tables.at[k].rows);
}

/* Of gradients, and what they need. */
static size_t gradient_bytes(const lm_model_options *o, const lm_param_layout *params,
                             const lm_model_use *use) {
    lm_model m = {.o = *o, .params = *params, .use = *use};
    lm_arena measure = lm_arena_measuring();
    if (use->windows > 0) lm_gradients_take(&m, &measure);
    return measure.used;
}

void lm_model_plan_make(lm_model_plan *plan, const lm_model_options *o, const lm_model_use *use,
                        lm_precision precision, int threads) {
    lm_param_layout params;
    lm_buffers buffers;
    lm_arena activations = lm_arena_measuring();
    size_t weights, gradients, scratch, rounded = 0, sum = 0;
    bool training = use->windows > 0;
    LM_ASSERT(use->batch > 0 && threads > 0 && (!training || use->windows >= use->batch));
    *plan = (lm_model_plan){.overflow = true};
    if (!lm_param_layout_make(&params, o) ||
        !lm_size_mul((size_t)params.total, sizeof(float), &weights) ||
        !lm_size_mul((size_t)params.stride, (size_t)o->n_layers * sizeof(lm_bf16), &rounded) ||
        !lm_buffers_size(&buffers, o, use->batch, training ? LM_FOR_TRAINING : LM_FOR_EVALUATION,
                         precision) ||
        !lm_size_mul(lm_model_scratch_bytes(o), (size_t)threads, &scratch) ||
        !lm_size_add(weights, gradients = gradient_bytes(o, &params, use), &sum))
        return;
    lm_buffers_share(&buffers, o, use, &params);
    lm_buffers_take(&buffers, &activations);
    if (!lm_size_add(sum, activations.used, &sum) || !lm_size_add(sum, scratch, &sum) ||
        !lm_size_add(sum, rounded, &sum))
        return;
    *plan = (lm_model_plan){.parameters = params.scalars,
                            .tables = params.table_scalars,
                            .dense = params.dense,
                            .matrix_parameters = params.matrix_scalars,
                            .weights = weights,
                            .gradients = gradients,
                            .activations = activations.used,
                            .scratch = scratch,
                            .rounded = training && precision == LM_BF16 ? rounded : 0};
    int64_t seen = o->window > 0 ? lm_min(o->window, o->context_length) : o->context_length;
    plan->flops_per_token = 6.0 * (double)params.matrix_scalars + 12.0 * (double)o->n_layers *
                                                                      (double)lm_model_att_size(o) *
                                                                      (double)seen;
}

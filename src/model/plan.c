/* The activation buffers, one row each, and the memory plan that follows from them.
 *
 * Kept for backward, a layer: its input x, qkv, the attention's output and lse, the residual stream
 * after attention, and the MLP's pre-activations. What is cheap to compute again (norms and their
 * statistics, activation outputs) is not kept. Buffers of backward are shared by all layers. Per token
 * of a GPT-2 layer that makes 10 C floats, and once 11 C more; recompute = attention (Korthikanti et
 * al. 2022) keeps 6 C of the 10, recompute = block (Chen et al. 2016) only x. At LM_BF16, what feeds
 * matrix products is kept as bf16: half of 8 C of the 10. */
#include "model/parts.h"
#include "nn/head_norm.h"
#include "nn/norm.h"
#include "nn/rope.h"
#include "ops/attention.h"
#include "ops/gemm.h"
#include "ops/softmax_nll.h"

typedef enum dim {
    ONE,
    TOKENS,
    HEAD_TOKENS,
    KV_HEAD_TOKENS,
    TIME,
    HALF_HEAD,
    LOGITS,
    C,
    QKV,
    F,
    WIDE
} dim;
enum { /* what the model must have, or be made for */
       IF_LAYERNORM = 1,
       IF_GATED = 2,
       IF_ROPE = 4,
       IF_TRAINING = 8,
       IF_QK_NORM = 16,
       IF_EMBEDDING_NORM = 32,
       IF_DOCUMENTS = 64,
       IF_BF16 = 128,
       IF_WIDE = 256, /* training, or bf16 */
};

/* Whether a training model has a copy for every layer. */
typedef enum keeping {
    ONCE,
    EACH,             /* always */
    UNLESS_BLOCK,     /* not when whole blocks are recomputed */
    UNLESS_RECOMPUTE, /* nor when attention is */
} keeping;

/* What an element is: four bytes (a float, an int32), or what matrix products read at the precision. */
typedef enum element { FLOAT, OPERAND } element;

static const struct buffer_row {
    keeping kept;
    dim rows, columns;
    unsigned conditions;
    element type;
} table[LM_B_COUNT] = {
    /* the beginning */
    [LM_B_DOCUMENTS] = {ONCE, TOKENS, ONE, IF_DOCUMENTS, FLOAT},    /* int32 */
    [LM_B_EMBEDDING] = {ONCE, TOKENS, C, IF_EMBEDDING_NORM, FLOAT}, /* before its norm */
    [LM_B_MEAN_E] = {ONCE, TOKENS, ONE, IF_EMBEDDING_NORM | IF_LAYERNORM, FLOAT},
    [LM_B_RSTD_E] = {ONCE, TOKENS, ONE, IF_EMBEDDING_NORM, FLOAT},
    /* a layer's own */
    [LM_B_X] = {EACH, TOKENS, C, 0, FLOAT}, /* the layer's input */
    [LM_B_MEAN_1] = {ONCE, TOKENS, ONE, IF_LAYERNORM, FLOAT},
    [LM_B_RSTD_1] = {ONCE, TOKENS, ONE, 0, FLOAT},
    [LM_B_QKV] = {UNLESS_RECOMPUTE, TOKENS, QKV, 0, OPERAND}, /* rotated, but with qk_norm */
    [LM_B_ATT] = {UNLESS_RECOMPUTE, TOKENS, C, 0, OPERAND},   /* before the projection */
    [LM_B_LSE] = {UNLESS_RECOMPUTE, HEAD_TOKENS, ONE, 0, FLOAT},
    [LM_B_MID] = {UNLESS_BLOCK, TOKENS, C, 0, FLOAT}, /* x + attention branch */
    [LM_B_MEAN_2] = {ONCE, TOKENS, ONE, IF_LAYERNORM, FLOAT},
    [LM_B_RSTD_2] = {ONCE, TOKENS, ONE, 0, FLOAT},
    [LM_B_FC] = {UNLESS_BLOCK, TOKENS, F, 0, OPERAND}, /* pre-activation; the gate's where gated */
    [LM_B_UP] = {UNLESS_BLOCK, TOKENS, F, IF_GATED, OPERAND}, /* in backward, then its gradient */
    /* the end of the network */
    [LM_B_X_F] = {ONCE, TOKENS, C, 0, FLOAT},
    [LM_B_MEAN_F] = {ONCE, TOKENS, ONE, IF_LAYERNORM, FLOAT},
    [LM_B_RSTD_F] = {ONCE, TOKENS, ONE, 0, FLOAT},
    [LM_B_TARGETS] = {ONCE, TOKENS, ONE, 0, FLOAT}, /* int32 */
    [LM_B_LOSS] = {ONCE, TOKENS, ONE, 0, FLOAT},
    [LM_B_LOGITS] = {ONCE, LOGITS, ONE, 0, FLOAT},
    /* shared by all layers */
    [LM_B_NORM] = {ONCE, TOKENS, C, 0,
                   OPERAND}, /* output of the norm at hand; attention's gradient */
    /* with qk_norm, the queries and keys of the layer at hand as attention reads them; the place of
     * the values is not read, so that rows are as far apart as those of qkv */
    [LM_B_HEADS] = {ONCE, TOKENS, QKV, IF_QK_NORM, OPERAND},
    [LM_B_RSTD_Q] = {ONCE, HEAD_TOKENS, ONE, IF_QK_NORM, FLOAT},
    [LM_B_RSTD_K] = {ONCE, KV_HEAD_TOKENS, ONE, IF_QK_NORM, FLOAT},
    [LM_B_ACT] = {ONCE, TOKENS, F, 0, OPERAND}, /* output of the activation at hand */
    [LM_B_COS] = {ONCE, TIME, HALF_HEAD, IF_ROPE, FLOAT},
    [LM_B_SIN] = {ONCE, TIME, HALF_HEAD, IF_ROPE, FLOAT},
    [LM_B_DX] = {ONCE, TOKENS, C, IF_TRAINING, FLOAT},      /* gradient of the residual stream */
    [LM_B_DBRANCH] = {ONCE, TOKENS, C, IF_TRAINING, FLOAT}, /* of a branch's narrow parts */
    /* the gradient of qkv in fp32; at bf16 what qkv is rounded from after rotating or norming; the sums of
     * a product whose k takes several blocks, on their way to what is rounded or activated */
    [LM_B_WIDE] = {ONCE, TOKENS, WIDE, IF_WIDE, FLOAT},
    [LM_B_DX_ROUNDED] = {ONCE, TOKENS, C, IF_TRAINING | IF_BF16, OPERAND},
    [LM_B_DQKV] = {ONCE, TOKENS, QKV, IF_TRAINING | IF_BF16, OPERAND},
};

/* The dimension d, checked; options are below 2^31 each (lm_param_layout_make saw to it). */
static bool size_of(const lm_model_options *o, int64_t batch, dim d, size_t *size) {
    size_t tokens;
    bool fits = lm_size_mul((size_t)batch, (size_t)o->context_length, &tokens) &&
                tokens <= INT64_MAX / sizeof(float);
    if (!fits) return false;
    *size = 1;
    switch (d) {
    case ONE:
        break;
    case TOKENS:
        *size = tokens;
        break;
    case HEAD_TOKENS:
        return lm_size_mul(tokens, (size_t)o->n_heads, size);
    case KV_HEAD_TOKENS:
        return lm_size_mul(tokens, (size_t)o->n_kv_heads, size);
    case TIME:
        *size = (size_t)o->context_length;
        break;
    case HALF_HEAD:
        *size = (size_t)lm_model_head_size(o) / 2;
        break;
    case LOGITS:
        *size =
            lm_softmax_nll_block_bytes((int64_t)tokens, o->d_model, o->vocab_size) / sizeof(float);
        break;
    case C:
        *size = (size_t)o->d_model;
        break;
    case QKV:
        *size = (size_t)lm_model_qkv_size(o);
        break;
    case F:
        *size = (size_t)o->d_ff;
        break;
    case WIDE:
        *size = (size_t)(o->d_ff > lm_model_qkv_size(o) ? o->d_ff : lm_model_qkv_size(o));
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

bool lm_buffer_layout_make(lm_buffer_layout *layout, const lm_model_options *o, int64_t batch,
                           bool training, lm_precision precision) {
    bool bf16 = precision == LM_BF16;
    unsigned truth = (o->norm == LM_NORM_LAYERNORM ? IF_LAYERNORM : 0u) |
                     (lm_mlp_is_gated((lm_mlp_kind)o->mlp) ? IF_GATED : 0u) |
                     (o->position == LM_POSITION_ROPE ? IF_ROPE : 0u) |
                     (o->qk_norm ? IF_QK_NORM : 0u) | (o->embedding_norm ? IF_EMBEDDING_NORM : 0u) |
                     (o->document_mask ? IF_DOCUMENTS : 0u) | (training ? IF_TRAINING : 0u) |
                     (bf16 ? IF_BF16 : 0u) | (training || bf16 ? IF_WIDE : 0u);
    *layout = (lm_buffer_layout){0};
    for (int id = 0; id < LM_B_COUNT; id++) {
        size_t rows, columns, count, bytes;
        if ((table[id].conditions & ~truth) != 0) continue;
        if (!size_of(o, batch, table[id].rows, &rows) ||
            !size_of(o, batch, table[id].columns, &columns) || !lm_size_mul(rows, columns, &count))
            return false;
        if (bf16 && table[id].type == OPERAND) count = (count + 1) / 2; /* in four bytes */
        layout->copies[id] = training && keeps_each(o, table[id].kept) ? o->n_layers : 1;
        layout->count[id] = count;
        if (!lm_size_mul(count, sizeof(float) * (size_t)layout->copies[id], &bytes) ||
            !lm_size_add(bytes, LM_ALIGNMENT, &rows) ||
            !lm_size_add(lm_size_align(bytes), layout->bytes, &layout->bytes))
            return false;
    }
    return true;
}

size_t lm_model_scratch_bytes(const lm_model_options *o) {
    int64_t d = lm_model_head_size(o);
    const size_t needs[] = {
        lm_norm_scratch_bytes(o->d_model),
        lm_gemm_scratch_bytes(),
        lm_rope_scratch_bytes(d),
        lm_head_norm_scratch_bytes(o->n_heads, d),
        lm_attention_scratch_bytes(o->context_length, d),
        lm_attention_decode_scratch_bytes(o->context_length),
    };
    size_t most = 0;
    for (size_t i = 0; i < sizeof needs / sizeof *needs; i++) most = lm_size_max(most, needs[i]);
    return lm_size_align(most);
}

void lm_model_plan_make(lm_model_plan *plan, const lm_model_options *o, int64_t batch,
                        bool training, lm_precision precision, int threads) {
    lm_param_layout params;
    lm_buffer_layout buffers;
    size_t weights, scratch, rounded = 0, sum = 0;
    LM_ASSERT(batch > 0 && threads > 0);
    *plan = (lm_model_plan){.overflow = true};
    if (!lm_param_layout_make(&params, o) ||
        !lm_size_mul((size_t)params.total, sizeof(float), &weights) ||
        !lm_size_mul((size_t)params.stride, (size_t)o->n_layers * sizeof(lm_bf16), &rounded) ||
        !lm_buffer_layout_make(&buffers, o, batch, training, precision) ||
        !lm_size_mul(lm_model_scratch_bytes(o), (size_t)threads, &scratch) ||
        !lm_size_add(weights, training ? weights : 0, &sum) ||
        !lm_size_add(sum, buffers.bytes, &sum) || !lm_size_add(sum, scratch, &sum) ||
        !lm_size_add(sum, rounded, &sum))
        return;
    *plan = (lm_model_plan){.parameters = params.scalars,
                            .matrix_parameters = params.matrix_scalars,
                            .weights = weights,
                            .gradients = training ? weights : 0,
                            .activations = buffers.bytes,
                            .scratch = scratch,
                            .rounded = training && precision == LM_BF16 ? rounded : 0};
    int64_t seen = o->window > 0 && o->window < o->context_length ? o->window : o->context_length;
    plan->flops_per_token = 6.0 * (double)params.matrix_scalars +
                            12.0 * (double)o->n_layers * (double)o->d_model * (double)seen;
}

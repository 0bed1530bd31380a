/* The parameters, one row each, in the order of the flat arrays and of checkpoints; and the
 * conditions under which rows exist.
 *
 * Rows that begin as nothing (scopes from LAYER_ASIDE on) stand behind all others: the model
 * without them has the same rows in front, and these begin with the same numbers. */
#include <stdio.h>
#include <string.h>

#include "model/parts.h"
#include "model/transfer.h"

typedef enum scope { BEFORE, LAYER, AFTER, LAYER_ASIDE, VALUES, ASIDE, TABLES } scope;
typedef enum dim {
    ONE,
    C,
    D,
    HEADS,
    KV,
    GATES,
    GATE,
    ATT,
    QKV,
    F,
    V,
    T,
    NGRAMS
} dim; /* ONE as `in`: a vector */
typedef enum init { EMBEDDING, NORMAL, RESIDUAL, HEAD, ZEROS, ONES, GAIN } init;
static const struct param_row {
    const char *name; /* rows of layer 3 are called "h.3.<name>" */
    scope scope;
    dim out, in;
    init init;
    unsigned conditions;
} table[LM_P_COUNT] = {
    [LM_P_WTE] = {"wte.weight", BEFORE, V, C, EMBEDDING, 0},
    [LM_P_WPE] = {"wpe.weight", BEFORE, T, C, EMBEDDING, LM_IF_LEARNED},
    [LM_P_LN_E_WEIGHT] = {"ln_e.weight", BEFORE, C, ONE, ONES, LM_IF_EMBEDDING_NORM},
    [LM_P_LN_E_BIAS] = {"ln_e.bias", BEFORE, C, ONE, ZEROS, LM_IF_EMBEDDING_NORM | LM_IF_NORM_BIAS},
    [LM_P_LN_1_WEIGHT] = {"ln_1.weight", LAYER, C, ONE, ONES, 0},
    [LM_P_LN_1_BIAS] = {"ln_1.bias", LAYER, C, ONE, ZEROS, LM_IF_NORM_BIAS},
    [LM_P_QKV_WEIGHT] = {"attn.qkv.weight", LAYER, QKV, C, NORMAL, 0},
    [LM_P_QKV_BIAS] = {"attn.qkv.bias", LAYER, QKV, ONE, ZEROS, LM_IF_QKV_BIAS},
    [LM_P_Q_NORM_WEIGHT] = {"attn.q_norm.weight", LAYER, D, ONE, ONES, LM_IF_QK_NORM},
    [LM_P_K_NORM_WEIGHT] = {"attn.k_norm.weight", LAYER, D, ONE, ONES, LM_IF_QK_NORM},
    [LM_P_ATTN_PROJ_WEIGHT] = {"attn.proj.weight", LAYER, C, ATT, RESIDUAL, 0},
    [LM_P_ATTN_PROJ_BIAS] = {"attn.proj.bias", LAYER, C, ONE, ZEROS, LM_IF_BIAS},
    [LM_P_LN_2_WEIGHT] = {"ln_2.weight", LAYER, C, ONE, ONES, 0},
    [LM_P_LN_2_BIAS] = {"ln_2.bias", LAYER, C, ONE, ZEROS, LM_IF_NORM_BIAS},
    [LM_P_FC_WEIGHT] = {"mlp.fc.weight", LAYER, F, C, NORMAL, LM_IF_PLAIN},
    [LM_P_FC_BIAS] = {"mlp.fc.bias", LAYER, F, ONE, ZEROS, LM_IF_PLAIN | LM_IF_BIAS},
    [LM_P_GATE_WEIGHT] = {"mlp.gate.weight", LAYER, F, C, NORMAL, LM_IF_GATED},
    [LM_P_GATE_BIAS] = {"mlp.gate.bias", LAYER, F, ONE, ZEROS, LM_IF_GATED | LM_IF_BIAS},
    [LM_P_UP_WEIGHT] = {"mlp.up.weight", LAYER, F, C, NORMAL, LM_IF_GATED},
    [LM_P_UP_BIAS] = {"mlp.up.bias", LAYER, F, ONE, ZEROS, LM_IF_GATED | LM_IF_BIAS},
    [LM_P_MLP_PROJ_WEIGHT] = {"mlp.proj.weight", LAYER, C, F, RESIDUAL, 0},
    [LM_P_MLP_PROJ_BIAS] = {"mlp.proj.bias", LAYER, C, ONE, ZEROS, LM_IF_BIAS},
    [LM_P_LN_F_WEIGHT] = {"ln_f.weight", AFTER, C, ONE, ONES, 0},
    [LM_P_LN_F_BIAS] = {"ln_f.bias", AFTER, C, ONE, ZEROS, LM_IF_NORM_BIAS},
    [LM_P_LM_HEAD] = {"lm_head.weight", AFTER, V, C, HEAD, LM_IF_UNTIED},
    [LM_P_MIX_X] = {"mix.x.weight", LAYER_ASIDE, ONE, ONE, ONES, LM_IF_X0},
    [LM_P_MIX_X0] = {"mix.x0.weight", LAYER_ASIDE, ONE, ONE, ZEROS, LM_IF_X0},
    [LM_P_QK_GAIN] = {"attn.qk_gain.weight", LAYER_ASIDE, HEADS, ONE, GAIN, LM_IF_QK_GAIN},
    [LM_P_VALUE] = {"attn.value.weight", VALUES, V, KV, ZEROS, LM_IF_VALUES},
    [LM_P_VALUE_GATE] = {"attn.value_gate.weight", VALUES, GATES, ONE, ZEROS, LM_IF_VALUES},
    [LM_P_SMEAR] = {"smear.weight", ASIDE, ONE, ONE, ZEROS, LM_IF_SMEAR},
    [LM_P_SMEAR_GATE] = {"smear_gate.weight", ASIDE, GATE, ONE, ZEROS, LM_IF_SMEAR},
#define NGRAM(k) [LM_P_NGRAM + (k)] = {"ngram", TABLES, NGRAMS, C, ZEROS, LM_IF_NGRAMS}
    NGRAM(0),
    NGRAM(1),
    NGRAM(2),
    NGRAM(3),
    NGRAM(4),
    NGRAM(5),
    NGRAM(6),
    NGRAM(7),
};

unsigned lm_model_conditions(const lm_model_options *o) {
    bool gated = lm_mlp_is_gated((lm_mlp_kind)o->mlp);
    bool layernorm = o->norm == LM_NORM_LAYERNORM;
    return (o->bias ? LM_IF_BIAS : 0u) | (layernorm ? LM_IF_LAYERNORM : 0u) |
           (o->bias || o->qkv_bias ? LM_IF_QKV_BIAS : 0u) |
           (layernorm && (o->bias || o->norm_bias) ? LM_IF_NORM_BIAS : 0u) |
           (o->position == LM_POSITION_LEARNED ? LM_IF_LEARNED : 0u) |
           (o->position == LM_POSITION_ROPE ? LM_IF_ROPE : 0u) |
           (gated ? LM_IF_GATED : LM_IF_PLAIN) | (o->tie_embeddings ? 0u : LM_IF_UNTIED) |
           (o->qk_norm ? LM_IF_QK_NORM : 0u) | (o->embedding_norm ? LM_IF_EMBEDDING_NORM : 0u) |
           (o->document_mask ? LM_IF_DOCUMENTS : 0u) | (o->x0_residual ? LM_IF_X0 : 0u) |
           (o->qk_norm && o->qk_gain > 0 ? LM_IF_QK_GAIN : 0u) |
           (o->multi_token.count > 0 ? LM_IF_MULTI_TOKEN : 0u) |
           (o->value_embeddings > 0 ? LM_IF_VALUES : 0u) | (o->smear ? LM_IF_SMEAR : 0u) |
           (o->ngram_tables.count > 0 ? LM_IF_NGRAMS : 0u);
}

static bool exists(const lm_model_options *o, lm_param_id id) {
    if (id >= LM_P_NGRAM && id - LM_P_NGRAM >= o->ngram_tables.count) return false;
    return (table[id].conditions & ~lm_model_conditions(o)) == 0;
}

/* How many rows of each kind a scope has. */
static int64_t copies_of(const lm_model_options *o, scope s) {
    if (s == VALUES && o->value_embeddings > 0) return (o->n_layers - 1) / o->value_embeddings + 1;
    return s == LAYER || s == LAYER_ASIDE ? o->n_layers : 1;
}

/* Of one dimension of the row `id`. */
static int64_t size_of(const lm_model_options *o, lm_param_id id, dim d) {
    switch (d) {
    case ONE:
        return 1;
    case C:
        return o->d_model;
    case D:
        return lm_model_head_size(o);
    case HEADS:
        return o->n_heads;
    case KV:
        return o->n_kv_heads * lm_model_head_size(o);
    case GATES:
        return o->n_kv_heads * lm_model_gate_channels(o);
    case GATE:
        return lm_model_gate_channels(o);
    case ATT:
        return lm_model_att_size(o);
    case QKV:
        return lm_model_qkv_size(o);
    case F:
        return o->d_ff;
    case V:
        return o->vocab_size;
    case T:
        return o->context_length;
    case NGRAMS:
        return o->ngram_tables.at[id - LM_P_NGRAM].rows;
    }
    return 0;
}

/* Whether this matrix counts in N. The position and value embeddings do no arithmetic, nor does the
 * token embedding if another matrix is the head. */
static bool is_multiplied(const lm_model_options *o, lm_param_id id) {
    if (table[id].in == ONE || id == LM_P_WPE || table[id].scope >= LAYER_ASIDE) return false;
    return id != LM_P_WTE || o->tie_embeddings;
}

/* Rows start at multiples of this many elements: a cache line. */
enum { ROW_ALIGNMENT = LM_ALIGNMENT / sizeof(float) };

static bool add(int64_t a, int64_t *sum) {
    return lm_count_add(a, *sum, sum);
}

/* Sums over the rows of a scope. */
typedef struct sums {
    int64_t padded, scalars, matrix_scalars;
} sums;

/* From *at on, which moves to their end. */
static bool lay_out_scope(const lm_model_options *o, scope s, int64_t *at, lm_param_layout *layout,
                          sums *sum) {
    sums one = {0}; /* of a layer */
    int64_t n = copies_of(o, s);
    for (int id = 0; id < LM_P_COUNT; id++) {
        int64_t count;
        if (table[id].scope != s) continue;
        layout->offset[id] = -1;
        if (!exists(o, (lm_param_id)id)) continue;
        if (!lm_count_mul(size_of(o, (lm_param_id)id, table[id].out),
                          size_of(o, (lm_param_id)id, table[id].in), &count))
            return false;
        layout->offset[id] = *at + one.padded;
        if (!add(count, &one.scalars)) return false;
        if (is_multiplied(o, (lm_param_id)id) && !add(count, &one.matrix_scalars)) return false;
        if (!add(ROW_ALIGNMENT - 1, &count) ||
            !add(count / ROW_ALIGNMENT * ROW_ALIGNMENT, &one.padded))
            return false;
    }
    for (int id = 0; id < LM_P_COUNT; id++)
        if (table[id].scope == s) layout->step[id] = one.padded;
    if (s == LAYER) layout->stride = one.padded;
    return lm_count_mul(one.padded, n, &sum->padded) &&
           lm_count_mul(one.scalars, n, &sum->scalars) &&
           lm_count_mul(one.matrix_scalars, n, &sum->matrix_scalars) && add(sum->padded, at);
}

static bool are_sane(const lm_model_options *o) {
    const int64_t sizes[] = {o->d_model,  o->n_layers, o->n_heads,        o->n_kv_heads,
                             o->head_dim, o->d_ff,     o->context_length, o->vocab_size};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        LM_ASSERT(sizes[i] > 0); /* resolved */
        if (sizes[i] > INT32_MAX) return false;
    }
    return lm_model_heads_fit(o);
}

bool lm_param_layout_make(lm_param_layout *layout, const lm_model_options *o) {
    int64_t at = 0;
    *layout = (lm_param_layout){0};
    if (!are_sane(o)) return false;
    for (int s = BEFORE; s <= TABLES; s++) {
        sums sum;
        if (s == LAYER_ASIDE) layout->aside = at;
        if (s == TABLES) layout->dense = at;
        if (!lay_out_scope(o, (scope)s, &at, layout, &sum)) return false;
        layout->scalars += sum.scalars; /* no larger than `at` */
        layout->matrix_scalars += sum.matrix_scalars;
        if (s == TABLES) layout->table_scalars = sum.scalars;
    }
    layout->total = at;
    return true;
}

/* Heads of queries lie before those of keys, and these before those of values. */
static void fill_parts(lm_param *row, const lm_model_options *o) {
    static const char *const names[] = {"q", "k", "v"};
    int64_t first = 0, size = lm_model_head_size(o);
    row->n_parts = 3;
    for (int i = 0; i < row->n_parts; i++) {
        int64_t lines = size * (i == 0 ? o->n_heads : o->n_kv_heads);
        row->parts[i] = (lm_param_part){
            .name = names[i], .first = first, .lines = lines, .head = size, .scores = i < 2};
        first += lines;
    }
}

static lm_param_role role_of(const struct param_row *t) {
    if (t->in == ONE) return LM_ROLE_VECTOR;
    return t->scope == BEFORE || t->scope == VALUES ? LM_ROLE_EMBEDDING
           : t->scope == LAYER                      ? LM_ROLE_HIDDEN
           : t->scope == TABLES                     ? LM_ROLE_TABLE
                                                    : LM_ROLE_HEAD;
}

void lm_param_part_name(const lm_param *row, int part, int64_t head, char out[LM_PARAM_NAME_SIZE]) {
    const char *suffix = strrchr(row->name, '.');
    LM_ASSERT(suffix && part >= 0 && part < row->n_parts);
    int n = snprintf(out, LM_PARAM_NAME_SIZE, "%.*s.%s", (int)(suffix - row->name), row->name,
                     row->parts[part].name);
    if (head >= 0)
        n += snprintf(out + n, (size_t)(LM_PARAM_NAME_SIZE - n), ".%lld", (long long)head);
    n += snprintf(out + n, (size_t)(LM_PARAM_NAME_SIZE - n), "%s", suffix);
    LM_ASSERT(n < LM_PARAM_NAME_SIZE);
}

static void fill_row(lm_param *row, const lm_model_options *o, lm_param_id id, int64_t offset,
                     int64_t layer) {
    const struct param_row *t = &table[id];
    const bool in_branch = t->scope == LAYER || t->scope == VALUES || id == LM_P_QK_GAIN;
    *row = (lm_param){.ndim = t->in == ONE ? 1 : 2,
                      .shape = {size_of(o, id, t->out), size_of(o, id, t->in)},
                      .role = role_of(t),
                      .offset = offset,
                      .decay = t->in != ONE,
                      .factors = lm_model_factors(o, role_of(t), in_branch)};
    row->count = row->shape[0] * row->shape[1];
    if (t->out == QKV) fill_parts(row, o);
    if (t->scope == VALUES)
        layer = o->n_layers - 1 - (copies_of(o, VALUES) - 1 - layer) * o->value_embeddings;
    if (t->scope == LAYER || t->scope == LAYER_ASIDE || t->scope == VALUES)
        snprintf(row->name, sizeof row->name, "h.%lld.%s", (long long)layer, t->name);
    else if (t->scope == TABLES)
        snprintf(row->name, sizeof row->name, "%s.%lld.weight", t->name,
                 (long long)o->ngram_tables.at[id - LM_P_NGRAM].order);
    else
        snprintf(row->name, sizeof row->name, "%s", t->name);
    const double std =
        lm_model_initial_std(o, row->role, (double)row->shape[1], t->init == RESIDUAL);
    switch (t->init) {
    case EMBEDDING:
        row->init_std = o->embedding_std > 0 ? o->embedding_std : std;
        break;
    case HEAD:
        row->init_std = o->zero_head ? 0 : std;
        break;
    case NORMAL:
    case RESIDUAL:
        row->init_std = std;
        break;
    case ONES:
        row->init_value = 1.0;
        break;
    case GAIN:
        row->init_value = o->qk_gain;
        break;
    case ZEROS:
        break;
    }
}

int64_t lm_model_params(const lm_model_options *o, lm_param *rows, int64_t *total) {
    lm_param_layout layout;
    bool fits = lm_param_layout_make(&layout, o);
    int64_t n = 0;
    *total = fits ? layout.total : -1;
    LM_ASSERT(fits || !rows);
    for (int s = BEFORE; s <= TABLES; s++) {
        int64_t layers = copies_of(o, (scope)s), in_scope = 0;
        for (int id = 0; id < LM_P_COUNT; id++)
            in_scope += table[id].scope == (scope)s && exists(o, (lm_param_id)id);
        for (int64_t layer = 0; rows && layer < layers; layer++) {
            lm_param *row = rows + n + layer * in_scope;
            for (int id = 0; id < LM_P_COUNT; id++)
                if (table[id].scope == (scope)s && exists(o, (lm_param_id)id))
                    fill_row(row++, o, (lm_param_id)id, layout.offset[id] + layer * layout.step[id],
                             layer);
        }
        n += layers * in_scope;
    }
    return n;
}

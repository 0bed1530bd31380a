#include "interop/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"

/* ---- the tables -------------------------------------------------------------------------------*/

/* A plain MLP's first matrix is the gated one's up_proj without a gate. */
/* clang-format off */
const lm_interop_name lm_interop_names_llama[] = {
    {"wte", "model.embed_tokens", 0},
    {"h.*.ln_1", "model.layers.*.input_layernorm", 0},
    {"h.*.attn.qkv", "model.layers.*.self_attn.q_proj", 'q'},
    {"h.*.attn.qkv", "model.layers.*.self_attn.k_proj", 'k'},
    {"h.*.attn.qkv", "model.layers.*.self_attn.v_proj", 'v'},
    {"h.*.attn.q_norm", "model.layers.*.self_attn.q_norm", 0},
    {"h.*.attn.k_norm", "model.layers.*.self_attn.k_norm", 0},
    {"h.*.attn.proj", "model.layers.*.self_attn.o_proj", 0},
    {"h.*.ln_2", "model.layers.*.post_attention_layernorm", 0},
    {"h.*.mlp.gate", "model.layers.*.mlp.gate_proj", 0},
    {"h.*.mlp.up", "model.layers.*.mlp.up_proj", 0},
    {"h.*.mlp.fc", "model.layers.*.mlp.up_proj", 0},
    {"h.*.mlp.proj", "model.layers.*.mlp.down_proj", 0},
    {"ln_f", "model.norm", 0},
    {"lm_head", "lm_head", 0},
    {0},
};

const lm_interop_name lm_interop_names_starcoder2[] = {
    {"wte", "model.embed_tokens", 0},
    {"h.*.ln_1", "model.layers.*.input_layernorm", 0},
    {"h.*.attn.qkv", "model.layers.*.self_attn.q_proj", 'q'},
    {"h.*.attn.qkv", "model.layers.*.self_attn.k_proj", 'k'},
    {"h.*.attn.qkv", "model.layers.*.self_attn.v_proj", 'v'},
    {"h.*.attn.proj", "model.layers.*.self_attn.o_proj", 0},
    {"h.*.ln_2", "model.layers.*.post_attention_layernorm", 0},
    {"h.*.mlp.fc", "model.layers.*.mlp.c_fc", 0},
    {"h.*.mlp.proj", "model.layers.*.mlp.c_proj", 0},
    {"ln_f", "model.norm", 0},
    {"lm_head", "lm_head", 0},
    {0},
};

const lm_interop_name lm_interop_names_gpt2[] = {
    {"wte", "transformer.wte", 0},
    {"wpe", "transformer.wpe", 0},
    {"h.*.ln_1", "transformer.h.*.ln_1", 0},
    {"h.*.attn.qkv", "transformer.h.*.attn.c_attn", 0},
    {"h.*.attn.proj", "transformer.h.*.attn.c_proj", 0},
    {"h.*.ln_2", "transformer.h.*.ln_2", 0},
    {"h.*.mlp.fc", "transformer.h.*.mlp.c_fc", 0},
    {"h.*.mlp.proj", "transformer.h.*.mlp.c_proj", 0},
    {"ln_f", "transformer.ln_f", 0},
    {"lm_head", "lm_head", 0},
    {0},
};

const lm_interop_name lm_interop_names_gguf[] = {
    {"wte", "token_embd", 0},
    {"h.*.ln_1", "blk.*.attn_norm", 0},
    {"h.*.attn.qkv", "blk.*.attn_q", 'q'},
    {"h.*.attn.qkv", "blk.*.attn_k", 'k'},
    {"h.*.attn.qkv", "blk.*.attn_v", 'v'},
    {"h.*.attn.q_norm", "blk.*.attn_q_norm", 0},
    {"h.*.attn.k_norm", "blk.*.attn_k_norm", 0},
    {"h.*.attn.proj", "blk.*.attn_output", 0},
    {"h.*.ln_2", "blk.*.ffn_norm", 0},
    {"h.*.mlp.gate", "blk.*.ffn_gate", 0},
    {"h.*.mlp.up", "blk.*.ffn_up", 0},
    {"h.*.mlp.fc", "blk.*.ffn_up", 0},
    {"h.*.mlp.proj", "blk.*.ffn_down", 0},
    {"ln_f", "output_norm", 0},
    {"lm_head", "output", 0},
    {0},
};

const lm_interop_name lm_interop_names_gguf_gpt2[] = {
    {"wte", "token_embd", 0},
    {"wpe", "position_embd", 0},
    {"h.*.ln_1", "blk.*.attn_norm", 0},
    {"h.*.attn.qkv", "blk.*.attn_qkv", 0},
    {"h.*.attn.proj", "blk.*.attn_output", 0},
    {"h.*.ln_2", "blk.*.ffn_norm", 0},
    {"h.*.mlp.fc", "blk.*.ffn_up", 0},
    {"h.*.mlp.proj", "blk.*.ffn_down", 0},
    {"ln_f", "output_norm", 0},
    {"lm_head", "output", 0},
    {0},
};

/* llama2.c's and llm.c's files have no names, but an order: these names are for messages. */
const lm_interop_name lm_interop_names_llama2c[] = {
    {"wte", "token_embedding_table", 0},
    {"h.*.ln_1", "rms_att_weight.*", 0},
    {"h.*.attn.qkv", "wq.*", 'q'},
    {"h.*.attn.qkv", "wk.*", 'k'},
    {"h.*.attn.qkv", "wv.*", 'v'},
    {"h.*.attn.proj", "wo.*", 0},
    {"h.*.ln_2", "rms_ffn_weight.*", 0},
    {"h.*.mlp.gate", "w1.*", 0},
    {"h.*.mlp.proj", "w2.*", 0},
    {"h.*.mlp.up", "w3.*", 0},
    {"ln_f", "rms_final_weight", 0},
    {"lm_head", "wcls", 0},
    {0},
};

const lm_interop_name lm_interop_names_llama2c_v1[] = {
    {"h.*.ln_1", "rms_att_weight.*", 0},
    {"h.*.ln_2", "rms_ffn_weight.*", 0},
    {"ln_f", "rms_final_weight", 0},
    {"wte", "token_embedding_table", 0},
    {"h.*.attn.qkv", "wq.*", 'q'},
    {"h.*.attn.qkv", "wk.*", 'k'},
    {"h.*.attn.qkv", "wv.*", 'v'},
    {"h.*.attn.proj", "wo.*", 0},
    {"h.*.mlp.gate", "w1.*", 0},
    {"h.*.mlp.proj", "w2.*", 0},
    {"h.*.mlp.up", "w3.*", 0},
    {"lm_head", "wcls", 0},
    {0},
};

const lm_interop_name lm_interop_names_llmc[] = {
    {"wte", "wte", 0},
    {"wpe", "wpe", 0},
    {"h.*.ln_1", "ln_1.*", 0},
    {"h.*.attn.qkv", "c_attn.*", 0},
    {"h.*.attn.proj", "attn.c_proj.*", 0},
    {"h.*.ln_2", "ln_2.*", 0},
    {"h.*.mlp.fc", "c_fc.*", 0},
    {"h.*.mlp.proj", "mlp.c_proj.*", 0},
    {"ln_f", "ln_f", 0},
    {0},
};
/* clang-format on */

/* ---- a list -----------------------------------------------------------------------------------*/

typedef struct builder {
    const lm_interop_class *c;
    const lm_model_options *o;
    lm_param *rows;
    int64_t n_rows;
    int64_t first, per_layer; /* rows [first, first + per_layer) are those of layer 0; as many of
                                 each layer follow, in the same order */
    lm_interop_tensor *list;
    int64_t count, capacity;
} builder;

/* The name with its '*' replaced by the layer, and the suffix. */
static void put_name(char *out, size_t size, const char *pattern, int64_t layer,
                     const char *suffix) {
    const char *star = strchr(pattern, '*');
    int n = star ? snprintf(out, size, "%.*s%lld%s%s", (int)(star - pattern), pattern,
                            (long long)layer, star + 1, suffix)
                 : snprintf(out, size, "%s%s", pattern, suffix);
    LM_ASSERT(n > 0 && n < (int)size);
}

static void find_layers(builder *b) {
    while (b->first < b->n_rows && strncmp(b->rows[b->first].name, "h.0.", 4) != 0) b->first++;
    while (b->first + b->per_layer < b->n_rows &&
           strncmp(b->rows[b->first + b->per_layer].name, "h.0.", 4) == 0)
        b->per_layer++;
}

/* The row is looked for in layer 0, and is at the same place in the others: a search through all
 * rows for each of them would take a time that grows with the square of the layers. */
static const lm_param *find_row(const builder *b, const char *pattern, int64_t layer,
                                const char *suffix) {
    char name[48];
    const int64_t behind = b->first + b->per_layer * b->o->n_layers;
    put_name(name, sizeof name, pattern, 0, suffix);
    for (int64_t i = 0; i < b->n_rows; i++) {
        if (i == b->first + b->per_layer) i = behind;
        if (i >= b->n_rows || strcmp(b->rows[i].name, name) != 0) continue;
        if (i < b->first || i >= behind) return &b->rows[i];
        const lm_param *row = &b->rows[i + layer * b->per_layer];
        put_name(name, sizeof name, pattern, layer, suffix);
        LM_ASSERT(strcmp(row->name, name) == 0);
        return row;
    }
    return NULL;
}

static bool is_norm(const lm_interop_name *name) {
    const char *stem = strrchr(name->ours, '.');
    stem = stem ? stem + 1 : name->ours;
    return strncmp(stem, "ln_", 3) == 0 || strcmp(stem, "q_norm") == 0 ||
           strcmp(stem, "k_norm") == 0;
}

/* Lines of the parameter that are the part; all of them when the part is 0. */
static lm_param_part find_part(const lm_param *row, char part) {
    for (int i = 0; i < row->n_parts; i++)
        if (*row->parts[i].name == part) return row->parts[i];
    LM_ASSERT(part == 0);
    return (lm_param_part){.lines = row->shape[0]};
}

/* Does the class have this bias, although our model does not? */
static bool is_filled(const builder *b, const lm_interop_name *name) {
    const lm_param *qkv = find_row(b, "h.*.attn.qkv", 0, ".bias");
    const unsigned how = b->c->how;
    if (strncmp(name->ours, "ln_", 3) == 0 || strncmp(name->ours, "h.*.ln_", 7) == 0)
        return (how & LM_INTEROP_NORM_BIAS) != 0;
    if (strncmp(name->ours, "h.*.", 4) != 0 || is_norm(name)) return false;
    if ((how & LM_INTEROP_LINEAR_BIAS) || (qkv && (how & LM_INTEROP_BIAS_TOGETHER))) return true;
    return qkv && (how & LM_INTEROP_OUTPUT_BIAS) && strcmp(name->ours, "h.*.attn.proj") == 0;
}

static lm_interop_tensor *append(builder *b, lm_error *err) {
    if (b->count == b->capacity) {
        int64_t capacity = lm_max(64, 2 * b->capacity);
        lm_interop_tensor *grown = realloc(b->list, (size_t)capacity * sizeof *grown);
        if (!grown) {
            lm_error_no_memory(err, NULL);
            return NULL;
        }
        b->list = grown;
        b->capacity = capacity;
    }
    b->list[b->count] = (lm_interop_tensor){.offset = -1};
    return &b->list[b->count++];
}

/* The tensor that is `name` with this suffix, for one layer; none where there is none. */
static lm_status add(builder *b, const lm_interop_name *name, int64_t layer, const char *suffix,
                     lm_error *err) {
    const lm_param *weight = find_row(b, name->ours, layer, ".weight");
    const lm_param *row = find_row(b, name->ours, layer, suffix);
    bool is_weight = strcmp(suffix, ".weight") == 0, head = false;
    if (!weight && is_weight && strcmp(name->ours, "lm_head") == 0 &&
        (b->c->how & LM_INTEROP_HEAD)) {
        head = true;
        weight = row = find_row(b, "wte", 0, ".weight");
    }
    if (!weight || (!row && !is_filled(b, name))) return LM_OK;
    lm_interop_tensor *t = append(b, err);
    if (!t) return err->code;
    put_name(t->name, sizeof t->name, name->theirs, layer, suffix);
    const lm_param_part part = find_part(weight, name->part);
    t->part = name->part;
    t->rows = part.lines;
    t->columns = is_weight ? weight->shape[1] : 1;
    t->ndim = is_weight ? weight->ndim : 1;
    if (row) {
        snprintf(t->ours, sizeof t->ours, "%s", row->name);
        t->offset = row->offset + part.first * t->columns;
    }
    bool layers = strchr(name->ours, '*') != NULL;
    t->transposed = layers && t->ndim == 2 && (b->c->how & LM_INTEROP_TRANSPOSED);
    if ((name->part == 'q' || name->part == 'k') && (b->c->how & LM_INTEROP_INTERLEAVED))
        t->head_size = part.head;
    if (is_weight && is_norm(name) && (b->c->how & LM_INTEROP_MINUS_ONE)) t->add = -1;
    t->is_head = head;
    t->is_embedding = strcmp(name->ours, "wte") == 0 || strcmp(name->ours, "wpe") == 0;
    t->shape[0] = t->transposed ? t->columns : t->rows;
    t->shape[1] = t->transposed ? t->rows : t->columns;
    if (strcmp(name->ours, "wte") == 0 && (b->c->how & LM_INTEROP_PADDED_VOCAB))
        t->shape[0] = lm_round_up(t->rows, 128);
    return LM_OK;
}

static const char *const suffixes[] = {".weight", ".bias"};

/* One name after the other, each for all its layers. */
static lm_status add_by_kind(builder *b, lm_error *err) {
    lm_status status = LM_OK;
    for (const lm_interop_name *name = b->c->names; name->ours; name++)
        for (int s = 0; s < 2; s++)
            for (int64_t l = 0; l < (strchr(name->ours, '*') ? b->o->n_layers : 1); l++)
                if ((status = add(b, name, l, suffixes[s], err)) != LM_OK) return status;
    return status;
}

/* One layer after the other: `name` is the first row of layers; *name goes behind the last. */
static lm_status add_layers(builder *b, const lm_interop_name **name, lm_error *err) {
    const lm_interop_name *first = *name;
    lm_status status = LM_OK;
    for (int64_t l = 0; l < b->o->n_layers; l++)
        for (*name = first; (*name)->ours && strchr((*name)->ours, '*'); (*name)++)
            for (int s = 0; s < 2; s++)
                if ((status = add(b, *name, l, suffixes[s], err)) != LM_OK) return status;
    return status;
}

static lm_status add_by_layer(builder *b, lm_error *err) {
    lm_status status = LM_OK;
    for (const lm_interop_name *name = b->c->names; name->ours && status == LM_OK;) {
        if (strchr(name->ours, '*')) {
            status = add_layers(b, &name, err);
            continue;
        }
        for (int s = 0; s < 2 && status == LM_OK; s++) status = add(b, name, 0, suffixes[s], err);
        name++;
    }
    return status;
}

lm_status lm_interop_tensors(const lm_interop_class *c, const lm_model_options *o,
                             lm_interop_tensor **tensors, int64_t *count, lm_error *err) {
    builder b = {.c = c, .o = o};
    int64_t total;
    *tensors = NULL;
    *count = 0;
    b.n_rows = lm_model_params(o, NULL, &total);
    if (total < 0)
        return lm_error_set(err, LM_ERR_USAGE,
                            "the model is too large: its sizes do not fit 64 bits");
    if (!(b.rows = calloc((size_t)b.n_rows, sizeof *b.rows))) return lm_error_no_memory(err, NULL);
    lm_model_params(o, b.rows, &total);
    find_layers(&b);
    lm_status status = c->how & LM_INTEROP_BY_KIND ? add_by_kind(&b, err) : add_by_layer(&b, err);
    free(b.rows);
    if (status != LM_OK) {
        free(b.list);
        return status;
    }
    *tensors = b.list;
    *count = b.count;
    return LM_OK;
}

/* ---- elements ---------------------------------------------------------------------------------*/

/* Our row that is row r of theirs: there, channel 2m + j of a head is our channel j D/2 + m. */
static int64_t our_row(const lm_interop_tensor *t, int64_t r) {
    if (t->head_size == 0) return r;
    int64_t within = r % t->head_size;
    return r - within + within % 2 * (t->head_size / 2) + within / 2;
}

void lm_interop_put(const lm_interop_tensor *t, const float *weights, int64_t first, int64_t n,
                    float *out) {
    const int64_t width = t->shape[1];
    for (int64_t r = first; r < first + n; r++, out += width) {
        if (t->offset < 0 || (!t->transposed && r >= t->rows)) {
            memset(out, 0, (size_t)width * sizeof *out);
        } else if (t->transposed) {
            const float *column = weights + t->offset + r;
            for (int64_t i = 0; i < width; i++) out[i] = column[i * t->columns];
        } else {
            const float *row = weights + t->offset + our_row(t, r) * width;
            memcpy(out, row, (size_t)width * sizeof *out);
        }
        for (int64_t i = 0; t->add != 0 && i < width; i++) out[i] += t->add;
    }
}

void lm_interop_take(const lm_interop_tensor *t, const float *in, int64_t first, int64_t n,
                     float *weights) {
    const int64_t width = t->shape[1];
    if (t->offset < 0) return;
    for (int64_t r = first; r < first + n; r++, in += width) {
        if (t->transposed) {
            float *column = weights + t->offset + r;
            for (int64_t i = 0; i < width; i++) column[i * t->columns] = in[i] - t->add;
        } else if (r < t->rows) {
            float *row = weights + t->offset + our_row(t, r) * width;
            memcpy(row, in, (size_t)width * sizeof *row); /* bits, where nothing is taken away */
            for (int64_t i = 0; t->add != 0 && i < width; i++) row[i] -= t->add;
        }
    }
}

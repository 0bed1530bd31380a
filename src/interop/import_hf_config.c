/* What config.json means, class by class. transformers leaves out what is as its class has it by
 * default, so the defaults stand here too (configuration_*.py of transformers 5.24). */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "interop/hf_config.h"
#include "interop/import_hf.h"

enum { MOST = INT32_MAX, MOST_ENDS = 1000 };

typedef struct hf_class {
    const char *type;
    bool gated, layernorm, tied;
    bool qk_norm, qkv_bias; /* always */
    int64_t head_dim;       /* when it is not said; 0: hidden_size / heads */
    const char *activation;
    double norm_eps, partial;
} hf_class;

/* clang-format off */
static const hf_class classes[] = {
    {"llama",      true,  false, false, false, false, 0,   "silu",              1e-6, 1},
    {"mistral",    true,  false, false, false, false, 0,   "silu",              1e-6, 1},
    {"qwen2",      true,  false, false, false, true,  0,   "silu",              1e-6, 1},
    {"qwen3",      true,  false, false, true,  false, 128, "silu",              1e-6, 1},
    {"arcee",      false, false, false, false, false, 0,   "relu2",             1e-5, 1},
    {"nemotron",   false, true,  false, false, false, 0,   "relu2",             1e-5, 0.5},
    {"stablelm",   true,  true,  false, false, false, 0,   "silu",              1e-5, 0.25},
    {"starcoder2", false, true,  true,  false, false, 0,   "gelu_pytorch_tanh", 1e-5, 1},
};
/* clang-format on */

/* Keys that change what a model computes, with the one value that ours has. */
static const struct {
    const char *type, *key;
    bool value;
} fixed[] = {
    {"gpt2", "scale_attn_weights", true},   {"gpt2", "scale_attn_by_inverse_layer_idx", false},
    {"gpt2", "add_cross_attention", false}, {"stablelm", "use_parallel_residual", false},
    {"stablelm", "qk_layernorm", false},
};

static void check_fixed(lm_interop_values *v, const char *type) {
    for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
        if (strcmp(fixed[i].type, type) == 0 &&
            lm_interop_value_boolean_or(v, fixed[i].key, fixed[i].value) != fixed[i].value)
            lm_interop_value_wrong(v, fixed[i].key, fixed[i].value ? "true" : "false");
    if (lm_interop_has_value(v, "quantization_config.quant_method"))
        lm_interop_value_wrong(v, "quantization_config.quant_method",
                               "weights that are not"
                               " quantised");
}

static int32_t read_token(lm_interop_values *v, const char *key) {
    return (int32_t)lm_interop_value_count_or(v, key, -1, MOST, -1);
}

/* eos_token_id is a token or a list of tokens. */
static void read_ends(lm_interop_source *s, lm_interop_values *v) {
    char key[64] = "eos_token_id.0";
    bool fits = true;
    if (!lm_interop_has_value(v, key)) {
        lm_interop_add_end(&s->kept.special, read_token(v, "eos_token_id"));
        return;
    }
    for (int i = 0; i < MOST_ENDS && lm_interop_has_value(v, key); i++) {
        fits &= lm_interop_add_end(&s->kept.special, read_token(v, key));
        snprintf(key, sizeof key, "eos_token_id.%d", i + 1);
    }
    if (!fits)
        lm_text_say(&s->said,
                    "%s: of the tokens that end a text (eos_token_id) the first %d are"
                    " taken over\n",
                    v->file, 1 + LM_INTEROP_MORE_ENDS);
}

void lm_interop_hf_read_special(lm_interop_source *s, lm_interop_values *v) {
    lm_interop_special *special = &s->kept.special;
    read_ends(s, v);
    if (special->bos < 0) special->bos = read_token(v, "bos_token_id");
    if (special->pad < 0) special->pad = read_token(v, "pad_token_id");
}

static void read_mlp(lm_interop_source *s, lm_interop_values *v, const char *key, bool gated,
                     const char *otherwise) {
    const char *name = lm_interop_value_string_or(v, key, otherwise);
    s->options.mlp = name ? lm_interop_hf_mlp(name, gated) : -1;
    if (s->options.mlp < 0)
        lm_interop_value_wrong(v, key,
                               gated ? "silu" : "gelu_pytorch_tanh, gelu_new, gelu or relu2");
}

/* ---- rope -------------------------------------------------------------------------------------*/

/* The key by one of its two homes: rope_parameters of version 5, rope_scaling before it. */
static const char *rope_key(const lm_interop_values *v, const char *name, char out[96]) {
    bool newer = lm_interop_has_value(v, "rope_parameters.rope_type");
    strcat(strcpy(out, "rope_parameters."), name);
    if (!newer && !lm_interop_has_value(v, out)) strcat(strcpy(out, "rope_scaling."), name);
    return out;
}

static void read_llama3(lm_model_options *o, lm_interop_values *v) {
    char key[96];
    o->rope_scaling = LM_ROPE_SCALING_LLAMA3;
    o->rope_factor = lm_interop_value_number(v, rope_key(v, "factor", key));
    o->rope_low_freq_factor = lm_interop_value_number(v, rope_key(v, "low_freq_factor", key));
    o->rope_high_freq_factor = lm_interop_value_number(v, rope_key(v, "high_freq_factor", key));
    o->rope_original_context =
        lm_interop_value_count(v, rope_key(v, "original_max_position_embeddings", key), 1, MOST);
}

static void read_linear(lm_model_options *o, lm_interop_values *v) {
    char key[96];
    double factor = lm_interop_value_number(v, rope_key(v, "factor", key));
    if (factor == LM_INTEROP_NO_ROTATION) {
        o->position = LM_POSITION_NONE;
    } else {
        o->rope_scaling = LM_ROPE_SCALING_LINEAR;
        o->rope_factor = factor;
    }
}

static void read_rope(lm_model_options *o, lm_interop_values *v, double partial) {
    char type_key[96], key[96];
    rope_key(v, "rope_type", type_key);
    if (!lm_interop_has_value(v, type_key)) rope_key(v, "type", type_key);
    const char *type = lm_interop_value_string_or(v, type_key, "default");
    o->rope_theta = lm_interop_value_number_or(v, "rope_parameters.rope_theta",
                                               lm_interop_value_number_or(v, "rope_theta", 10000));
    strcpy(key, "rope_parameters.partial_rotary_factor");
    if (!lm_interop_has_value(v, key)) strcpy(key, "partial_rotary_factor");
    partial = lm_interop_value_number_or(v, key, partial);
    if (!(partial > 0 && partial <= 1)) lm_interop_value_wrong(v, key, "a number from 0 to 1");
    if (!type) return;
    if (strcmp(type, "linear") == 0)
        read_linear(o, v);
    else if (strcmp(type, "llama3") == 0)
        read_llama3(o, v);
    else if (strcmp(type, "default") != 0)
        lm_interop_value_wrong(v, type_key, "default, linear or llama3");
    if (partial < 1 && o->position == LM_POSITION_ROPE)
        o->rope_dim = (int64_t)((double)o->head_dim * partial);
}

/* ---- windows and biases -----------------------------------------------------------------------*/

/* Either all layers have the window or none has it. */
static void read_layer_types(lm_interop_values *v, int64_t layers, bool *sliding) {
    for (int64_t l = 0; l < layers && v->status == LM_OK; l++) {
        lm_text key = {0};
        lm_text_printf(&key, "layer_types.%lld", (long long)l);
        const char *name = lm_text_cstr(&key);
        const char *type = lm_interop_value_string_or(v, name, NULL);
        bool slides = type ? strcmp(type, "sliding_attention") == 0 : *sliding;
        if (l == 0) *sliding = slides;
        if (type && (slides != *sliding || (!slides && strcmp(type, "full_attention") != 0)))
            lm_interop_value_wrong(v, name,
                                   *sliding ? "sliding_attention, as of the layers before it"
                                            : "full_attention, as of the layers before it");
        lm_text_free(&key);
    }
}

static void read_window(lm_model_options *o, lm_interop_values *v, const lm_interop_hf_keys *k) {
    if (!k->window) return;
    /* What is not said is 4096, but null is no window; Starcoder2 has none by default. */
    bool said = lm_interop_has_value(v, "sliding_window");
    bool by_default = !said && strcmp(k->type, "starcoder2") != 0 &&
                      !lm_interop_value_is_null(v, "sliding_window");
    bool sliding = said || by_default;
    if (k->window_types) {
        sliding = sliding && lm_interop_value_boolean_or(v, "use_sliding_window", false);
        int64_t full = lm_interop_value_count_or(v, "max_window_layers", 0, MOST, sliding ? 28 : 0);
        if (lm_interop_has_value(v, "layer_types.0"))
            read_layer_types(v, o->n_layers, &sliding);
        else if (sliding && full >= o->n_layers)
            sliding = false;
        else if (sliding && full > 0)
            lm_interop_value_wrong(v, "max_window_layers", "0: a window in all layers");
    }
    if (sliding)
        o->window = by_default ? 4096 : lm_interop_value_count(v, "sliding_window", 1, MOST);
}

/* The biases that the keys ask for, and that our model has together or not. */
static void read_biases(lm_model_options *o, lm_interop_values *v, const lm_interop_hf_keys *k,
                        const hf_class *c) {
    bool attention = k->attention_bias &&
                     lm_interop_value_boolean_or(v, k->attention_bias,
                                                 strcmp(k->attention_bias, "use_bias") == 0);
    bool mlp = k->mlp_bias && lm_interop_value_boolean_or(v, k->mlp_bias, false);
    bool all = strcmp(c->type, "starcoder2") == 0; /* use_bias is of all linear layers */
    o->norm_bias = c->layernorm;
    if (c->qkv_bias || strcmp(c->type, "stablelm") == 0)
        o->qkv_bias = c->qkv_bias || attention; /* of the queries, keys and values alone */
    else if (all)
        o->bias = attention;
    else if (!k->mlp_bias && attention)
        lm_interop_value_wrong(v, k->attention_bias, "false");
    else if (mlp && !attention)
        lm_interop_value_wrong(v, k->mlp_bias, "false, as attention_bias");
    else if (attention && !mlp)
        o->qkv_bias = true; /* that of the projection must be zeros */
    else
        o->bias = attention;
    if (o->bias) o->qkv_bias = o->norm_bias = false; /* bias says it all */
}

/* ---- a class ----------------------------------------------------------------------------------*/

static const hf_class *find_class(const char *type) {
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(classes[i].type, type) == 0) return &classes[i];
    return NULL;
}

static void read_common(lm_interop_source *s, lm_interop_values *v, const hf_class *c) {
    lm_model_options *o = &s->options;
    const lm_interop_hf_keys *k = lm_interop_hf_keys_of(c->type);
    o->d_model = lm_interop_value_count(v, "hidden_size", 1, MOST);
    o->n_layers = lm_interop_value_count(v, "num_hidden_layers", 1, LM_INTEROP_MOST_LAYERS);
    o->n_heads = lm_interop_value_count(v, "num_attention_heads", 1, MOST);
    if (v->status != LM_OK) return;
    o->n_kv_heads = lm_interop_value_count_or(v, "num_key_value_heads", 1, MOST, o->n_heads);
    o->head_dim = lm_interop_value_count_or(v, "head_dim", 1, MOST,
                                            c->head_dim ? c->head_dim : o->d_model / o->n_heads);
    o->d_ff = lm_interop_value_count(v, "intermediate_size", 1, MOST);
    o->vocab_size = lm_interop_value_count(v, "vocab_size", 1, MOST);
    o->context_length = lm_interop_value_count(v, "max_position_embeddings", 1, MOST);
    o->norm = c->layernorm ? LM_NORM_LAYERNORM : LM_NORM_RMSNORM;
    o->norm_eps = lm_interop_value_number_or(v, k->norm_eps, c->norm_eps);
    o->qk_norm = c->qk_norm;
    o->tie_embeddings = lm_interop_value_boolean_or(v, "tie_word_embeddings", c->tied);
    read_mlp(s, v, "hidden_act", c->gated, c->activation);
    read_rope(o, v, c->partial);
    read_window(o, v, k);
    read_biases(o, v, k, c);
}

static void read_gpt2(lm_interop_source *s, lm_interop_values *v) {
    lm_model_options *o = &s->options;
    o->d_model = lm_interop_value_count(v, "n_embd", 1, MOST / 4);
    o->n_layers = lm_interop_value_count(v, "n_layer", 1, LM_INTEROP_MOST_LAYERS);
    o->n_heads = lm_interop_value_count(v, "n_head", 1, MOST);
    o->d_ff = lm_interop_value_count_or(v, "n_inner", 1, MOST, 4 * o->d_model);
    o->vocab_size = lm_interop_value_count(v, "vocab_size", 1, MOST);
    o->context_length = lm_interop_value_count(v, "n_positions", 1, MOST);
    o->norm = LM_NORM_LAYERNORM;
    o->norm_eps = lm_interop_value_number_or(v, "layer_norm_epsilon", 1e-5);
    o->position = LM_POSITION_LEARNED;
    o->bias = true;
    o->tie_embeddings = lm_interop_value_boolean_or(v, "tie_word_embeddings", true);
    read_mlp(s, v, "activation_function", false, "gelu_new");
}

/* The classes that are read, for a message. */
static void put_classes(lm_text *out) {
    const lm_interop_class *c;
    for (int i = 0, any = 0; (c = lm_interop_class_at(i)) != NULL; i++)
        if (c->format == LM_INTEROP_HF) lm_text_printf(out, "%s%s", any++ ? ", " : "", c->type);
}

lm_status lm_interop_hf_read_config(lm_interop_source *s, lm_interop_values *v) {
    lm_text expected = {0};
    const char *type = lm_interop_value_string(v, "model_type");
    s->class = type ? lm_interop_class_named(LM_INTEROP_HF, type) : NULL;
    const hf_class *c = type ? find_class(type) : NULL;
    if (type && (!s->class || (!c && strcmp(type, "gpt2") != 0))) {
        lm_text_printf(&expected, "one of ");
        put_classes(&expected);
        lm_interop_value_wrong(v, "model_type", lm_text_cstr(&expected));
    }
    lm_text_free(&expected);
    if (v->status != LM_OK) return v->status;
    const char *architecture = lm_interop_value_string_or(v, "architectures.0", s->class->name);
    if (architecture && strcmp(architecture, s->class->name) != 0)
        lm_interop_value_wrong(v, "architectures.0", s->class->name);
    check_fixed(v, type);
    if (c)
        read_common(s, v, c);
    else
        read_gpt2(s, v);
    double std = lm_interop_value_number_or(v, "initializer_range", s->options.init_std);
    if (std > 0 && std <= 10) s->options.init_std = std;
    lm_interop_hf_read_special(s, v);
    return v->status;
}

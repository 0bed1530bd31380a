#include "interop/hf_config.h"

#include <math.h>
#include <string.h>

#include "base/json.h"

/* clang-format off */
static const lm_interop_hf_keys rows[] = {
    {"llama",      "rms_norm_eps",   "attention_bias", "mlp_bias", false, false, false},
    {"mistral",    "rms_norm_eps",   NULL,             NULL,       true,  false, false},
    {"qwen2",      "rms_norm_eps",   NULL,             NULL,       true,  true,  false},
    {"qwen3",      "rms_norm_eps",   "attention_bias", NULL,       true,  true,  false},
    {"arcee",      "rms_norm_eps",   "attention_bias", "mlp_bias", false, false, false},
    {"nemotron",   "norm_eps",       "attention_bias", "mlp_bias", false, false, true},
    {"stablelm",   "layer_norm_eps", "use_qkv_bias",   NULL,       false, false, true},
    {"starcoder2", "norm_epsilon",   "use_bias",       NULL,       true,  false, false},
};
/* clang-format on */

const lm_interop_hf_keys *lm_interop_hf_keys_of(const char *type) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (strcmp(rows[i].type, type) == 0) return &rows[i];
    return NULL;
}

static const struct {
    int mlp;
    const char *name;
} activations[] = {
    {LM_MLP_SWIGLU, "silu"}, {LM_MLP_GELU_TANH, "gelu_pytorch_tanh"}, {LM_MLP_GELU, "gelu"},
    {LM_MLP_RELU2, "relu2"}, {LM_MLP_GELU_TANH, "gelu_new"}, /* GPT-2's name of the same function */
};
enum { ACTIVATIONS = sizeof activations / sizeof *activations };

const char *lm_interop_hf_activation(const lm_interop_class *c, int mlp) {
    if (mlp == LM_MLP_GELU_TANH && strcmp(c->type, "gpt2") == 0) return "gelu_new";
    for (int i = 0; i < ACTIVATIONS; i++)
        if (activations[i].mlp == mlp) return activations[i].name;
    LM_ASSERT(false); /* an activation without a name */
    return NULL;
}

int lm_interop_hf_mlp(const char *activation, bool gated) {
    for (int i = 0; i < ACTIVATIONS; i++)
        if (strcmp(activations[i].name, activation) == 0 &&
            lm_mlp_is_gated((lm_mlp_kind)activations[i].mlp) == gated)
            return activations[i].mlp;
    return -1;
}

/* A number that is a float in JSON too: transformers 5 checks the types of keys. */
static void put_float(lm_json_writer *w, const char *key, double x) {
    lm_text t = {0};
    lm_text_json_number(&t, x);
    if (!strpbrk(lm_text_cstr(&t), ".e")) lm_text_printf(&t, ".0");
    lm_json_text(w, key, lm_text_cstr(&t), t.length);
    w->out->failed |= t.failed;
    lm_text_free(&t);
}

bool lm_interop_add_end(lm_interop_special *s, int32_t id) {
    if (id < 0) return true;
    for (int32_t i = 0; lm_interop_end_at(s, i) >= 0; i++)
        if (lm_interop_end_at(s, i) == id) return true;
    if (s->eos < 0)
        s->eos = id;
    else if (s->n_more < LM_INTEROP_MORE_ENDS)
        s->more[s->n_more++] = id;
    else
        return false;
    return true;
}

int32_t lm_interop_end_at(const lm_interop_special *s, int32_t i) {
    return i == 0 ? s->eos : i <= s->n_more ? s->more[i - 1] : -1;
}

const char *const lm_interop_gguf_ends[] = {"tokenizer.ggml.eos_token_id",
                                            "tokenizer.ggml.eot_token_id",
                                            "tokenizer.ggml.eom_token_id", NULL};

void lm_interop_put_ends(lm_json_writer *w, const lm_interop_special *s) {
    if (s->n_more == 0) {
        lm_json_integer(w, "eos_token_id", s->eos);
        return;
    }
    lm_json_array(w, "eos_token_id", LM_JSON_LINE);
    for (int32_t i = 0; lm_interop_end_at(s, i) >= 0; i++)
        lm_json_integer(w, NULL, lm_interop_end_at(s, i));
    lm_json_end(w);
}

static void put_special(lm_json_writer *w, const char *key, int32_t id) {
    if (id >= 0)
        lm_json_integer(w, key, id);
    else
        lm_json_string(w, key, NULL);
}

static void put_tokens(lm_json_writer *w, const lm_interop_special *special) {
    put_special(w, "bos_token_id", special->bos);
    if (special->eos >= 0)
        lm_interop_put_ends(w, special);
    else
        put_special(w, "eos_token_id", special->eos);
    put_special(w, "pad_token_id", special->pad);
}

/* The share of a head's channels that turn: those are int(head_dim * factor), so that the factor is
 * a little more where it is no fraction of two. */
static double partial_factor(const lm_model_options *o) {
    double turned = (double)lm_interop_turned(o), d = (double)lm_interop_head_size(o);
    return floor(d * (turned / d)) < turned ? nextafter(turned / d, 1) : turned / d;
}

/* Members of rope_parameters and of the older rope_scaling. */
static void put_rope_members(lm_json_writer *w, const lm_model_options *o, bool partial) {
    static const char *const types[LM_ROPE_SCALING_COUNT] = {"default", "linear", "llama3"};
    bool turns = o->position == LM_POSITION_ROPE;
    int scaling = turns ? o->rope_scaling : LM_ROPE_SCALING_LINEAR;
    lm_json_string(w, "rope_type", types[scaling]);
    if (scaling != LM_ROPE_SCALING_NONE)
        put_float(w, "factor", turns ? o->rope_factor : LM_INTEROP_NO_ROTATION);
    if (scaling == LM_ROPE_SCALING_LLAMA3) {
        put_float(w, "low_freq_factor", o->rope_low_freq_factor);
        put_float(w, "high_freq_factor", o->rope_high_freq_factor);
        lm_json_integer(w, "original_max_position_embeddings", o->rope_original_context);
    }
    put_float(w, "rope_theta", o->rope_theta);
    if (partial) put_float(w, "partial_rotary_factor", partial_factor(o));
}

static void put_rope(lm_json_writer *w, const lm_model_options *o, const lm_interop_hf_keys *k) {
    put_float(w, "rope_theta", o->rope_theta);
    if (k->partial) put_float(w, "partial_rotary_factor", partial_factor(o));
    lm_json_object(w, "rope_parameters", LM_JSON_LINES);
    put_rope_members(w, o, k->partial);
    lm_json_end(w);
    if (o->position == LM_POSITION_ROPE && o->rope_scaling == LM_ROPE_SCALING_NONE) return;
    lm_json_object(w, "rope_scaling", LM_JSON_LINES);
    put_rope_members(w, o, k->partial);
    lm_json_end(w);
}

static void put_window(lm_json_writer *w, const lm_model_options *o, const lm_interop_hf_keys *k) {
    if (!k->window) return;
    if (o->window > 0)
        lm_json_integer(w, "sliding_window", o->window);
    else
        lm_json_string(w, "sliding_window", NULL);
    if (!k->window_types) return;
    lm_json_boolean(w, "use_sliding_window", o->window > 0);
    lm_json_integer(w, "max_window_layers", o->window > 0 ? 0 : o->n_layers);
    lm_json_array(w, "layer_types", LM_JSON_LINE);
    for (int64_t l = 0; l < o->n_layers; l++)
        lm_json_string(w, NULL, o->window > 0 ? "sliding_attention" : "full_attention");
    lm_json_end(w);
}

static void put_config(lm_json_writer *w, const lm_interop_class *c, const lm_model_options *o) {
    const lm_interop_hf_keys *k = lm_interop_hf_keys_of(c->type);
    lm_json_integer(w, "vocab_size", o->vocab_size);
    lm_json_integer(w, "max_position_embeddings", o->context_length);
    lm_json_integer(w, "hidden_size", o->d_model);
    lm_json_integer(w, "intermediate_size", o->d_ff);
    lm_json_integer(w, "num_hidden_layers", o->n_layers);
    lm_json_integer(w, "num_attention_heads", o->n_heads);
    lm_json_integer(w, "num_key_value_heads", o->n_kv_heads);
    lm_json_integer(w, "head_dim", lm_interop_head_size(o));
    lm_json_string(w, "hidden_act", lm_interop_hf_activation(c, o->mlp));
    put_float(w, k->norm_eps, o->norm_eps);
    if (k->attention_bias) lm_json_boolean(w, k->attention_bias, lm_interop_has_qkv_bias(o));
    if (k->mlp_bias) lm_json_boolean(w, k->mlp_bias, o->bias);
    put_rope(w, o, k);
    put_window(w, o, k);
    put_float(w, "attention_dropout", 0);
}

static void put_gpt2(lm_json_writer *w, const lm_interop_class *c, const lm_model_options *o) {
    lm_json_integer(w, "vocab_size", o->vocab_size);
    lm_json_integer(w, "n_positions", o->context_length);
    lm_json_integer(w, "n_ctx", o->context_length); /* llama.cpp's converter reads this one */
    lm_json_integer(w, "n_embd", o->d_model);
    lm_json_integer(w, "n_layer", o->n_layers);
    lm_json_integer(w, "n_head", o->n_heads);
    lm_json_integer(w, "n_inner", o->d_ff);
    lm_json_string(w, "activation_function", lm_interop_hf_activation(c, o->mlp));
    put_float(w, "layer_norm_epsilon", o->norm_eps);
    put_float(w, "resid_pdrop", 0);
    put_float(w, "embd_pdrop", 0);
    put_float(w, "attn_pdrop", 0);
    lm_json_boolean(w, "scale_attn_weights", true);
}

void lm_interop_hf_config(const lm_interop_class *c, const lm_model_options *o,
                          const lm_interop_special *special, const char *dtype, lm_text *out) {
    lm_json_writer w = {.out = out};
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_array(&w, "architectures", LM_JSON_LINE);
    lm_json_string(&w, NULL, c->name);
    lm_json_end(&w);
    lm_json_string(&w, "model_type", c->type);
    if (lm_interop_hf_keys_of(c->type))
        put_config(&w, c, o);
    else
        put_gpt2(&w, c, o);
    double std = o->init_std > 0 ? o->init_std : 1 / sqrt((double)o->d_model);
    put_float(&w, "initializer_range", fmin(std, 1)); /* the range it allows */
    lm_json_boolean(&w, "tie_word_embeddings", o->tie_embeddings);
    put_tokens(&w, special);
    lm_json_string(&w, "dtype", dtype);
    lm_json_string(&w, "torch_dtype", dtype);
    lm_json_boolean(&w, "use_cache", true);
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
}

void lm_interop_hf_generation(const lm_interop_special *special, lm_text *out) {
    lm_json_writer w = {.out = out};
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_json_boolean(&w, "_from_model_config", true);
    put_tokens(&w, special);
    lm_json_end(&w);
    lm_text_append(out, "\n", 1);
}

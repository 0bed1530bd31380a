/* A GGUF file, as llama.cpp has its models. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "containers/gguf.h"
#include "interop/import_hf.h"
#include "interop/source_parts.h"

enum { MOST = INT32_MAX, KEY_SIZE = 128, COMPARED = 1 << 20 };

/* What an architecture is beside what its keys say. */
static const struct architecture {
    const char *name;
    int mlp, norm, position;
    bool qk_norm;
} architectures[] = {
    {"llama", LM_MLP_SWIGLU, LM_NORM_RMSNORM, LM_POSITION_ROPE, false},
    {"qwen2", LM_MLP_SWIGLU, LM_NORM_RMSNORM, LM_POSITION_ROPE, false},
    {"qwen3", LM_MLP_SWIGLU, LM_NORM_RMSNORM, LM_POSITION_ROPE, true},
    {"arcee", LM_MLP_RELU2, LM_NORM_RMSNORM, LM_POSITION_ROPE, false},
    {"nemotron", LM_MLP_RELU2, LM_NORM_LAYERNORM, LM_POSITION_ROPE, false},
    {"stablelm", LM_MLP_SWIGLU, LM_NORM_LAYERNORM, LM_POSITION_ROPE, false},
    {"starcoder2", LM_MLP_GELU_TANH, LM_NORM_LAYERNORM, LM_POSITION_ROPE, false},
    {"gpt2", LM_MLP_GELU_TANH, LM_NORM_LAYERNORM, LM_POSITION_LEARNED, false},
};

/* Keys of an architecture that are read, or that say nothing new. */
static const char *const known[] = {
    "vocab_size",
    "context_length",
    "embedding_length",
    "block_count",
    "feed_forward_length",
    "use_parallel_residual",
    "attention.head_count",
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "attention.layer_norm_epsilon",
    "attention.layer_norm_rms_epsilon",
    "attention.sliding_window",
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scale_linear",
    "rope.scaling.type",
    "rope.scaling.factor",
    "rope.scaling.original_context_length",
    "rope.llama3.factor",
    "rope.llama3.low_freq_factor",
    "rope.llama3.high_freq_factor",
    "rope.llama3.original_context",
};

static bool probe(const char *path, const unsigned char *front, size_t size) {
    (void)path;
    return lm_gguf_is(front, size);
}

static void close_file(lm_interop_source *s) {
    if (!s->state) return;
    lm_gguf_close(s->state);
    free(s->state);
    s->state = NULL;
}

/* ---- keys -------------------------------------------------------------------------------------*/

/* "llama.block_count". */
static const char *key_of(const lm_interop_source *s, const char *name, char out[KEY_SIZE]) {
    snprintf(out, KEY_SIZE, "%s.%s", s->class->name, name);
    return out;
}

static int64_t count(lm_interop_source *s, const char *name, int64_t high) {
    char key[KEY_SIZE];
    return lm_gguf_get_count(s->state, key_of(s, name, key), 1, high);
}

static int64_t count_or(lm_interop_source *s, const char *name, int64_t otherwise) {
    char key[KEY_SIZE];
    return lm_gguf_has(s->state, key_of(s, name, key)) ? count(s, name, MOST) : otherwise;
}

static double number_or(lm_interop_source *s, const char *name, double otherwise) {
    char key[KEY_SIZE];
    key_of(s, name, key);
    return lm_gguf_has(s->state, key) ? lm_gguf_get_number(s->state, key) : otherwise;
}

/* Decimals of fewest digits that read back to the same float: 1e-05, not 9.99999974737875e-06. */
static double as_written(double x) {
    char text[32];
    for (int digits = 1; digits <= 9; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, x);
        if ((float)strtod(text, NULL) == (float)x) return strtod(text, NULL);
    }
    return x;
}

/* Keys of the architecture that this reader does not know. */
static void say_unknown(lm_interop_source *s) {
    const lm_gguf *g = s->state;
    const size_t prefix = strlen(s->class->name) + 1;
    for (size_t i = 0; i < g->n_pairs; i++) {
        const lm_gguf_pair *p = &g->pairs[i];
        bool is_known = p->key_length <= prefix || p->key[prefix - 1] != '.' ||
                        strncmp(p->key, s->class->name, prefix - 1) != 0;
        for (size_t j = 0; j < sizeof known / sizeof *known && !is_known; j++)
            is_known = strlen(known[j]) == p->key_length - prefix &&
                       memcmp(known[j], p->key + prefix, p->key_length - prefix) == 0;
        if (!is_known)
            lm_text_say(&s->said, "key %.*s is not known and was passed over\n",
                        (int)(p->key_length < 100 ? p->key_length : 100), p->key);
    }
}

/* ---- rope -------------------------------------------------------------------------------------*/

/* The factor by which llama3 scaling divides the frequency theta^(-2j/R). */
static double llama3_factor(const lm_model_options *o, int64_t j, int64_t turned) {
    double frequency = pow(o->rope_theta, -2.0 * (double)j / (double)turned);
    double turns = (double)o->rope_original_context * frequency / (2 * 3.14159265358979323846);
    if (turns > o->rope_high_freq_factor) return 1;
    if (turns < o->rope_low_freq_factor) return o->rope_factor;
    double s =
        (turns - o->rope_low_freq_factor) / (o->rope_high_freq_factor - o->rope_low_freq_factor);
    return 1 / ((1 - s) / o->rope_factor + s);
}

/* The context length from which a factor between 1 and the largest follows. */
static void original_context(lm_model_options *o, float factor, int64_t j, int64_t turned) {
    double frequency = pow(o->rope_theta, -2.0 * (double)j / (double)turned);
    double s = (1 / (double)factor - 1 / o->rope_factor) / (1 - 1 / o->rope_factor);
    double turns =
        o->rope_low_freq_factor + s * (o->rope_high_freq_factor - o->rope_low_freq_factor);
    double context = turns * 2 * 3.14159265358979323846 / frequency;
    if (context >= 1 && context < MOST) o->rope_original_context = (int64_t)(context + 0.5);
}

/* rope_freqs.weight holds these factors, not what they were computed from: that must be as in Llama
 * 3, where only the largest factor and the context differ from model to model, unless it stands
 * beside them, as in files of lmtrain. */
static lm_status read_factors(lm_interop_source *s, lm_error *err) {
    lm_gguf *g = s->state;
    lm_model_options *o = &s->options;
    const lm_tensor *t = lm_tensors_find(&g->tensors, "rope_freqs.weight");
    const int64_t turned = o->rope_dim ? o->rope_dim : o->head_dim;
    float factors[1024], most = 1;
    if (!t) return LM_OK;
    if (t->element != LM_ELEMENT_F32 || t->count != turned / 2 || t->count > 1024)
        return lm_error_damaged(err, "%s: tensor rope_freqs.weight: expected %lld elements of F32",
                                s->path, (long long)(turned / 2));
    lm_status status = lm_file_reader_at(&g->file, t->offset, factors, (size_t)t->bytes, err);
    for (int64_t j = 0; j < t->count && status == LM_OK; j++)
        if (factors[j] > most) most = factors[j];
    o->rope_scaling = LM_ROPE_SCALING_LLAMA3;
    o->rope_factor = as_written(number_or(s, "rope.llama3.factor", (double)most));
    o->rope_low_freq_factor = as_written(number_or(s, "rope.llama3.low_freq_factor", 1));
    o->rope_high_freq_factor = as_written(number_or(s, "rope.llama3.high_freq_factor", 4));
    o->rope_original_context = 8192;
    for (int64_t j = 0; j < t->count && status == LM_OK; j++)
        if (factors[j] > 1.0F && factors[j] < most) original_context(o, factors[j], j, turned);
    o->rope_original_context =
        count_or(s, "rope.llama3.original_context", o->rope_original_context);
    if (status == LM_OK) status = g->status;
    for (int64_t j = 0; j < t->count && status == LM_OK; j++) {
        double expected = llama3_factor(o, j, turned);
        if (fabs((double)factors[j] - expected) > 1e-3 * expected)
            status = lm_error_set(err, LM_ERR_USAGE,
                                  "%s: tensor rope_freqs.weight, element %lld: expected %g, as in"
                                  " Llama 3, found %g",
                                  s->path, (long long)j, expected, (double)factors[j]);
    }
    return status;
}

static lm_status read_rope(lm_interop_source *s, lm_error *err) {
    lm_gguf *g = s->state;
    lm_model_options *o = &s->options;
    char key[KEY_SIZE];
    o->rope_theta = as_written(number_or(s, "rope.freq_base", 10000));
    int64_t turned = count_or(s, "rope.dimension_count", o->head_dim);
    if (turned != o->head_dim) o->rope_dim = turned;
    double factor = number_or(s, "rope.scaling.factor", number_or(s, "rope.scale_linear", 1));
    key_of(s, "rope.scaling.type", key);
    bool typed = lm_gguf_has(g, key);
    if (typed && lm_gguf_string_is(g, key, "none"))
        factor = 1;
    else if (typed && !lm_gguf_string_is(g, key, "linear"))
        lm_gguf_wrong(g, key, "none or linear");
    if (factor == (double)(float)LM_INTEROP_NO_ROTATION || factor == LM_INTEROP_NO_ROTATION) {
        o->position = LM_POSITION_NONE;
        o->rope_dim = 0;
    } else if (factor != 1) {
        o->rope_scaling = LM_ROPE_SCALING_LINEAR;
        o->rope_factor = as_written(factor);
    }
    return g->status == LM_OK ? read_factors(s, err) : g->status;
}

/* ---- what tensors say -------------------------------------------------------------------------*/

static bool has_tensor(const lm_interop_source *s, const char *name) {
    const lm_gguf *g = s->state;
    return lm_tensors_find(&g->tensors, name) != NULL;
}

static void read_biases(lm_interop_source *s) {
    lm_model_options *o = &s->options;
    const unsigned how = s->class->how;
    bool qkv = has_tensor(s, "blk.0.attn_q.bias") || has_tensor(s, "blk.0.attn_qkv.bias");
    o->bias = (how & LM_INTEROP_LINEAR_BIAS) || (qkv && has_tensor(s, "blk.0.ffn_up.bias"));
    o->qkv_bias = qkv && !o->bias;
    o->norm_bias = (how & LM_INTEROP_NORM_BIAS) && !o->bias;
}

/* The head is stored in files of tied models too, since some readers want it. */
static lm_status read_tie(lm_interop_source *s, lm_error *err) {
    const lm_gguf *g = s->state;
    const lm_tensor *a = lm_tensors_find(&g->tensors, "token_embd.weight");
    const lm_tensor *b = lm_tensors_find(&g->tensors, "output.weight");
    lm_status status = LM_OK;
    s->options.tie_embeddings = !b || (a->element == b->element && a->bytes == b->bytes);
    if (!b || !s->options.tie_embeddings) return LM_OK;
    unsigned char *buffer = malloc(2 * COMPARED);
    if (!buffer) return lm_error_no_memory(err, s->path);
    for (uint64_t at = 0; at < a->bytes && s->options.tie_embeddings && status == LM_OK;
         at += COMPARED) {
        size_t n = a->bytes - at < COMPARED ? (size_t)(a->bytes - at) : COMPARED;
        status = lm_file_reader_at(&g->file, a->offset + at, buffer, n, err);
        if (status == LM_OK)
            status = lm_file_reader_at(&g->file, b->offset + at, buffer + COMPARED, n, err);
        s->options.tie_embeddings = memcmp(buffer, buffer + COMPARED, n) == 0;
    }
    free(buffer);
    return status;
}

/* ---- the file ---------------------------------------------------------------------------------*/

static int32_t token_id(lm_gguf *g, const char *key) {
    return lm_gguf_has(g, key) ? (int32_t)lm_gguf_get_count(g, key, 0, MOST) : -1;
}

static lm_status read_tokenizer(lm_interop_source *s, lm_error *err) {
    lm_gguf *g = s->state;
    size_t length;
    s->kept.special.bos = token_id(g, "tokenizer.ggml.bos_token_id");
    for (size_t i = 0; lm_interop_gguf_ends[i]; i++)
        lm_interop_add_end(&s->kept.special, token_id(g, lm_interop_gguf_ends[i]));
    s->kept.special.pad = token_id(g, "tokenizer.ggml.padding_token_id");
    if (lm_gguf_has(g, "tokenizer.chat_template")) {
        const char *text = lm_gguf_get_string(g, "tokenizer.chat_template", &length);
        if (text) lm_text_append(&s->kept.chat_template, text, length);
    }
    if (lm_gguf_has(g, "tokenizer.ggml.model") &&
        !lm_gguf_string_is(g, "tokenizer.ggml.model", "no_vocab") &&
        !lm_gguf_string_is(g, "tokenizer.ggml.model", "none")) {
        s->tokenizer = strdup(s->path);
        if (!s->tokenizer) return lm_error_no_memory(err, s->path);
    }
    return g->status;
}

static lm_status read_sizes(lm_interop_source *s, lm_error *err) {
    lm_gguf *g = s->state;
    lm_model_options *o = &s->options;
    const lm_tensor *embedding = lm_tensors_find(&g->tensors, "token_embd.weight");
    if (!embedding || embedding->ndim != 2)
        return lm_error_damaged(err,
                                "%s: expected a tensor token_embd.weight of two dimensions"
                                "%s",
                                s->path, g->tensors.count == 0 ? ", found no tensor at all" : "");
    o->vocab_size = embedding->shape[0];
    o->d_model = count(s, "embedding_length", MOST);
    o->n_layers = count(s, "block_count", LM_INTEROP_MOST_LAYERS);
    o->n_heads = count(s, "attention.head_count", MOST);
    o->context_length = count(s, "context_length", MOST);
    o->d_ff = count(s, "feed_forward_length", MOST);
    if (g->status != LM_OK) return g->status;
    o->n_kv_heads = count_or(s, "attention.head_count_kv", o->n_heads);
    o->head_dim = count_or(s, "attention.key_length", o->d_model / o->n_heads);
    o->window = count_or(s, "attention.sliding_window", 0);
    if (count_or(s, "attention.value_length", o->head_dim) != o->head_dim) {
        char key[KEY_SIZE];
        lm_gguf_wrong(g, key_of(s, "attention.value_length", key), "that of attention.key_length");
    }
    o->norm_eps =
        as_written(number_or(s,
                             o->norm == LM_NORM_RMSNORM ? "attention.layer_norm_rms_epsilon"
                                                        : "attention.layer_norm_epsilon",
                             1e-5));
    return g->status;
}

static lm_status find_class(lm_interop_source *s, lm_error *err) {
    lm_gguf *g = s->state;
    lm_text expected = {0};
    lm_status status = LM_OK;
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures; i++) {
        const struct architecture *a = &architectures[i];
        lm_text_printf(&expected, "%s%s", i ? ", " : "one of ", a->name);
        g->status = LM_OK;
        if (!lm_gguf_string_is(g, "general.architecture", a->name)) continue;
        s->class = lm_interop_class_named(LM_INTEROP_GGUF, a->name);
        s->options.mlp = a->mlp;
        s->options.norm = a->norm;
        s->options.position = a->position;
        s->options.qk_norm = a->qk_norm;
    }
    if (!s->class) {
        g->status = LM_OK;
        lm_gguf_wrong(g, "general.architecture", lm_text_cstr(&expected));
        status = err->code = g->status = LM_ERR_USAGE;
    }
    lm_text_free(&expected);
    return status;
}

static lm_status open_file(lm_interop_source *s, lm_error *err) {
    lm_gguf *g = s->state = calloc(1, sizeof *g);
    lm_status status = g ? lm_gguf_open(g, s->path, err) : lm_error_no_memory(err, s->path);
    if (status == LM_OK) status = find_class(s, err);
    if (status == LM_OK) status = read_sizes(s, err);
    if (status == LM_OK && s->options.position == LM_POSITION_ROPE) status = read_rope(s, err);
    if (status != LM_OK) return status;
    read_biases(s);
    say_unknown(s);
    if ((status = read_tie(s, err)) != LM_OK) return status;
    return read_tokenizer(s, err);
}

static bool is_read_elsewhere(const char *name) {
    return strcmp(name, "rope_freqs.weight") == 0;
}
static bool is_head_or_read_elsewhere(const char *name) {
    return is_read_elsewhere(name) || strcmp(name, "output.weight") == 0;
}

static lm_status place(lm_interop_source *s, lm_error *err) {
    const lm_gguf *g = s->state;
    const lm_interop_container container = {&g->file, &g->tensors};
    return lm_interop_place_by_name(
        s, &container, 1, NULL,
        s->options.tie_embeddings ? is_head_or_read_elsewhere : is_read_elsewhere, err);
}

const lm_interop_reader lm_interop_reader_gguf = {
    .name = "GGUF",
    .probe = probe,
    .open = open_file,
    .place = place,
    .close = close_file,
};

#include "interop/classes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/numbers.h"
#include "interop/names.h"

static const struct {
    const char *name, *title;
} formats[LM_INTEROP_FORMATS] = {
    [LM_INTEROP_HF] = {"hf", "Hugging Face"},
    [LM_INTEROP_GGUF] = {"gguf", "GGUF"},
    [LM_INTEROP_LLAMA2C] = {"llama2c", "llama2.c"},
    [LM_INTEROP_LLAMA2C_V1] = {"llama2c-v1", "llama2.c (version 1)"},
    [LM_INTEROP_LLMC] = {"llmc", "llm.c"},
};

const char *lm_interop_format_name(int format) {
    return format >= 0 && format < LM_INTEROP_FORMATS ? formats[format].name : NULL;
}
const char *lm_interop_format_title(int format) {
    return format >= 0 && format < LM_INTEROP_FORMATS ? formats[format].title : NULL;
}

/* ---- the table --------------------------------------------------------------------------------*/

/* Options by name, separated by spaces: a name alone holds every value, "name=a,b" holds a and b.
 * A value may be another option, or a multiple of one. */
#define SIZES "d_model n_layers n_heads context_length vocab_size "
/* Those that say how a model is trained, not what it computes; and the parametrization, whose
 * multipliers are folded into the weights. */
#define TRAINING                                                                 \
    "preset init init_std dropout label_smoothing z_loss multi_token recompute " \
    "document_mask document_token parametrization base_d_model base_n_layers "   \
    "embedding_std zero_head "
#define ANY   SIZES TRAINING "n_kv_heads d_ff tie_embeddings norm_eps "
#define TURNS "position=rope,none rope_theta embedding_norm "
/* All ways of slowing rotations down, and the one by which all slow down alike. */
#define SCALES                                                             \
    "rope_scaling rope_factor rope_low_freq_factor rope_high_freq_factor " \
    "rope_original_context "
#define SCALES_ALIKE "rope_scaling=none,linear rope_factor "
/* A class whose LayerNorm has a bias anyhow has it as zeros. */
#define LAYERNORM "norm=layernorm norm_bias "
#define RMSNORM   "norm=rmsnorm "

/* clang-format off */
static const lm_interop_class classes[] = {
    {LM_INTEROP_HF, "LlamaForCausalLM", "llama",
     ANY RMSNORM TURNS SCALES "mlp=swiglu bias head_dim",
     0, lm_interop_names_llama},
    {LM_INTEROP_HF, "MistralForCausalLM", "mistral",
     ANY RMSNORM TURNS SCALES "mlp=swiglu bias=false head_dim window",
     0, lm_interop_names_llama},
    {LM_INTEROP_HF, "Qwen2ForCausalLM", "qwen2",
     ANY RMSNORM TURNS SCALES "mlp=swiglu bias=false qkv_bias=true window",
     0, lm_interop_names_llama},
    {LM_INTEROP_HF, "Qwen3ForCausalLM", "qwen3",
     ANY RMSNORM TURNS SCALES "mlp=swiglu bias=false qk_norm=true head_dim window",
     0, lm_interop_names_llama},
    {LM_INTEROP_HF, "ArceeForCausalLM", "arcee",
     ANY RMSNORM TURNS SCALES "mlp=relu2 bias head_dim",
     0, lm_interop_names_llama},
    {LM_INTEROP_HF, "NemotronForCausalLM", "nemotron",
     ANY LAYERNORM TURNS SCALES "rope_dim mlp=relu2 bias qkv_bias head_dim",
     LM_INTEROP_NORM_BIAS | LM_INTEROP_OUTPUT_BIAS | LM_INTEROP_MINUS_ONE,
     lm_interop_names_llama},
    {LM_INTEROP_HF, "StableLmForCausalLM", "stablelm",
     ANY LAYERNORM TURNS SCALES "rope_dim mlp=swiglu bias=false qkv_bias",
     LM_INTEROP_NORM_BIAS, lm_interop_names_llama},
    {LM_INTEROP_HF, "Starcoder2ForCausalLM", "starcoder2",
     ANY LAYERNORM TURNS SCALES "mlp=gelu_tanh,gelu,relu2 bias qkv_bias window",
     LM_INTEROP_NORM_BIAS | LM_INTEROP_BIAS_TOGETHER, lm_interop_names_starcoder2},
    {LM_INTEROP_HF, "GPT2LMHeadModel", "gpt2",
     SIZES TRAINING LAYERNORM "n_kv_heads=n_heads d_ff tie_embeddings norm_eps position=learned "
     "mlp=gelu_tanh,gelu,relu2 bias qkv_bias",
     LM_INTEROP_NORM_BIAS | LM_INTEROP_LINEAR_BIAS | LM_INTEROP_TRANSPOSED,
     lm_interop_names_gpt2},

    {LM_INTEROP_GGUF, "llama", NULL,
     ANY RMSNORM TURNS SCALES "mlp=swiglu bias head_dim window",
     LM_INTEROP_INTERLEAVED | LM_INTEROP_SHORT_CONTEXT, lm_interop_names_gguf},
    {LM_INTEROP_GGUF, "qwen2", NULL,
     ANY RMSNORM TURNS SCALES_ALIKE "mlp=swiglu bias=false qkv_bias=true window",
     LM_INTEROP_SHORT_CONTEXT, lm_interop_names_gguf},
    {LM_INTEROP_GGUF, "qwen3", NULL,
     ANY RMSNORM TURNS SCALES_ALIKE "mlp=swiglu bias=false qk_norm=true head_dim window",
     LM_INTEROP_SHORT_CONTEXT, lm_interop_names_gguf},
    {LM_INTEROP_GGUF, "arcee", NULL,
     ANY RMSNORM TURNS SCALES "mlp=relu2 bias=false head_dim window",
     LM_INTEROP_INTERLEAVED | LM_INTEROP_SHORT_CONTEXT, lm_interop_names_gguf},
    {LM_INTEROP_GGUF, "nemotron", NULL,
     ANY LAYERNORM TURNS SCALES_ALIKE "rope_dim mlp=relu2 bias qkv_bias window",
     LM_INTEROP_NORM_BIAS | LM_INTEROP_HEAD | LM_INTEROP_SHORT_CONTEXT, lm_interop_names_gguf},
    {LM_INTEROP_GGUF, "stablelm", NULL,
     ANY LAYERNORM TURNS SCALES_ALIKE "rope_dim mlp=swiglu bias=false qkv_bias window",
     LM_INTEROP_NORM_BIAS | LM_INTEROP_HEAD | LM_INTEROP_SHORT_CONTEXT, lm_interop_names_gguf},
    {LM_INTEROP_GGUF, "starcoder2", NULL,
     ANY LAYERNORM TURNS SCALES_ALIKE "mlp=gelu_tanh bias qkv_bias window",
     LM_INTEROP_NORM_BIAS | LM_INTEROP_LINEAR_BIAS | LM_INTEROP_SHORT_CONTEXT,
     lm_interop_names_gguf},
    {LM_INTEROP_GGUF, "gpt2", NULL,
     SIZES TRAINING LAYERNORM "n_kv_heads=n_heads d_ff tie_embeddings norm_eps position=learned "
     "mlp=gelu_tanh bias qkv_bias",
     LM_INTEROP_NORM_BIAS | LM_INTEROP_LINEAR_BIAS | LM_INTEROP_HEAD, lm_interop_names_gguf_gpt2},

    {LM_INTEROP_LLAMA2C, "Llama", NULL,
     SIZES TRAINING RMSNORM "n_kv_heads d_ff tie_embeddings norm_eps=1e-05 position=rope "
     "rope_theta=10000 embedding_norm mlp=swiglu bias=false window",
     LM_INTEROP_INTERLEAVED | LM_INTEROP_SHORT_CONTEXT | LM_INTEROP_BY_KIND,
     lm_interop_names_llama2c},
    {LM_INTEROP_LLAMA2C_V1, "Llama", NULL,
     SIZES TRAINING RMSNORM "n_kv_heads d_ff tie_embeddings norm_eps=1e-05 position=rope "
     "rope_theta=10000 embedding_norm mlp=swiglu bias=false window",
     LM_INTEROP_INTERLEAVED | LM_INTEROP_SHORT_CONTEXT | LM_INTEROP_BY_KIND,
     lm_interop_names_llama2c_v1},
    {LM_INTEROP_LLMC, "GPT-2", NULL,
     SIZES TRAINING LAYERNORM "n_kv_heads=n_heads d_ff=4*d_model tie_embeddings=true "
     "norm_eps=1e-05 position=learned mlp=gelu_tanh bias qkv_bias",
     LM_INTEROP_NORM_BIAS | LM_INTEROP_LINEAR_BIAS | LM_INTEROP_BY_KIND |
     LM_INTEROP_PADDED_VOCAB, lm_interop_names_llmc},
};
/* clang-format on */

const lm_interop_class *lm_interop_class_at(int i) {
    return i >= 0 && i < (int)(sizeof classes / sizeof *classes) ? &classes[i] : NULL;
}

const lm_interop_class *lm_interop_class_named(lm_interop_format format, const char *name) {
    const lm_interop_class *c;
    for (int i = 0; (c = lm_interop_class_at(i)) != NULL; i++)
        if (c->format == format &&
            (strcmp(c->name, name) == 0 || (c->type && strcmp(c->type, name) == 0)))
            break;
    return c;
}

/* ---- what a class holds -----------------------------------------------------------------------*/

/* The text behind "name" in a list of what a class holds: "=a,b ...", or " ..." when it holds every
 * value; NULL: it does not name the option. */
static const char *find_rule(const char *holds, const char *name) {
    size_t n = strlen(name);
    while (*holds) {
        holds += strspn(holds, " ");
        if (strncmp(holds, name, n) == 0 && strchr("= ", holds[n])) return holds + n;
        holds += strcspn(holds, " ");
    }
    return NULL;
}

static const lm_interop_option *find_option(const lm_interop_option *options, int n,
                                            const char *name, size_t length) {
    for (int i = 0; i < n; i++)
        if (strlen(options[i].name) == length && strncmp(options[i].name, name, length) == 0)
            return &options[i];
    return NULL;
}

static int64_t number_of(const lm_interop_option *options, int n, const char *name) {
    const lm_interop_option *o = find_option(options, n, name, strlen(name));
    return o ? strtoll(o->value, NULL, 10) : 0;
}

/* One value of a rule, value [length]: as it is written, or "n_heads", "4*d_model" put into figures
 * and then, for people, the option in brackets. */
static void put_value(lm_text *figures, lm_text *said, const char *value, size_t length,
                      const lm_interop_option *options, int n) {
    const char *star = memchr(value, '*', length), *name = star ? star + 1 : value;
    const lm_interop_option *o = find_option(options, n, name, length - (size_t)(name - value));
    if (o) {
        int64_t times = star ? strtoll(value, NULL, 10) : 1;
        lm_text_printf(figures, "%lld", (long long)(times * strtoll(o->value, NULL, 10)));
        lm_text_printf(said, "%s (%s%.*smodel.%s)", lm_text_cstr(figures), "", (int)(name - value),
                       value, o->name);
    } else {
        lm_text_append(figures, value, length);
        lm_text_append(said, value, length);
    }
}

static bool rule_holds(const char *rule, const lm_interop_option *option,
                       const lm_interop_option *options, int n, lm_text *expected) {
    bool holds = *rule != '=';
    for (const char *at = rule; !holds && (*at == '=' || *at == ',');) {
        lm_text figures = {0}, said = {0};
        size_t length = strcspn(++at, ", ");
        put_value(&figures, &said, at, length, options, n);
        holds = strcmp(lm_text_cstr(&figures), option->value) == 0;
        if (expected)
            lm_text_printf(expected, "%s%s", at == rule + 1 ? "" : " or ", lm_text_cstr(&said));
        lm_text_free(&figures);
        lm_text_free(&said);
        at += length;
    }
    return holds;
}

/* A class that turns heads turns pairs of channels, also where it turns them by nothing. */
static bool is_odd_head(const lm_interop_class *c, const lm_interop_option *option) {
    const char *position = find_rule(c->holds, "position");
    return strcmp(option->name, "head_dim") == 0 && strtoll(option->value, NULL, 10) % 2 != 0 &&
           position && strncmp(position, "=rope", 5) == 0;
}

bool lm_interop_holds(const lm_interop_class *c, const lm_interop_option *option,
                      const lm_interop_option *options, int n, lm_text *expected) {
    const char *rule = find_rule(c->holds, option->name);
    if (is_odd_head(c, option)) {
        if (expected) lm_text_printf(expected, "an even number");
        return false;
    }
    if (rule) return rule_holds(rule, option, options, n, expected);
    if (strcmp(option->value, option->off) == 0) return true;
    if (strcmp(option->name, "window") == 0 &&
        strtoll(option->value, NULL, 10) >= number_of(options, n, "context_length"))
        return true;
    if (expected) lm_text_printf(expected, "%s", option->off);
    return false;
}

/* Is the option in the way? Not when another one is whose change takes its effect away. */
static bool is_missing(const lm_interop_class *c, const lm_interop_option *options, int n, int i,
                       lm_text *expected) {
    if (lm_interop_holds(c, &options[i], options, n, expected)) return false;
    for (int d = 0; d < 2; d++) {
        const char *name = options[i].depends[d];
        const lm_interop_option *o = name ? find_option(options, n, name, strlen(name)) : NULL;
        if (o && !lm_interop_holds(c, o, options, n, NULL)) return false;
    }
    return true;
}

static int count_missing(const lm_interop_class *c, const lm_interop_option *options, int n) {
    int missing = 0;
    for (int i = 0; i < n; i++) missing += is_missing(c, options, n, i, NULL);
    return missing;
}

static void put_missing(const lm_interop_class *c, const lm_interop_option *options, int n,
                        lm_text *why) {
    for (int i = 0; i < n; i++) {
        lm_text expected = {0};
        if (is_missing(c, options, n, i, &expected))
            lm_text_say(why, "model.%s is %s; %s needs %s\n", options[i].name, options[i].value,
                        c->name, lm_text_cstr(&expected));
        lm_text_free(&expected);
    }
}

const lm_interop_class *lm_interop_find(lm_interop_format format, const lm_interop_option *options,
                                        int n, lm_text *why) {
    const lm_interop_class *nearest = NULL, *c;
    int least = n + 1;
    for (int i = 0; (c = lm_interop_class_at(i)) != NULL; i++) {
        if (c->format != format) continue;
        int missing = count_missing(c, options, n);
        if (missing == 0) return c;
        if (missing < least) {
            least = missing;
            nearest = c;
        }
    }
    put_missing(nearest, options, n, why);
    return NULL;
}

/* ---- what is stored ---------------------------------------------------------------------------*/

int64_t lm_interop_head_size(const lm_model_options *o) {
    return o->head_dim;
}
int64_t lm_interop_turned(const lm_model_options *o) {
    return o->position == LM_POSITION_ROPE ? o->rope_dim : o->head_dim;
}
bool lm_interop_has_qkv_bias(const lm_model_options *o) {
    return o->bias || o->qkv_bias;
}

static bool has_window(const lm_model_options *o) {
    return o->window > 0 && o->window < o->context_length;
}

void lm_interop_exported(const lm_interop_class *c, const lm_model_options *ours,
                         lm_model_options *there) {
    *there = *ours;
    if (ours->embedding_norm) {
        there->embedding_norm = false;
        there->tie_embeddings = false; /* the head reads the embedding without the norm */
    }
    there->parametrization = LM_STANDARD;
    if (!has_window(ours)) there->window = 0;
    if (there->window > 0 && (c->how & LM_INTEROP_SHORT_CONTEXT)) {
        there->context_length = there->window;
        there->window = 0;
    }
}

void lm_interop_remarks(const lm_interop_class *c, const lm_model_options *ours, lm_text *out) {
    const char *title = lm_interop_format_title((int)c->format);
    if (has_window(ours) && (c->how & LM_INTEROP_SHORT_CONTEXT))
        lm_text_say(out,
                    "%s: %s has no window (model.window = %lld): texts are the same up to %lld"
                    " tokens, which is the context length that is stored\n",
                    title, c->name, (long long)ours->window, (long long)ours->window);
    if (ours->document_mask)
        lm_text_say(out,
                    "%s: no mask between documents (model.document_mask): the same for texts of one"
                    " document\n",
                    title);
    if (ours->embedding_norm)
        lm_text_say(out, "%s: model.embedding_norm is folded into the embedding%s\n", title,
                    ours->tie_embeddings ? ", and the head is a matrix of its own" : "");
    if (ours->parametrization != LM_STANDARD)
        lm_text_say(out, "%s: the multipliers of model.parametrization = %s are in the weights\n",
                    title, lm_parametrization_name(ours->parametrization));
    if (c->format == LM_INTEROP_GGUF && ours->mlp == LM_MLP_GELU_TANH)
        lm_text_say(out,
                    "%s: llama.cpp computes GELU from a table of half precision: log-probabilities"
                    " differ by some 0.001\n",
                    title);
}

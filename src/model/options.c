#include <math.h>
#include <stdio.h>

#include "base/text.h"
#include "model/parts.h"
#include "ops/gemm.h"

const char *lm_position_name(int kind) {
    static const char *const names[LM_POSITION_COUNT] = {"learned", "rope", "none"};
    return kind >= 0 && kind < LM_POSITION_COUNT ? names[kind] : NULL;
}

const char *lm_init_name(int kind) {
    static const char *const names[LM_INIT_COUNT] = {"gpt2", "normal", "zero_output"};
    return kind >= 0 && kind < LM_INIT_COUNT ? names[kind] : NULL;
}

const char *lm_recompute_name(int kind) {
    static const char *const names[LM_RECOMPUTE_COUNT] = {"none", "attention", "block"};
    return kind >= 0 && kind < LM_RECOMPUTE_COUNT ? names[kind] : NULL;
}

/* One line per problem. */
static void problem_separator(lm_text *problems) {
    if (problems->length > 0) lm_text_printf(problems, "\n");
}

static bool check_between(lm_text *problems, const char *key, int64_t value, int64_t least,
                          int64_t greatest) {
    if (value >= least && value <= greatest) return true;
    problem_separator(problems);
    lm_text_printf(problems, "model.%s = %lld is out of range: expected %lld to %lld", key,
                   (long long)value, (long long)least, (long long)greatest);
    return false;
}

_Static_assert((int)LM_MODEL_MOST_WIDTH <= (int)LM_GEMM_FINISH_K, "products are so long at most");

/* A product of two sizes up to this fits 64 bits; token ids have 31 bits anyway. */
static const int64_t most = INT32_MAX;

static bool check_size(lm_text *problems, const char *key, int64_t value, int64_t least) {
    return check_between(problems, key, value, least, most);
}

static bool check_sizes(lm_text *problems, const lm_model_options *o) {
    bool ok = check_between(problems, "d_model", o->d_model, 1, LM_MODEL_MOST_WIDTH);
    ok &= check_size(problems, "n_layers", o->n_layers, 1);
    ok &= check_size(problems, "n_heads", o->n_heads, 1);
    ok &= check_size(problems, "n_kv_heads", o->n_kv_heads, 0);
    ok &= check_size(problems, "head_dim", o->head_dim, 0);
    ok &= check_size(problems, "rope_dim", o->rope_dim, 0);
    ok &= check_size(problems, "d_ff", o->d_ff, 0);
    ok &= check_size(problems, "context_length", o->context_length, 1);
    if (o->vocab_size != LM_VOCAB_UNKNOWN)
        ok &= check_size(problems, "vocab_size", o->vocab_size, 1);
    ok &= check_size(problems, "value_embeddings", o->value_embeddings, 0);
    ok &= check_size(problems, "window", o->window, 0);
    ok &= check_between(problems, "base_d_model", o->base_d_model, 0, LM_MODEL_MOST_WIDTH);
    ok &= check_size(problems, "base_n_layers", o->base_n_layers, 0);
    return ok;
}

static bool check_choices(lm_text *problems, const lm_model_options *o) {
    bool ok = true;
    const struct {
        const char *key, *name;
        int value;
    } choices[] = {
        {"norm", lm_norm_name(o->norm), o->norm},
        {"position", lm_position_name(o->position), o->position},
        {"rope_scaling", lm_rope_scaling_name(o->rope_scaling), o->rope_scaling},
        {"mlp", lm_mlp_name(o->mlp), o->mlp},
        {"init", lm_init_name(o->init), o->init},
        {"parametrization", lm_parametrization_name(o->parametrization), o->parametrization},
        {"recompute", lm_recompute_name(o->recompute), o->recompute}};
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        if (choices[i].name) continue;
        ok = false;
        problem_separator(problems);
        lm_text_printf(problems, "model.%s: there is no choice number %d", choices[i].key,
                       choices[i].value);
    }
    return ok;
}

static void check_positive(lm_text *problems, const char *key, double value) {
    if (value > 0 && isfinite(value)) return;
    problem_separator(problems);
    lm_text_printf(problems, "model.%s = %g: expected a positive number", key, value);
}

/* 0 <= value < high; the ranges of the config's keys are narrower. */
static void check_range(lm_text *problems, const char *key, double value, double high) {
    if (value >= 0 && value < high) return;
    problem_separator(problems);
    lm_text_printf(problems, "model.%s = %g: expected at least 0 and less than %g", key, value,
                   high);
}

/* Heads that share out d_model always fit. */
static void check_qkv_size(lm_text *problems, const lm_model_options *o) {
    if (lm_model_heads_fit(o)) return;
    problem_separator(problems);
    lm_text_printf(problems,
                   "model.head_dim = %lld is too large for model.n_heads = %lld and"
                   " model.n_kv_heads = %lld: the product of head_dim and the number of all heads"
                   " is more than %lld",
                   (long long)o->head_dim, (long long)o->n_heads, (long long)o->n_kv_heads,
                   (long long)(3 * most));
}

static void check_heads(lm_text *problems, const lm_model_options *o) {
    bool rope = o->position == LM_POSITION_ROPE && o->rope_dim == 0; /* all of a head turns */
    if (o->head_dim == 0 && o->d_model % o->n_heads != 0) {
        problem_separator(problems);
        lm_text_printf(problems, "model.d_model = %lld is not divisible by model.n_heads = %lld",
                       (long long)o->d_model, (long long)o->n_heads);
    } else if (o->head_dim == 0 && rope && o->d_model / o->n_heads % 2 != 0) {
        problem_separator(problems);
        lm_text_printf(problems,
                       "model.position = rope turns pairs, but the head size model.d_model / "
                       "model.n_heads = %lld / %lld = %lld is odd",
                       (long long)o->d_model, (long long)o->n_heads,
                       (long long)(o->d_model / o->n_heads));
    } else if (rope && o->head_dim % 2 != 0) {
        problem_separator(problems);
        lm_text_printf(problems,
                       "model.position = rope turns pairs, but model.head_dim = %lld is odd",
                       (long long)o->head_dim);
    }
    if (o->n_kv_heads > 0 && o->n_heads % o->n_kv_heads != 0) {
        problem_separator(problems);
        lm_text_printf(problems, "model.n_heads = %lld is not divisible by model.n_kv_heads = %lld",
                       (long long)o->n_heads, (long long)o->n_kv_heads);
    }
    check_qkv_size(problems, o);
}

/* Rotations, once heads have their width. */
static void check_rope(lm_text *problems, const lm_model_options *o) {
    check_positive(problems, "rope_theta", o->rope_theta);
    if (o->rope_dim > o->head_dim || o->rope_dim % 2 != 0) {
        problem_separator(problems);
        lm_text_printf(problems,
                       "model.rope_dim = %lld: expected an even number up to the width of a head,"
                       " %lld",
                       (long long)o->rope_dim, (long long)o->head_dim);
    }
    if (o->rope_scaling == LM_ROPE_SCALING_NONE) return;
    check_positive(problems, "rope_factor", o->rope_factor);
    if (o->rope_scaling != LM_ROPE_SCALING_LLAMA3) return;
    check_size(problems, "rope_original_context", o->rope_original_context, 1);
    check_positive(problems, "rope_low_freq_factor", o->rope_low_freq_factor);
    check_positive(problems, "rope_high_freq_factor", o->rope_high_freq_factor);
    if (o->rope_high_freq_factor <= o->rope_low_freq_factor) {
        problem_separator(problems);
        lm_text_printf(problems,
                       "model.rope_high_freq_factor = %g is not above model.rope_low_freq_factor ="
                       " %g",
                       o->rope_high_freq_factor, o->rope_low_freq_factor);
    }
}

/* A mask needs a token that begins documents, and the vocabulary has it. */
static void check_document_token(lm_text *problems, const lm_model_options *o) {
    int64_t vocab = o->vocab_size == LM_VOCAB_UNKNOWN ? most : o->vocab_size;
    if (!o->document_mask || (o->document_token >= 0 && o->document_token < vocab)) return;
    problem_separator(problems);
    if (o->document_token == LM_TOKEN_UNKNOWN)
        lm_text_printf(problems,
                       "model.document_mask needs model.document_token, which is not given");
    else
        lm_text_printf(problems,
                       "model.document_token: expected a token from 0 to %lld"
                       " (model.vocab_size - 1), found %lld",
                       (long long)(vocab - 1), (long long)o->document_token);
}

/* Orders rise; a table has as many rows as there are n-grams where none are given, and no more. */
static void check_ngrams(lm_text *problems, lm_model_options *o) {
    lm_ngram_tables *t = &o->ngram_tables;
    LM_ASSERT(t->count <= LM_NGRAM_TABLES_MOST);
    for (int64_t k = 0; k < t->count; k++) {
        lm_ngram_table *at = &t->at[k];
        if (k > 0 && at->order <= t->at[k - 1].order) {
            problem_separator(problems);
            lm_text_printf(problems,
                           "model.ngram_tables: expected rising orders, found %lld after %lld",
                           (long long)at->order, (long long)t->at[k - 1].order);
        }
        if (o->vocab_size == LM_VOCAB_UNKNOWN) continue;
        at->rows = lm_ngram_fit(at, o->vocab_size);
        if (at->rows > 0) continue;
        problem_separator(problems);
        lm_text_printf(problems,
                       "model.ngram_tables: expected \"rows\" for order %lld, found none, and there"
                       " are more n-grams of model.vocab_size = %lld tokens than a table has rows"
                       " (2147483647)",
                       (long long)at->order, (long long)o->vocab_size);
    }
}

/* Targets behind the next token: they stand within a window of the first one. */
static void check_multi_token(lm_text *problems, const lm_model_options *o) {
    const lm_number_list *l = &o->multi_token;
    LM_ASSERT(l->count >= 0 && l->count <= LM_NUMBERS_MOST);
    for (int64_t k = 0; k < l->count; k++)
        check_range(problems, "multi_token", l->values[k], INFINITY);
    if (l->count == 0 || l->count < o->context_length) return;
    problem_separator(problems);
    lm_text_printf(problems,
                   "model.multi_token: expected fewer weights than model.context_length = %lld,"
                   " found %lld",
                   (long long)o->context_length, (long long)l->count);
}

/* 4 C as in GPT-2; 8/3 C for the gated kinds, which have three matrices instead of two (Shazeer
 * 2020), rounded up to a multiple of 32 so that kernels have whole tiles. */
static int64_t default_d_ff(const lm_model_options *o) {
    if (!lm_mlp_is_gated((lm_mlp_kind)o->mlp)) return 4 * o->d_model;
    return lm_round_up(lm_divide_up(8 * o->d_model, 3), 32);
}

lm_status lm_model_resolve(lm_model_options *o, lm_error *err) {
    lm_text problems = {0};
    lm_status status = LM_OK;
    bool sizes = check_sizes(&problems, o), choices = check_choices(&problems, o);
    check_positive(&problems, "norm_eps", o->norm_eps);
    check_range(&problems, "init_std", o->init_std, INFINITY);
    check_range(&problems, "embedding_std", o->embedding_std, INFINITY);
    check_range(&problems, "qk_gain", o->qk_gain, INFINITY);
    check_range(&problems, "attention_softcap", o->attention_softcap, INFINITY);
    check_range(&problems, "logit_softcap", o->logit_softcap, INFINITY);
    check_range(&problems, "label_smoothing", o->label_smoothing, 1);
    check_range(&problems, "z_loss", o->z_loss, INFINITY);
    check_range(&problems, "dropout", o->dropout, 1);
    check_document_token(&problems, o);
    check_multi_token(&problems, o);
    if (sizes) check_ngrams(&problems, o);
    if (sizes) check_heads(&problems, o);
    if (sizes && choices) {
        if (o->n_kv_heads == 0) o->n_kv_heads = o->n_heads;
        bool sound = problems.length == 0;
        if (o->head_dim == 0) o->head_dim = o->d_model / o->n_heads;
        if (o->position == LM_POSITION_ROPE && sound) check_rope(&problems, o);
        if (o->position == LM_POSITION_ROPE && o->rope_dim == 0) o->rope_dim = o->head_dim;
        if (o->d_ff == 0) o->d_ff = default_d_ff(o);
        if (o->base_d_model == 0) o->base_d_model = o->d_model;
        if (o->base_n_layers == 0) o->base_n_layers = o->n_layers;
    }
    if (problems.failed)
        status = lm_error_no_memory(err, NULL);
    else if (problems.length > 0)
        status = lm_error_set(err, LM_ERR_USAGE, "%-s", lm_text_cstr(&problems));
    lm_text_free(&problems);
    return status;
}

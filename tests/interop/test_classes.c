#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/keys.h"
#include "interop/fold.h"
#include "interop/names.h"
#include "saved/exports.h"

/* A config of a small model with these keys, resolved. */
static void parse(lm_config *c, const char *model) {
    char text[1024];
    lm_error err = {0};
    snprintf(text, sizeof text,
             "{\"run\": {\"dir\": \"x\"}, \"data\": {\"train\": \"x\"}, \"train\": {\"steps\": 1},"
             " \"model\": {\"d_model\": 24, \"n_layers\": 2, \"n_heads\": 4, \"context_length\":"
             " 16, \"vocab_size\": 11%s%s}}",
             *model ? ", " : "", model);
    if (lm_config_parse(c, "test", text, strlen(text), NULL, 0, &err) != LM_OK)
        fail_msg("%s", err.message);
    assert_int_equal(lm_model_resolve(&c->model, &err), LM_OK);
}

#define BIASED "\"norm\": \"layernorm\", \"bias\": true, "
#define GPT2   BIASED "\"position\": \"learned\", \"mlp\": "

/* What each model is in Hugging Face's transformers and in llama.cpp; NULL: nothing. */
static const struct {
    const char *model, *hf, *gguf;
} models[] = {
    {"", "LlamaForCausalLM", "llama"},
    {"\"bias\": true", "LlamaForCausalLM", "llama"},
    {"\"n_kv_heads\": 2, \"tie_embeddings\": false", "LlamaForCausalLM", "llama"},
    {"\"embedding_norm\": true", "LlamaForCausalLM", "llama"},
    {"\"position\": \"none\"", "LlamaForCausalLM", "llama"},
    {"\"position\": \"none\", \"head_dim\": 5", NULL, NULL},

    {"\"window\": 8", "MistralForCausalLM", "llama"},
    {"\"window\": 16", "LlamaForCausalLM", "llama"},
    {"\"window\": 8, \"bias\": true", NULL, "llama"},
    {"\"qk_norm\": true", "Qwen3ForCausalLM", "qwen3"},
    {"\"qk_norm\": true, \"bias\": true", NULL, NULL},
    {"\"mlp\": \"relu2\"", "ArceeForCausalLM", "arcee"},
    {"\"mlp\": \"relu2\", \"bias\": true", "ArceeForCausalLM", NULL},
    {BIASED "\"mlp\": \"gelu_tanh\"", "Starcoder2ForCausalLM", "starcoder2"},
    {BIASED "\"mlp\": \"gelu\"", "Starcoder2ForCausalLM", NULL},
    {"\"norm\": \"layernorm\", \"mlp\": \"gelu_tanh\"", "Starcoder2ForCausalLM", "starcoder2"},
    {BIASED "\"mlp\": \"relu2\"", "NemotronForCausalLM", "nemotron"},
    {"\"norm\": \"layernorm\", \"mlp\": \"swiglu\"", "StableLmForCausalLM", "stablelm"},
    {BIASED "\"mlp\": \"swiglu\"", NULL, NULL},
    {GPT2 "\"gelu_tanh\"", "GPT2LMHeadModel", "gpt2"},
    {GPT2 "\"gelu\"", "GPT2LMHeadModel", NULL},
    {GPT2 "\"relu2\"", "GPT2LMHeadModel", NULL},
    {GPT2 "\"gelu_tanh\", \"n_kv_heads\": 2", NULL, NULL},
    {GPT2 "\"gelu_tanh\", \"embedding_norm\": true", NULL, NULL},
    {GPT2 "\"swiglu\"", NULL, NULL},
    {"\"mlp\": \"gelu\"", NULL, NULL},
    {"\"attention_softcap\": 50", NULL, NULL},
    {"\"logit_softcap\": 30", NULL, NULL},
    {"\"x0_residual\": true", NULL, NULL},
    {"\"smear\": true", NULL, NULL},
    {"\"value_embeddings\": 2", NULL, NULL},
    {"\"qk_norm\": true, \"qk_gain\": 1", NULL, NULL},
    {"\"dropout\": 0.1, \"z_loss\": 0.01, \"label_smoothing\": 0.1, \"multi_token\": [0.5]",
     "LlamaForCausalLM", "llama"},
    {"\"document_mask\": true, \"document_token\": 0", "LlamaForCausalLM", "llama"},
};
enum { MODELS = sizeof models / sizeof *models };

static const char *class_of(const lm_config *c, lm_interop_format format) {
    lm_error err = {0};
    const lm_interop_class *class = lm_saved_class(c, format, &err);
    assert_true(class || err.code == LM_ERR_USAGE);
    return class ? class->name : NULL;
}

static void assert_class(const char *model, const char *found, const char *expected) {
    if (!found != !expected || (found && strcmp(found, expected) != 0))
        fail_msg("%s: expected %s, found %s", model, expected, found);
}

static void test_which_model_is_which_class(void **state) {
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        lm_config c;
        parse(&c, models[i].model);
        assert_class(models[i].model, class_of(&c, LM_INTEROP_HF), models[i].hf);
        assert_class(models[i].model, class_of(&c, LM_INTEROP_GGUF), models[i].gguf);
        lm_config_free(&c);
    }
}

static void test_what_the_files_without_keys_hold(void **state) {
    (void)state;
    static const struct {
        const char *model;
        bool llama2c, llmc;
    } rows[] = {
        {"\"preset\": \"llama\"", true, false},
        {"\"n_kv_heads\": 1", true, false},
        {"\"norm_eps\": 1e-6", false, false},
        {"\"rope_theta\": 500000", false, false},
        {"\"preset\": \"gpt2\"", false, true},
        {"\"preset\": \"gpt2\", \"tie_embeddings\": false", false, false},
        {"\"preset\": \"gpt2\", \"d_ff\": 95", false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lm_config c;
        parse(&c, rows[i].model);
        assert_int_equal(class_of(&c, LM_INTEROP_LLAMA2C) != NULL, rows[i].llama2c);
        assert_int_equal(class_of(&c, LM_INTEROP_LLAMA2C_V1) != NULL, rows[i].llama2c);
        assert_int_equal(class_of(&c, LM_INTEROP_LLMC) != NULL, rows[i].llmc);
        lm_config_free(&c);
    }
}

/* What an option that has to change decides over is not asked for besides. */
static void test_what_is_in_the_way_is_named(void **state) {
    (void)state;
    lm_config c;
    lm_error err = {0};
    parse(&c, "\"rope_scaling\": \"linear\", \"rope_factor\": 3");
    assert_null(lm_saved_class(&c, LM_INTEROP_LLAMA2C, &err));
    assert_non_null(strstr(err.message, "model.rope_scaling is linear; Llama needs none"));
    assert_null(strstr(err.message, "rope_factor"));
    assert_null(lm_saved_class(&c, LM_INTEROP_LLMC, &err));
    assert_non_null(strstr(err.message, "model.position is rope; GPT-2 needs learned"));
    assert_null(strstr(err.message, "rope_scaling"));
    lm_config_free(&c);
}

/* An option that no row names is refused, whatever it is, unless it is off. */
static void test_options_to_come_are_refused(void **state) {
    (void)state;
    const lm_interop_class *class;
    for (int i = 0; (class = lm_interop_class_at(i)) != NULL; i++) {
        lm_text expected = {0};
        lm_interop_option o = {.name = "experts", .value = "8", .off = "0"};
        assert_false(lm_interop_holds(class, &o, &o, 1, &expected));
        assert_string_equal(lm_text_cstr(&expected), "0");
        o.value = "0";
        assert_true(lm_interop_holds(class, &o, &o, 1, NULL));
        lm_text_free(&expected);
    }
}

/* The first values of these are no absence of anything: each row must say which it holds. */
static void test_each_class_says_which_norm_position_and_mlp(void **state) {
    (void)state;
    static const char *const names[] = {"norm", "position", "mlp"};
    const lm_interop_class *class;
    for (int i = 0; (class = lm_interop_class_at(i)) != NULL; i++)
        for (int k = 0; k < 3; k++) {
            lm_interop_option o = {.name = names[k], .value = "another", .off = "another"};
            assert_false(lm_interop_holds(class, &o, &o, 1, NULL));
        }
}

static void test_refusals_name_keys_and_what_to_change(void **state) {
    (void)state;
    lm_config c;
    lm_error err = {0};
    parse(&c, "\"attention_softcap\": 50, \"mlp\": \"gelu\"");
    assert_null(lm_saved_class(&c, LM_INTEROP_HF, &err));
    assert_non_null(strstr(err.message, "model.attention_softcap is 50; "));
    assert_non_null(strstr(err.message, " needs 0"));
    assert_false(lm_text_ends_with(err.message, "\n"));
    assert_non_null(strstr(err.message, "model.mlp is gelu; "));
    lm_config_free(&c);
    parse(&c, "\"preset\": \"gpt2\", \"n_kv_heads\": 2");
    assert_null(lm_saved_class(&c, LM_INTEROP_LLMC, &err));
    assert_non_null(strstr(err.message, "model.n_kv_heads is 2; GPT-2 needs 4 (model.n_heads)"));
    lm_config_free(&c);
}

/* ---- tensors ----------------------------------------------------------------------------------*/

static void fill(float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) x[i] = (float)(i % 8191) / 16 + 1;
}

/* All of the class's tensors, put and taken again: they hold every weight, once. */
static void assert_there_and_back(const lm_interop_class *class, const lm_model_options *ours) {
    lm_error err = {0};
    lm_model_options o;
    lm_interop_tensor *tensors;
    int64_t count, total;
    lm_interop_exported(class, ours, &o);
    int64_t n = lm_model_params(&o, NULL, &total);
    lm_param *rows = calloc((size_t)n, sizeof *rows);
    lm_model_params(&o, rows, &total);
    float *weights = calloc((size_t)total, sizeof *weights);
    float *back = calloc((size_t)total, sizeof *back);
    fill(weights, total);
    assert_int_equal(lm_interop_tensors(class, &o, &tensors, &count, &err), LM_OK);
    int64_t taken = 0, all = 0;
    for (int64_t i = 0; i < count; i++) {
        const lm_interop_tensor *t = &tensors[i];
        float *theirs = calloc((size_t)(t->shape[0] * t->shape[1]), sizeof *theirs);
        int64_t half = t->shape[0] / 2;
        lm_interop_put(t, weights, 0, half, theirs);
        lm_interop_put(t, weights, half, t->shape[0] - half, theirs + half * t->shape[1]);
        lm_interop_take(t, theirs, 0, t->shape[0], back);
        if (t->offset >= 0 && !t->is_head) taken += t->rows * t->columns;
        for (int64_t k = 0; k < i; k++) assert_string_not_equal(tensors[k].name, t->name);
        free(theirs);
    }
    for (int64_t i = 0; i < n; i++) {
        all += rows[i].count;
        assert_memory_equal(weights + rows[i].offset, back + rows[i].offset,
                            (size_t)rows[i].count * sizeof *back);
    }
    assert_int_equal(taken, all);
    free(tensors);
    free(weights);
    free(back);
    free(rows);
}

static void test_every_weight_goes_there_and_back(void **state) {
    (void)state;
    for (int i = 0; i < MODELS; i++) {
        lm_config c;
        lm_error err;
        parse(&c, models[i].model);
        for (int f = 0; f < LM_INTEROP_FORMATS; f++) {
            const lm_interop_class *class = lm_saved_class(&c, (lm_interop_format)f, &err);
            if (class) assert_there_and_back(class, &c.model);
        }
        lm_config_free(&c);
    }
}

static const lm_interop_tensor *find(const lm_interop_tensor *list, int64_t n, const char *name) {
    for (int64_t i = 0; i < n; i++)
        if (strcmp(list[i].name, name) == 0) return &list[i];
    return NULL;
}

/* A head of 6 channels that rope turns in pairs (j, j + 3) is one with pairs (2j, 2j + 1). */
static void test_rows_of_queries_are_interleaved(void **state) {
    (void)state;
    lm_config c;
    lm_error err = {0};
    lm_interop_tensor *list;
    int64_t n, total;
    float weights[8192], row[24];
    static const int order[] = {0, 3, 1, 4, 2, 5};
    parse(&c, "\"n_kv_heads\": 2");
    lm_model_params(&c.model, NULL, &total);
    assert_true(total <= 8192 * 2);
    const lm_interop_class *class = lm_interop_class_named(LM_INTEROP_GGUF, "llama");
    assert_int_equal(lm_interop_tensors(class, &c.model, &list, &n, &err), LM_OK);
    const lm_interop_tensor *k = find(list, n, "blk.0.attn_k.weight");
    assert_non_null(k);
    assert_int_equal(k->shape[0], 12);
    for (int64_t i = 0; i < 8192; i++) weights[i] = (float)i;
    for (int r = 0; r < 12; r++) {
        lm_interop_put(k, weights, r, 1, row);
        int ours = r / 6 * 6 + order[r % 6];
        assert_true(row[0] == (float)(k->offset + ours * 24));
    }
    assert_null(find(list, n, "output.weight"));
    free(list);
    lm_config_free(&c);
}

/* ---- folding ----------------------------------------------------------------------------------*/

static void test_folding_applies_the_norm_to_each_row(void **state) {
    (void)state;
    lm_config c;
    lm_error err = {0};
    lm_model_options there;
    lm_param rows[64];
    int64_t total, folded_total, n;
    parse(&c, "\"embedding_norm\": true");
    lm_interop_exported(lm_interop_class_named(LM_INTEROP_HF, "llama"), &c.model, &there);
    n = lm_model_params(&there, rows, &folded_total);
    const int64_t head = rows[n - 1].offset;
    assert_string_equal(rows[n - 1].name, "lm_head.weight");
    lm_model_params(&c.model, rows, &total);
    const int64_t norm = rows[1].offset;
    assert_string_equal(rows[1].name, "ln_e.weight");
    float *weights = calloc((size_t)total, sizeof *weights);
    float *folded = calloc((size_t)folded_total, sizeof *folded);
    for (int64_t i = 0; i < total; i++) weights[i] = i % 3 ? 0.5f : -2.0f;
    assert_int_equal(lm_interop_fold(&c.model, weights, &there, folded, &err), LM_OK);
    /* rows of 24: 8 times -2, 16 times 0.5; the mean square is (8 * 4 + 16 / 4) / 24 = 1.5 */
    for (int64_t i = 0; i < 11 * 24; i++) {
        double y = (double)weights[i] / sqrt(1.5 + 1e-5) * (double)weights[norm + i % 24];
        assert_true(fabs((double)folded[i] - y) <= 1e-7 * fabs(y));
    }
    assert_memory_equal(weights, folded + head, 11 * 24 * sizeof *folded);
    free(weights);
    free(folded);
    lm_config_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_model_is_which_class),
        cmocka_unit_test(test_what_the_files_without_keys_hold),
        cmocka_unit_test(test_what_is_in_the_way_is_named),
        cmocka_unit_test(test_options_to_come_are_refused),
        cmocka_unit_test(test_each_class_says_which_norm_position_and_mlp),
        cmocka_unit_test(test_refusals_name_keys_and_what_to_change),
        cmocka_unit_test(test_every_weight_goes_there_and_back),
        cmocka_unit_test(test_rows_of_queries_are_interleaved),
        cmocka_unit_test(test_folding_applies_the_norm_to_each_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

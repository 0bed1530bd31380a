/* Models with what other programs have no place for, beside what is stored in place of them: both
 * must compute the same. */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "interop/classes.h"
#include "interop/fold.h"
#include "tests/support/layers.h"
#include "tests/support/transformer.h"

static const struct {
    const char *class, *keys;
} models[] = {
    {"GPT2LMHeadModel", "\"preset\": \"gpt2\", \"parametrization\": \"mup\", \"base_d_model\": 5"},
    {"LlamaForCausalLM",
     "\"parametrization\": \"completep\", \"base_d_model\": 24, \"base_n_layers\": 2,"
     " \"tie_embeddings\": false, \"n_kv_heads\": 2, \"bias\": true"},
    {"LlamaForCausalLM",
     "\"parametrization\": \"completep\", \"base_d_model\": 5, \"base_n_layers\": 1,"
     " \"embedding_norm\": true"},
    {"Qwen3ForCausalLM", "\"parametrization\": \"mup\", \"base_d_model\": 12, \"qk_norm\": true"},
    {"LlamaForCausalLM", "\"embedding_norm\": true"},
};

enum { TIME = 12, VOCAB = 19 };

static lm_model_options options_of(const char *keys) {
    static lm_error err;
    char text[512];
    lm_config c;
    snprintf(text, sizeof text,
             "{\"run\": {\"dir\": \"x\"}, \"data\": {\"train\": \"x\"}, \"train\": {\"steps\": 1},"
             " \"model\": {\"d_model\": 32, \"n_layers\": 3, \"n_heads\": 4, \"context_length\":"
             " %d, \"vocab_size\": %d, \"d_ff\": 48, %s}}",
             TIME, VOCAB, keys);
    if (lm_config_parse(&c, "test", text, strlen(text), NULL, 0, &err) != LM_OK)
        fail_msg("%s", err.message);
    lm_model_options o = c.model;
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    lm_config_free(&c);
    return o;
}

/* The losses of a window's tokens, which depend on all logits. */
static void check(const char *class, const char *keys) {
    static lm_error err;
    int32_t tokens[TIME + 1];
    lm_model_options ours = options_of(keys), there;
    const lm_interop_class *c = lm_interop_class_named(LM_INTEROP_HF, class);
    assert_non_null(c);
    lm_interop_exported(c, &ours, &there);
    assert_true(lm_interop_folds(&ours));
    assert_false(lm_interop_folds(&there));
    lm_model *a = transformer_create(&ours, 1, false, &layers_compute);
    lm_model *b = transformer_create(&there, 1, false, &layers_compute);
    transformer_fill(a);
    assert_int_equal(lm_interop_fold(&ours, lm_model_weights(a), &there, lm_model_weights(b), &err),
                     LM_OK);
    transformer_tokens(tokens, 0, 1, TIME, VOCAB);
    lm_model_loss(a, tokens, 1, TIME);
    lm_model_loss(b, tokens, 1, TIME);
    /* Rounding once more each weight that is multiplied costs about what a pass costs (test_golden:
     * 45 eps); a multiplier left out costs more than a hundredth. */
    for (int t = 0; t < TIME; t++) {
        double want = (double)lm_model_losses(a)[t], got = (double)lm_model_losses(b)[t];
        if (!(fabs(got - want) <= 2 * 45 * (double)FLT_EPSILON * (1 + want)))
            fail_msg("%s: token %d: loss %.9g, folded %.9g", keys, t, want, got);
    }
    lm_model_free(a);
    lm_model_free(b);
}

static void test_a_folded_model_computes_the_same(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        check(models[i].class, models[i].keys);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_folded_model_computes_the_same)};
    return cmocka_run_group_tests_name("fold", tests, layers_open_group, layers_close_group);
}

/* What the model's options fill in for each other, and what they refuse. */
#include "tests/support/test.h"

#include <math.h>

#include "model/model.h"
#include "tests/support/transformer.h"

static lm_error err;

static void test_defaults(void **state) {
    (void)state;
    lm_model_options o = transformer_gpt2_124m();
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    assert_int_equal(o.n_kv_heads, 12);
    assert_int_equal(o.head_dim, 64);
    assert_int_equal(o.d_ff, 3072);
    o.mlp = LM_MLP_SWIGLU;
    o.d_ff = 0;
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    assert_int_equal(o.d_ff, 2048);
    o.d_model = 100; /* 8/3 * 100 = 266.7 */
    o.head_dim = 0;
    o.n_heads = 10;
    o.n_kv_heads = 5;
    o.d_ff = 0;
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    assert_int_equal(o.d_ff, 288);
    assert_int_equal(o.n_kv_heads, 5);
    assert_int_equal(o.head_dim, 10);
    o.n_heads = o.n_kv_heads = 3; /* which need not divide d_model where head_dim is given */
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    assert_int_equal(o.head_dim, 10);
    assert_null(lm_position_name(LM_POSITION_COUNT));
    assert_string_equal(lm_position_name(LM_POSITION_ROPE), "rope");
}

static void test_unknown_vocabulary(void **state) {
    (void)state;
    lm_model_options o = transformer_gpt2_124m();
    o.vocab_size = LM_VOCAB_UNKNOWN;
    o.document_mask = true;
    o.document_token = 60000; /* some vocabularies have it */
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    assert_int_equal(o.vocab_size, LM_VOCAB_UNKNOWN);
    assert_int_equal(o.d_ff, 3072);
    o.vocab_size = 50304;
    assert_int_equal(lm_model_resolve(&o, &err), LM_ERR_USAGE);
}

static void refused(const lm_model_options *o, const char *message) {
    lm_model_options copy = *o;
    assert_int_equal(lm_model_resolve(&copy, &err), LM_ERR_USAGE);
    assert_string_equal(err.message, message);
}

static void test_problems_name_both_keys(void **state) {
    (void)state;
    lm_model_options o = transformer_gpt2_124m();
    o.d_model = 100;
    o.n_heads = 3;
    refused(&o, "model.d_model = 100 is not divisible by model.n_heads = 3");
    o.n_kv_heads = 2; /* all problems at once */
    refused(&o, "model.d_model = 100 is not divisible by model.n_heads = 3\n"
                "model.n_heads = 3 is not divisible by model.n_kv_heads = 2");
    o = transformer_gpt2_124m();
    o.n_kv_heads = 24;
    refused(&o, "model.n_heads = 12 is not divisible by model.n_kv_heads = 24");
    o = transformer_gpt2_124m();
    o.position = LM_POSITION_ROPE;
    o.d_model = 36;
    refused(&o, "model.position = rope turns pairs, but the head size model.d_model / "
                "model.n_heads = 36 / 12 = 3 is odd");
    o.head_dim = 5;
    refused(&o, "model.position = rope turns pairs, but model.head_dim = 5 is odd");
    o = transformer_gpt2_124m();
    o.head_dim = INT32_MAX / 12 + 1; /* the products with d_model must fit 64 bits */
    refused(&o, "model.head_dim = 178956971 is too large for model.n_heads = 12 and"
                " model.n_kv_heads = 0: the product of head_dim and the number of all heads is"
                " more than 6442450941");
    o.head_dim = -1;
    refused(&o, "model.head_dim = -1 is out of range: expected 0 to 2147483647");
    o = transformer_gpt2_124m();
    o.n_layers = 0;
    o.vocab_size = (int64_t)1 << 40;
    o.norm_eps = NAN;
    refused(&o, "model.n_layers = 0 is out of range: expected 1 to 2147483647\n"
                "model.vocab_size = 1099511627776 is out of range: expected 1 to 2147483647\n"
                "model.norm_eps = nan: expected a positive number");
    o = transformer_gpt2_124m();
    o.document_token = 50304; /* of no interest */
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    o.document_mask = true;
    refused(&o, "model.document_token: expected a token from 0 to 50303 (model.vocab_size - 1),"
                " found 50304");
    o.document_token = LM_TOKEN_UNKNOWN;
    refused(&o, "model.document_mask needs model.document_token, which is not given");
    o = transformer_gpt2_124m();
    o.multi_token = (lm_number_list){3, {0.5, 0.25, 0.125}};
    o.context_length = 4;
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    o.context_length = 3;
    refused(&o, "model.multi_token: expected fewer weights than model.context_length = 3, found 3");
    o = transformer_gpt2_124m();
    o.multi_token = (lm_number_list){1, {-0.5}};
    refused(&o, "model.multi_token = -0.5: expected at least 0 and less than inf");
    o = transformer_gpt2_124m();
    o.mlp = LM_MLP_COUNT;
    refused(&o, "model.mlp: there is no choice number 4");
    o = transformer_gpt2_124m();
    o.d_model = LM_MODEL_MOST_WIDTH + 1;
    refused(&o, "model.d_model = 131073 is out of range: expected 1 to 131072");
    o.d_model = o.n_heads = LM_MODEL_MOST_WIDTH; /* whose MLP has a width that fits */
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
}

static void test_problems_of_rope(void **state) {
    (void)state;
    lm_model_options o = transformer_gpt2_124m(), plain;
    o.rope_theta = o.rope_factor = o.rope_low_freq_factor = o.rope_high_freq_factor = 0;
    o.rope_original_context = 0;
    o.rope_dim = 65; /* of no interest */
    o.rope_scaling = LM_ROPE_SCALING_LLAMA3;
    plain = o;
    assert_int_equal(lm_model_resolve(&plain, &err), LM_OK);
    o.position = LM_POSITION_ROPE;
    refused(&o, "model.rope_theta = 0: expected a positive number\n"
                "model.rope_dim = 65: expected an even number up to the width of a head, 64\n"
                "model.rope_factor = 0: expected a positive number\n"
                "model.rope_original_context = 0 is out of range: expected 1 to 2147483647\n"
                "model.rope_low_freq_factor = 0: expected a positive number\n"
                "model.rope_high_freq_factor = 0: expected a positive number\n"
                "model.rope_high_freq_factor = 0 is not above model.rope_low_freq_factor = 0");
    o.rope_theta = 10000;
    o.rope_dim = 64;
    o.rope_factor = 2;
    o.rope_scaling = LM_ROPE_SCALING_LINEAR; /* which needs no more */
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    o.rope_scaling = LM_ROPE_SCALING_COUNT;
    refused(&o, "model.rope_scaling: there is no choice number 3");
    o.rope_scaling = LM_ROPE_SCALING_NONE;
    o.rope_dim = 0;
    o.head_dim = 48;
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    assert_int_equal(o.rope_dim, 48);
    o.rope_dim = 2;
    o.head_dim = 7; /* the seventh channel stays */
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_unknown_vocabulary),
        cmocka_unit_test(test_problems_name_both_keys),
        cmocka_unit_test(test_problems_of_rope),
    };
    return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}

/* Parametrizations: multipliers and factors against the published tables, at a width and depth of
 * which no ratio is a power of two; and a model that is its own base. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/transfer.h"
#include "tests/support/layers.h"
#include "tests/support/transformer.h"

/* Width 3 and depth 2.5 times the base's. */
static lm_model_options larger(int parametrization) {
    static lm_error err;
    lm_model_options o = {.d_model = 96,
                          .n_layers = 5,
                          .n_heads = 4,
                          .context_length = 8,
                          .vocab_size = 50,
                          .norm_eps = 1e-5,
                          .norm = LM_NORM_LAYERNORM,
                          .position = LM_POSITION_LEARNED,
                          .mlp = LM_MLP_GELU,
                          .bias = true,
                          .parametrization = parametrization,
                          .base_d_model = 32,
                          .base_n_layers = 2};
    if (lm_model_resolve(&o, &err) != LM_OK) fail_msg("%s", err.message);
    return o;
}

static void near(const char *what, const char *name, double got, double want) {
    if (!(fabs(got - want) <= 1e-7 * want)) fail_msg("%s of %s: %g, not %g", what, name, got, want);
}

static const lm_param *find(const lm_param *rows, int64_t n, const char *name) {
    for (int64_t i = 0; i < n; i++)
        if (strcmp(rows[i].name, name) == 0) return &rows[i];
    fail_msg("no row %s", name);
    return NULL;
}

static void test_multipliers(void **state) {
    (void)state;
    const double branch[] = {1, 1, 1 / 2.5}, logits[] = {1, 1 / 3.0, 1 / 3.0};
    const double scores[] = {1 / sqrt(24.0), 1 / 24.0, 1 / 24.0};
    for (int p = 0; p < LM_PARAMETRIZATION_COUNT; p++) {
        lm_model_options o = larger(p);
        lm_multipliers m = lm_model_multipliers(&o);
        near("branch", lm_parametrization_name(p), (double)m.branch, branch[p]);
        near("logits", lm_parametrization_name(p), (double)m.logits, logits[p]);
        near("scores", lm_parametrization_name(p), (double)m.scores, scores[p]);
        o.qk_norm = true;
        m = lm_model_multipliers(&o);
        near("scores with qk_norm", lm_parametrization_name(p), (double)m.scores, scores[0]);
    }
    assert_null(lm_parametrization_name(LM_PARAMETRIZATION_COUNT));
}

/* Of every kind of row: those in layers have a '*' for their layer's number here. */
static const struct {
    const char *name;
    double mup[5], completep[5]; /* lr, lr_gradient, lr_polar, lr_rms, eps */
    double std;                  /* with init_std 0.1, gpt2 */
    double fan_in_std;           /* with init_std 0 */
} expected[] = {
    {"wte.weight", {1, 3, 1, 1, 1 / 3.0}, {1, 3, 1, 1, 1 / 3.0}, 0.1, 0.1767766952966369},
    {"wpe.weight", {1, 3, 1, 1, 1 / 3.0}, {1, 3, 1, 1, 1 / 3.0}, 0.1, 0.1767766952966369},
    {"h.1.ln_1.weight", {1, 3, 1, 1, 1 / 3.0}, {1, 7.5, 1, 1, 1 / 7.5}, 0, 0},
    {"h.1.attn.qkv.weight",
     {1 / 3.0, 1, 1, 0.5773502691896258, 1 / 3.0},
     {1 / 3.0, 2.5, 1, 0.5773502691896258, 1 / 7.5},
     0.05773502691896258,
     0.10206207261596575},
    {"h.1.attn.qkv.bias", {1, 3, 1, 1, 1 / 3.0}, {1, 7.5, 1, 1, 1 / 7.5}, 0, 0},
    {"h.1.mlp.proj.weight", /* / sqrt(2 layers): 5 of them for mup, the base's 2 for completep */
     {1 / 3.0, 1, 1, 0.5773502691896258, 1 / 3.0},
     {1 / 3.0, 2.5, 1, 0.5773502691896258, 1 / 7.5},
     0.02886751345948129,
     0.025515518153991442},
    {"ln_f.weight", {1, 3, 1, 1, 1 / 3.0}, {1, 3, 1, 1, 1 / 3.0}, 0, 0},
    {"lm_head.weight", {1, 3, 1, 1, 1 / 3.0}, {1, 3, 1, 1, 1 / 3.0}, 0.1, 0.1767766952966369},
};

static void test_factors(void **state) {
    (void)state;
    for (int p = 0; p < LM_PARAMETRIZATION_COUNT; p++) {
        lm_model_options o = larger(p);
        int64_t total, n = lm_model_params(&o, NULL, &total);
        lm_param *rows = calloc((size_t)n, sizeof *rows);
        assert_non_null(rows);
        lm_model_params(&o, rows, &total);
        for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
            const char *name = expected[i].name;
            const lm_param_factors *f = &find(rows, n, name)->factors;
            const double one[] = {1, 1, 1, 1, 1};
            const double *want = p == LM_MUP         ? expected[i].mup
                                 : p == LM_COMPLETEP ? expected[i].completep
                                                     : one;
            near("lr", name, f->lr, want[0]);
            near("lr_gradient", name, f->lr_gradient, want[1]);
            near("lr_polar", name, f->lr_polar, want[2]);
            near("lr_rms", name, f->lr_rms, want[3]);
            near("eps", name, f->eps, want[4]);
        }
        free(rows);
    }
}

static void test_initial_weights(void **state) {
    (void)state;
    for (int by_inputs = 0; by_inputs < 2; by_inputs++) {
        lm_model_options o = larger(LM_COMPLETEP);
        o.init_std = by_inputs ? 0 : 0.1;
        int64_t total, n = lm_model_params(&o, NULL, &total);
        lm_param *rows = calloc((size_t)n, sizeof *rows);
        assert_non_null(rows);
        lm_model_params(&o, rows, &total);
        for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
            near("initial std", expected[i].name, find(rows, n, expected[i].name)->init_std,
                 by_inputs ? expected[i].fan_in_std : expected[i].std);
        free(rows);
    }
}

/* Weights, losses and gradients of the initial model. */
static float *run(lm_model_options o, double *loss, int64_t *total) {
    int32_t tokens[32];
    lm_model *m = transformer_create(&o, 2, true, &layers_compute);
    *total = lm_model_total(m);
    lm_model_init(m, 3);
    transformer_tokens(tokens, 0, 2, o.context_length, o.vocab_size);
    lm_model_begin_step(m);
    lm_model_begin_gradients(m, NULL);
    *loss = lm_model_forward_backward(m, tokens, 2, o.context_length, 0.1f);
    lm_model_end_gradients(m);
    float *all = layers_floats(2 * *total);
    memcpy(all, lm_model_weights(m), (size_t)*total * sizeof *all);
    memcpy(all + *total, lm_model_gradients(m), (size_t)*total * sizeof *all);
    lm_model_free(m);
    return all;
}

/* With qk_norm, which keeps the scale of scores. */
static void test_a_base_has_the_bits_of_a_standard_model(void **state) {
    (void)state;
    for (int p = LM_MUP; p < LM_PARAMETRIZATION_COUNT; p++)
        for (int by_inputs = 0; by_inputs < 2; by_inputs++) {
            lm_model_options o = larger(p), standard;
            double loss[2];
            int64_t total;
            o.qk_norm = true;
            o.init_std = by_inputs ? 0 : 0.1;
            standard = o;
            standard.parametrization = LM_STANDARD;
            float *other = run(o, &loss[0], &total), *want = run(standard, &loss[1], &total);
            assert_memory_not_equal(want, other, 2 * (size_t)total * sizeof *want);
            o.base_d_model = o.d_model;
            o.base_n_layers = o.n_layers;
            float *got = run(o, &loss[0], &total);
            layers_same_bits("weights and gradients", want, got, 2 * total);
            assert_true(loss[0] == loss[1]);
        }
    layers_free_all();
}

static void test_sizes_left_out_are_the_models_own(void **state) {
    static lm_error err;
    (void)state;
    lm_model_options o = larger(LM_COMPLETEP);
    o.base_d_model = o.base_n_layers = 0;
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    assert_int_equal(o.base_d_model, 96);
    assert_int_equal(o.base_n_layers, 5);
    o.base_d_model = -1;
    assert_int_equal(lm_model_resolve(&o, &err), LM_ERR_USAGE);
    assert_string_equal(err.message,
                        "model.base_d_model = -1 is out of range: expected 0 to 131072");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_multipliers),
        cmocka_unit_test(test_factors),
        cmocka_unit_test(test_initial_weights),
        cmocka_unit_test(test_a_base_has_the_bits_of_a_standard_model),
        cmocka_unit_test(test_sizes_left_out_are_the_models_own),
    };
    return cmocka_run_group_tests_name("transfer", tests, layers_open_group, layers_close_group);
}

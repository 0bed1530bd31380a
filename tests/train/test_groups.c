/* Which values the model's rows have, by the groups of the config; and the plan's figure of the
 * optimizer's memory, which comes from models of one and of two layers, is what an optimizer of the
 * whole model holds. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "train/groups.h"

static lm_config config;
static lm_error err;

static lm_groups_plan of_all_rows(void) {
    lm_groups g;
    int64_t total, n = lm_model_params(&config.model, NULL, &total);
    lm_groups_plan p;
    lm_param *params = calloc((size_t)n, sizeof *params);
    assert_non_null(params);
    lm_model_params(&config.model, params, &total);
    assert_int_equal(lm_groups_make(&g, &config, params, n, &err), LM_OK);
    assert_true(lm_optimizer_bytes(g.options, g.rows, n, &p.bytes));
    p.arrays = n + lm_optimizer_array_count(g.options, g.rows, n);
    lm_groups_free(&g);
    free(params);
    return p;
}

static void test_the_plan_counts_states_and_arrays(void **state) {
    (void)state;
    for (int kind = 0; lm_optimizer_name(kind); kind++) {
        for (int64_t layers = 1; layers <= 7; layers += 3) {
            lm_groups_plan plan;
            config.optimizer.kind = kind;
            config.model.n_layers = layers;
            assert_int_equal(lm_groups_plan_make(&plan, &config, 2, &err), LM_OK);
            assert_true(plan.fits);
            lm_groups_plan all = of_all_rows();
            assert_int_equal(plan.bytes, all.bytes);
            assert_int_equal(plan.arrays, all.arrays);
        }
    }
}

static void test_sizes_that_do_not_fit(void **state) {
    (void)state;
    lm_groups_plan plan;
    config.model.d_model = INT32_MAX;
    config.model.n_layers = INT32_MAX;
    assert_int_equal(lm_groups_plan_make(&plan, &config, 2, &err), LM_OK);
    assert_false(plan.fits);
}

/* ---- groups of the config ---------------------------------------------------------------------*/

static lm_param *params;
static int64_t n_params;

static lm_status make(lm_groups *g, const char *groups) {
    lm_text text = {0};
    int64_t total;
    lm_text_printf(&text,
                   "{\"run\": {\"dir\": \"-\"}, \"data\": {\"train\": \"-\"}, \"model\":"
                   " {\"vocab_size\": 67, \"d_model\": 24, \"n_layers\": 2, \"n_heads\": 3,"
                   " \"bias\": true, \"tie_embeddings\": false},"
                   " \"optimizer\": {\"weight_decay\": 0.5, \"groups\": %s}}",
                   groups);
    lm_config_free(&config);
    free(params);
    lm_status status =
        lm_config_parse(&config, "test", lm_text_cstr(&text), text.length, NULL, 0, &err);
    lm_text_free(&text);
    if (status != LM_OK) fail_msg("%s", err.message);
    assert_int_equal(lm_model_resolve(&config.model, &err), LM_OK);
    n_params = lm_model_params(&config.model, NULL, &total);
    params = calloc((size_t)n_params, sizeof *params);
    assert_non_null(params);
    lm_model_params(&config.model, params, &total);
    return lm_groups_make(g, &config, params, n_params, &err);
}

static const lm_optimizer_row *find(const lm_groups *g, const char *name) {
    int64_t i = 0;
    while (i < g->n_rows && strcmp(g->rows[i].name, name) != 0) i++;
    if (i == g->n_rows) fail_msg("there is no %s", name);
    return &g->rows[i];
}

static const lm_optimizer_options *of_row(const lm_groups *g, const char *name) {
    return &g->options[find(g, name)->group];
}

static void test_the_first_group_that_matches_has_a_row(void **state) {
    (void)state;
    lm_groups g;
    assert_int_equal(make(&g, "{\"e\": {\"match\": \"wte.*\", \"lr\": 3},"
                              " \"b\": {\"match\": \"h.1.*,wte.*\", \"lr_scale\": 2},"
                              " \"n\": {\"match\": \"ln_f.*\", \"weight_decay\": 0.25}}"),
                     LM_OK);
    const double lr = config.optimizer.lr;
    assert_true(of_row(&g, "wte.weight")->lr == 3);
    assert_true(of_row(&g, "lm_head.weight")->lr == lr);
    assert_true(of_row(&g, "h.0.mlp.proj.weight")->lr == lr);
    assert_true(of_row(&g, "h.1.mlp.proj.weight")->lr == 2 * lr);
    /* Norms and biases do not decay, unless their group says so. */
    assert_true(of_row(&g, "h.1.mlp.proj.weight")->weight_decay == 0.5);
    assert_true(of_row(&g, "h.1.mlp.proj.bias")->weight_decay == 0);
    assert_true(of_row(&g, "h.1.mlp.proj.bias")->lr == 2 * lr);
    assert_true(of_row(&g, "ln_f.weight")->weight_decay == 0.25);
    assert_true(of_row(&g, "h.0.ln_1.weight")->weight_decay == 0);
    assert_true(find(&g, "h.0.mlp.proj.weight")->hidden && !find(&g, "wte.weight")->hidden);
    assert_true(!find(&g, "lm_head.weight")->hidden && !find(&g, "ln_f.weight")->hidden);
    lm_groups_free(&g);
}

static void expect_part(const lm_groups *g, const lm_optimizer_row *r, int64_t part, int64_t lines,
                        double lr) {
    assert_int_equal(r->parts[part].lines, lines);
    assert_int_equal(r->parts[part].head, part < r->n_parts - 1 ? 8 : 0); /* v comes last */
    assert_true(g->options[r->parts[part].group].lr == lr);
}

static void test_parts_and_heads_have_groups(void **state) {
    (void)state;
    lm_groups g;
    assert_int_equal(make(&g, "{\"k\": {\"match\": \"*.qkv.k.*\", \"lr\": 2},"
                              " \"h\": {\"match\": \"h.1.attn.qkv.q.1.weight\", \"lr\": 4}}"),
                     LM_OK);
    const double lr = config.optimizer.lr;
    const lm_optimizer_row *a = find(&g, "h.0.attn.qkv.weight");
    const lm_optimizer_row *b = find(&g, "h.1.attn.qkv.weight");
    assert_int_equal(a->n_parts, 3);
    expect_part(&g, a, 0, 24, lr);
    expect_part(&g, a, 1, 24, 2);
    expect_part(&g, a, 2, 24, lr);
    assert_int_equal(b->n_parts, 5);
    expect_part(&g, b, 0, 8, lr);
    expect_part(&g, b, 1, 8, 4);
    expect_part(&g, b, 2, 8, lr);
    expect_part(&g, b, 3, 24, 2);
    lm_groups_free(&g);
    /* The name of the row is that of all its parts. */
    assert_int_equal(make(&g, "{\"all\": {\"match\": \"h.0.attn.qkv.weight\", \"lr\": 2}}"), LM_OK);
    a = find(&g, "h.0.attn.qkv.weight");
    assert_int_equal(a->n_parts, 3);
    for (int i = 0; i < 3; i++) expect_part(&g, a, i, 24, 2);
    lm_groups_free(&g);
}

static void expect_refused(const char *groups, const char *message) {
    lm_groups g;
    lm_groups_plan plan;
    assert_int_equal(make(&g, groups), LM_OK);
    lm_groups_free(&g);
    assert_int_equal(lm_groups_plan_make(&plan, &config, 2, &err), LM_ERR_USAGE);
    if (!strstr(err.message, message)) fail_msg("expected \"%s\" in: %s", message, err.message);
}

static void test_a_pattern_that_matches_nothing_is_refused(void **state) {
    (void)state;
    expect_refused(
        "{\"e\": {\"match\": \"wte.*,wpx.*\"}}",
        "optimizer.groups.e.match: expected a pattern that matches an array of the model,"
        " found \"wpx.*\"");
    expect_refused("{\"e\": {\"match\": \"h.2.*\"}}", "h.*.attn.qkv.q.weight");
    expect_refused("{\"a\": {\"match\": \"*\"}, \"b\": {\"match\": \"wte.*\"}}",
                   "every array that \"wte.*\" matches belongs to a group before it");
}

/* A group in one layer alone has another kind: layers are not alike. */
static void test_the_plan_counts_the_states_of_groups(void **state) {
    (void)state;
    lm_groups g;
    lm_groups_plan plan;
    lm_text text = {0};
    assert_int_equal(make(&g, "{\"m\": {\"match\": \"h.1.mlp.*,h.0.attn.qkv.v.*\","
                              " \"name\": \"momentum\"}}"),
                     LM_OK);
    lm_groups_free(&g);
    assert_int_equal(lm_groups_plan_make(&plan, &config, 2, &err), LM_OK);
    lm_groups_plan all = of_all_rows();
    assert_int_equal(plan.bytes, all.bytes);
    assert_int_equal(plan.arrays, all.arrays);
    lm_groups_print(&config, &text);
    assert_non_null(
        strstr(lm_text_cstr(&text), "m: 5.36 k parameters")); /* 3 64*24 + 2*64+24 + 24*24 + 24 */
    lm_text_free(&text);
}

static int set_up(void **state) {
    (void)state;
    static const char text[] =
        "{\"run\": {\"dir\": \"-\"}, \"data\": {\"train\": \"-\"}, \"model\": {\"vocab_size\": 67,"
        " \"d_model\": 24, \"n_heads\": 3, \"bias\": true}}";
    lm_status status = lm_config_parse(&config, "test", text, sizeof text - 1, NULL, 0, &err);
    if (status == LM_OK) status = lm_model_resolve(&config.model, &err);
    return status == LM_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    lm_config_free(&config);
    free(params);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_plan_counts_states_and_arrays),
        cmocka_unit_test(test_sizes_that_do_not_fit),
        cmocka_unit_test(test_the_first_group_that_matches_has_a_row),
        cmocka_unit_test(test_parts_and_heads_have_groups),
        cmocka_unit_test(test_a_pattern_that_matches_nothing_is_refused),
        cmocka_unit_test(test_the_plan_counts_the_states_of_groups)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

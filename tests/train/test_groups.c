/* The plan's figure of the optimizer's memory, which comes from models of one and of two layers, is
 * what an optimizer of the whole model holds. */
#include "tests/support/test.h"

#include <stdlib.h>

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
            assert_int_equal(lm_groups_plan_make(&plan, &config, &err), LM_OK);
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
    assert_int_equal(lm_groups_plan_make(&plan, &config, &err), LM_OK);
    assert_false(plan.fits);
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
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_plan_counts_states_and_arrays),
                                       cmocka_unit_test(test_sizes_that_do_not_fit)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

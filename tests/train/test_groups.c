/* The plan's figure of the optimizer's memory, which comes from models of one and of two layers, is
 * what an optimizer of the whole model holds. */
#include "tests/support/test.h"

#include <stdlib.h>

#include "train/groups.h"

static lm_config config;
static lm_error err;

static uint64_t bytes_of_all_rows(void) {
    lm_optimizer_options groups[LM_GROUP_COUNT];
    int64_t total, n = lm_model_params(&config.model, NULL, &total);
    uint64_t bytes;
    lm_param *params = calloc((size_t)n, sizeof *params);
    assert_non_null(params);
    lm_model_params(&config.model, params, &total);
    lm_optimizer_row *rows = lm_groups_rows(params, n);
    assert_non_null(rows);
    lm_groups_make(&config.optimizer, groups);
    assert_true(lm_optimizer_bytes(groups, rows, n, &bytes));
    free(rows);
    free(params);
    return bytes;
}

static void test_the_plan_counts_the_bytes_of_the_states(void **state) {
    (void)state;
    for (int kind = 0; lm_optimizer_name(kind); kind++) {
        for (int64_t layers = 1; layers <= 7; layers += 3) {
            uint64_t bytes;
            bool fits;
            config.optimizer.kind = kind;
            config.model.n_layers = layers;
            assert_int_equal(lm_groups_bytes(&config, &bytes, &fits, &err), LM_OK);
            assert_true(fits);
            assert_int_equal(bytes, bytes_of_all_rows());
        }
    }
}

static void test_sizes_that_do_not_fit(void **state) {
    (void)state;
    uint64_t bytes;
    bool fits;
    config.model.d_model = INT32_MAX;
    config.model.n_layers = INT32_MAX;
    assert_int_equal(lm_groups_bytes(&config, &bytes, &fits, &err), LM_OK);
    assert_false(fits);
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_plan_counts_the_bytes_of_the_states),
        cmocka_unit_test(test_sizes_that_do_not_fit)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Spikes by their definition, and which steps they are measured by. */
#include "tests/support/test.h"

#include <math.h>

#include "optim/spikes.h"

static lm_spikes filled(int n, double scale) {
    lm_spikes s = {0};
    for (int i = 0; i < n; i++) lm_spikes_add(&s, 2 + scale * (i % 2 ? 1 : -1), 5);
    return s;
}

/* 64 values of 2 +- 0.1: the mean is 2, sigma 0.1 sqrt(64 / 63). */
static void test_a_loss(void **state) {
    (void)state;
    const double sigma = 0.1 * sqrt(64.0 / 63);
    lm_spikes s = filled(64, 0.1);
    lm_spike spike;
    assert_false(lm_spikes_find(&s, 6, 2 + 5.999 * sigma, 5, &spike));
    assert_true(lm_spikes_find(&s, 6, 2 + 6.001 * sigma, 5, &spike));
    assert_string_equal(spike.what, "loss");
    assert_true(spike.value == 2 + 6.001 * sigma && fabs(spike.mean - 2) < 1e-12);
    assert_true(fabs(spike.sigmas - 6.001) < 1e-9);
    assert_false(lm_spikes_find(&s, 6, 0, 5, &spike)); /* falling is none */
}

static void test_a_gradient_norm(void **state) {
    (void)state;
    lm_spikes s = filled(64, 0.1);
    lm_spike spike;
    assert_false(lm_spikes_find(&s, 6, 2, 5.0299, &spike)); /* the least sigma is 0.005 */
    assert_true(lm_spikes_find(&s, 6, 2, 5.0301, &spike));
    assert_string_equal(spike.what, "gradient norm");
}

static void test_few_steps_are_not_enough(void **state) {
    (void)state;
    lm_spikes s = filled(LM_SPIKES_LEAST - 1, 0.1);
    lm_spike spike;
    assert_false(lm_spikes_find(&s, 6, 1000, 1000, &spike));
    lm_spikes_add(&s, 2, 5);
    assert_true(lm_spikes_find(&s, 6, 1000, 1000, &spike));
}

/* Of 200 steps the last 128 count, in their order. */
static void test_the_oldest_go(void **state) {
    (void)state;
    lm_spikes s = {0};
    for (int i = 0; i < 200; i++) lm_spikes_add(&s, i, 1000 + i);
    assert_int_equal(s.count, LM_SPIKES_MOST);
    for (int i = 0; i < LM_SPIKES_MOST; i++)
        assert_true(s.loss[i] == 72 + i && s.grad_norm[i] == 1072 + i);
}

static void test_figures_that_are_all_zero(void **state) {
    (void)state;
    lm_spikes s = {0};
    lm_spike spike;
    for (int i = 0; i < 64; i++) lm_spikes_add(&s, 0, 0);
    assert_false(lm_spikes_find(&s, 6, 0, 0, &spike));
    assert_true(lm_spikes_find(&s, 6, 0, 1e-3, &spike));
    assert_true(isinf(spike.sigmas));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_loss), cmocka_unit_test(test_a_gradient_norm),
        cmocka_unit_test(test_few_steps_are_not_enough), cmocka_unit_test(test_the_oldest_go),
        cmocka_unit_test(test_figures_that_are_all_zero)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

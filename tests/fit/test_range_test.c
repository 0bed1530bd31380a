/* The range test's verdict on curves of which the answer is known. */
#include "tests/support/test.h"

#include <math.h>

#include "base/rng.h"
#include "fit/range_test.h"

enum { STEPS = 200 };
static double rates[STEPS], losses[STEPS], smoothed[STEPS];

/* A loss that falls from 5 to 2 around rate `middle` by a logistic curve of ln(rate), and rises
 * steeply from rate `top` on; with some noise. */
static lm_range_verdict judge(double middle, double top) {
    const lm_rng rng = {.seed = 7, .purpose = LM_RNG_TEST};
    for (int i = 0; i < STEPS; i++) {
        double x = log(rates[i] = 1e-6 * pow(1e6, i / (STEPS - 1.0)));
        losses[i] = 5 - 3 / (1 + exp(-1.5 * (x - log(middle)))) + exp(4 * (x - log(top))) +
                    0.05 * (lm_rng_uniform(&rng, (uint64_t)i) - 0.5);
    }
    const lm_range_test t = {STEPS, rates, losses, smoothed};
    return lm_range_test_judge(&t);
}

/* Smoothing lags by about ten steps, a factor of 2 here. */
static void test_the_rates_of_a_known_curve(void **state) {
    (void)state;
    lm_range_verdict v = judge(1e-4, 0.3);
    assert_true(v.fell && !v.at_the_end);
    assert_true(v.steepest > 0.7e-4 && v.steepest < 4e-4);
    assert_true(v.lowest > 5e-3 && v.lowest < 0.3);
    assert_true(v.suggestion == v.steepest);
    /* A curve that turns at once: a third of the lowest. */
    v = judge(1e-2, 1.5e-2);
    assert_true(v.suggestion <= v.lowest / 3);
}

static void test_a_loss_that_does_not_fall_or_turn_is_said(void **state) {
    (void)state;
    assert_true(judge(1e-3, 1e9).at_the_end);
    assert_false(judge(1e9, 1e9).fell);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_rates_of_a_known_curve),
        cmocka_unit_test(test_a_loss_that_does_not_fall_or_turn_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Slopes of power laws. */
#include "tests/support/test.h"

#include <math.h>

#include "fit/slope.h"

static void test_a_power_law_has_its_exponent(void **state) {
    (void)state;
    const double x[] = {3, 10, 40, 41, 700};
    double y[5];
    for (int i = 0; i < 5; i++) y[i] = 0.2 * pow(x[i], -0.75);
    assert_true(fabs(lm_slope(x, y, 5) + 0.75) < 1e-12);
    for (int i = 0; i < 5; i++) y[i] = 7;
    assert_true(fabs(lm_slope(x, y, 5)) < 1e-12);
}

static void test_least_squares(void **state) {
    (void)state;
    /* logarithms 0, 1, 2 of x and 0, 3, 3 of y: the mean of the two outer slopes */
    const double x[] = {1, 10, 100}, y[] = {1, 1000, 1000};
    assert_true(fabs(lm_slope(x, y, 3) - 1.5) < 1e-12);
}

static void test_what_has_no_logarithm(void **state) {
    (void)state;
    const double x[] = {1, 2};
    assert_true(isnan(lm_slope(x, (double[]){1, 0}, 2)));
    assert_true(isnan(lm_slope(x, (double[]){INFINITY, 1}, 2)));
    assert_true(isnan(lm_slope(x, (double[]){1, NAN}, 2)));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_power_law_has_its_exponent),
                                       cmocka_unit_test(test_least_squares),
                                       cmocka_unit_test(test_what_has_no_logarithm)};
    return cmocka_run_group_tests_name("slope", tests, NULL, NULL);
}

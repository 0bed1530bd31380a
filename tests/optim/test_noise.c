/* The gradient noise scale: estimates whose expected values are exact, and their averages. */
#include "tests/support/test.h"

#include <math.h>

#include "optim/noise.h"

/* What one step alone gives, without the averages' bias. */
static lm_noise_figures of_step(const double *squares, int64_t lanes, double square,
                                double tokens) {
    lm_noise n = {0};
    lm_noise_figures f;
    lm_noise_add(&n, squares, lanes, square, tokens);
    lm_noise_now(&n, &f);
    return f;
}

static bool near(double x, double expected) {
    return fabs(x - expected) <= 1e-12 * fmax(1, fabs(expected));
}

static void test_equal_lanes_have_no_noise(void **state) {
    (void)state;
    for (int64_t lanes = 2; lanes <= 16; lanes *= 2) {
        double squares[16];
        for (int64_t i = 0; i < lanes; i++) squares[i] = 9.0 / (double)(lanes * lanes);
        lm_noise_figures f = of_step(squares, lanes, 9, 4096);
        assert_true(near(f.signal, 9));
        assert_true(fabs(f.trace) <= 1e-10);
        assert_true(fabs(f.scale) <= 1e-10);
    }
}

/* The mean gradient of a lane is (mu + e d, mu - e' d), e and e' = +-1 with equal chances. A lane
 * of B / S tokens has the covariance Sigma S / B, so tr(Sigma) = 2 d^2 B / S. Over all outcomes the
 * estimates come to |G|^2 = 2 mu^2 and tr(Sigma) exactly. */
static void test_estimates_have_no_bias(void **state) {
    (void)state;
    const double mu = 0.7, d = 1.9, tokens = 768;
    for (int lanes = 2; lanes <= 8; lanes *= 2) {
        const int outcomes = 1 << (2 * lanes);
        double signal = 0, trace = 0;
        for (int k = 0; k < outcomes; k++) {
            double squares[8], x = 0, y = 0;
            for (int l = 0; l < lanes; l++) {
                double a = (mu + (k >> (2 * l) & 1 ? d : -d)) / lanes;
                double b = (mu + (k >> (2 * l + 1) & 1 ? d : -d)) / lanes;
                squares[l] = a * a + b * b;
                x += a;
                y += b;
            }
            lm_noise_figures f = of_step(squares, lanes, x * x + y * y, tokens);
            signal += f.signal / outcomes;
            trace += f.trace / outcomes;
        }
        assert_true(near(signal, 2 * mu * mu));
        assert_true(near(trace, 2 * d * d * tokens / lanes));
    }
}

/* Two lanes, |g|^2 = 4 and then 1, their parts 3 and then 2: |G|^2 = 2 (4 - 3) = 2 and
 * 2 (1 - 2) = -2; tr(Sigma) = 10 (6 - 4) = 20 and 10 (4 - 1) = 30. */
static void test_averages_by_hand(void **state) {
    (void)state;
    const double first[2] = {1, 2}, second[2] = {1.5, 0.5};
    lm_noise n = {0};
    lm_noise_figures f;
    lm_noise_now(&n, &f);
    assert_true(isnan(f.signal) && isnan(f.trace) && isnan(f.scale));
    lm_noise_add(&n, first, 2, 4, 10);
    lm_noise_now(&n, &f);
    assert_true(near(f.signal, 2) && near(f.trace, 20) && near(f.scale, 10));
    lm_noise_add(&n, second, 2, 1, 10);
    lm_noise_now(&n, &f);
    const double seen = 1 - 0.99 * 0.99;
    assert_true(near(f.signal, (0.99 * 0.01 * 2 - 0.01 * 2) / seen));
    assert_true(near(f.trace, (0.99 * 0.01 * 20 + 0.01 * 30) / seen));
    assert_true(isnan(f.scale)); /* the signal is below 0 */
    assert_int_equal(n.steps, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equal_lanes_have_no_noise),
        cmocka_unit_test(test_estimates_have_no_bias),
        cmocka_unit_test(test_averages_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

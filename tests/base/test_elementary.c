#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "base/elementary.h"
#include "base/rng.h"
#include "tests/support/aborts.h"

/* libm's long double functions are the reference: 11 more bits than double. */
static double relative(double got, long double want) {
    return want == 0 ? fabs(got) : (double)fabsl(((long double)got - want) / want);
}

static double draw(uint64_t i, double low, double high) {
    lm_rng rng = {.seed = 7, .purpose = LM_RNG_TEST};
    return low + (high - low) * lm_rng_uniform(&rng, i);
}

static void test_exp(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 200000; i++) {
        double x = draw(i, -700, 700);
        assert_true(relative(lm_exp(x), expl((long double)x)) <= 2e-15);
    }
    assert_true(lm_exp(0) == 1 && lm_exp(-INFINITY) == 0 && isinf(lm_exp(INFINITY)));
    assert_true(isinf(lm_exp(710)) && lm_exp(-800) == 0 && isnan(lm_exp(NAN)));
    assert_true(relative(lm_exp(709.7), expl(709.7)) <= 2e-15);
    assert_true(relative(lm_exp(-720), expl(-720)) <= 1e-10); /* a denormal */
}

static void test_log(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 200000; i++) {
        double x = exp(draw(i, -700, 700));
        assert_true(relative(lm_log(x), logl((long double)x)) <= 2e-15);
        double near = draw(i, 0.9, 1.1);
        assert_true(relative(lm_log(near), logl((long double)near)) <= 2e-15);
    }
    assert_true(lm_log(1) == 0 && isinf(lm_log(0)) && lm_log(0) < 0);
    assert_true(isnan(lm_log(-1)) && isnan(lm_log(NAN)) && isinf(lm_log(INFINITY)));
    assert_true(relative(lm_log(0x1p-1060), logl(0x1p-1060L)) <= 2e-15);
}

static void test_sin_cos(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 200000; i++) {
        double x = draw(i, -1e6, 1e6), small = draw(i, -4, 4);
        assert_true(fabsl(lm_sin(x) - sinl((long double)x)) <= 1e-15L);
        assert_true(fabsl(lm_cos(x) - cosl((long double)x)) <= 1e-15L);
        assert_true(fabsl(lm_sin(small) - sinl((long double)small)) <= 1e-15L);
        assert_true(fabsl(lm_cos(small) - cosl((long double)small)) <= 1e-15L);
    }
    assert_true(lm_sin(0) == 0 && lm_cos(0) == 1);
    assert_true(isnan(lm_sin(INFINITY)) && isnan(lm_cos(NAN)));
    assert_true(isnan(lm_sin(1e300)) && isnan(lm_cos(-1e300)) && fabs(lm_sin(0x1p52)) <= 1);
}

static void negative_power(void *argument) {
    (void)argument;
    volatile double x = lm_powi(2, -1);
    (void)x;
}

static void test_pow(void **state) {
    (void)state;
    for (uint64_t i = 0; i < 200000; i++) {
        double x = exp(draw(2 * i, -30, 30)), y = draw(2 * i + 1, -2, 2);
        assert_true(relative(lm_pow(x, y), powl((long double)x, (long double)y)) <= 2e-15);
    }
    assert_true(lm_pow(10000, 0) == 1);
    assert_true(lm_powi(0.9, 0) == 1 && lm_powi(2, 10) == 1024);
    assert_true(lm_test_aborts(negative_power, NULL, "n >= 0"));
    assert_true(relative(lm_powi(0.999, 5000), powl((long double)0.999, 5000)) <= 1e-12);
}

static void test_exp_of_each(void **state) {
    enum { N = 4000 };
    static double x[2 * N];
    (void)state;
    for (int i = 0; i < N; i++) x[2 * i] = (i - N / 2) * 0.4321, x[2 * i + 1] = i;
    x[0] = NAN, x[2] = INFINITY, x[4] = -INFINITY, x[6] = -0.0, x[8] = 1e-320, x[10] = -745.1;
    static double want[N];
    for (int i = 0; i < N; i++) want[i] = lm_exp(x[2 * i]);
    lm_exp_each(N, x, 2);
    for (int i = 0; i < N; i++) {
        assert_true(memcmp(&x[2 * i], &want[i], sizeof want[i]) == 0 || isnan(want[i]));
        assert_true(isnan(x[2 * i]) == isnan(want[i]));
        assert_true(x[2 * i + 1] == i); /* what lies between is left alone */
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exp), cmocka_unit_test(test_exp_of_each),
        cmocka_unit_test(test_log), cmocka_unit_test(test_sin_cos),
        cmocka_unit_test(test_pow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/support/test.h"

#include <math.h>

#include "view/series.h"

static double noise(int64_t i) {
    return (double)((uint64_t)i * 2654435761u % 1000) / 1000;
}

/* A run of a hundred thousand steps with two spikes and one dip, each a single step. */
static void test_no_spike_is_lost(void **state) {
    (void)state;
    lm_series s = {0};
    for (int64_t i = 1; i <= 100000; i++) {
        double y = i == 23456 ? 99 : i == 23458 ? 98 : i == 77777 ? -5 : noise(i);
        assert_true(lm_series_add(&s, i, y));
    }
    assert_true(s.count <= LM_SERIES_MOST && s.count > LM_SERIES_MOST / 2);
    for (int64_t parts = 100; parts <= s.count; parts += 313) {
        int highs = 0, lows = 0;
        int64_t n = 0, last = 0;
        for (int64_t i = 0; i < parts; i++) {
            lm_bucket b = lm_series_part(&s, i, parts);
            assert_true(b.first > last && b.last >= b.first);
            assert_true(b.min_at >= b.first && b.min_at <= b.last);
            highs += b.max == 99 && b.max_at == 23456;
            lows += b.min == -5 && b.min_at == 77777;
            last = b.last;
            n += b.n;
        }
        assert_int_equal(highs, 1);
        assert_int_equal(lows, 1);
        assert_int_equal(n, 100000);
    }
    assert_true(s.best == -5 && s.best_at == 77777);
    lm_series_free(&s);
}

static void test_short_runs_are_exact(void **state) {
    (void)state;
    lm_series s = {0};
    for (int64_t i = 1; i <= 2000; i++) lm_series_add(&s, 3 * i, noise(i));
    assert_int_equal(s.count, 2000);
    for (int64_t i = 1; i <= 2000; i++) {
        assert_true(s.buckets[i - 1].n == 1 && s.buckets[i - 1].min_at == 3 * i);
        assert_true(lm_series_at(&s, 3 * i) == noise(i));
        assert_true(lm_series_at(&s, 3 * i + 1) == noise(i));
    }
    assert_true(lm_series_at(&s, 0) == noise(1) && lm_series_at(&s, 99999) == noise(2000));
    lm_series_free(&s);
}

static void test_means_are_those_of_all_values(void **state) {
    (void)state;
    lm_series s = {0};
    double sum = 0, joined = 0;
    for (int64_t i = 0; i < 54321; i++) {
        sum += noise(i);
        lm_series_add(&s, i, noise(i));
    }
    for (int64_t i = 0; i < s.count; i++) joined += s.buckets[i].sum;
    assert_true(fabs(sum - joined) < 1e-6);
    lm_series_free(&s);
}

static void test_what_is_not_finite_is_counted(void **state) {
    (void)state;
    lm_series s = {0};
    assert_true(isnan(lm_series_at(&s, 1)));
    lm_series_add(&s, 1, NAN);
    lm_series_add(&s, 2, INFINITY);
    assert_true(s.count == 0 && s.not_finite == 2);
    lm_series_add(&s, 3, 1);
    assert_true(s.count == 1 && s.last == 1);
    lm_series_free(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_spike_is_lost),
        cmocka_unit_test(test_short_runs_are_exact),
        cmocka_unit_test(test_means_are_those_of_all_values),
        cmocka_unit_test(test_what_is_not_finite_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

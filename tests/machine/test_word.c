/* The time of a word between CPUs is measured where there are two, and nowhere else. */
#include "tests/support/test.h"

#include "base/clock.h"
#include "machine/cpu.h"
#include "machine/word.h"

static double word_of(int threads) {
    lm_error err = {0};
    lm_pool *pool;
    assert_int_equal(lm_pool_create(&pool, threads, &err), LM_OK);
    double seconds = lm_word_seconds(pool);
    lm_pool_free(pool);
    return seconds;
}

static void test_one_thread_or_too_many_are_not_measured(void **unused) {
    (void)unused;
    assert_true(word_of(1) == 0);
    assert_true(word_of(lm_cpu_usable() + 1) == 0);
}

/* No less than light takes, no more than a thread waits for another; 0 when it was not running. */
static void test_a_word_takes_nanoseconds(void **unused) {
    (void)unused;
    if (lm_cpu_usable() < 2) skip();
    double seconds = 0, end = lm_clock_seconds() + 5;
    while (seconds == 0 && lm_clock_seconds() < end) seconds = word_of(2);
    if (seconds == 0) skip(); /* other work has the second CPU all the time */
    assert_true(seconds > 1e-9 && seconds < 5e-3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_thread_or_too_many_are_not_measured),
        cmocka_unit_test(test_a_word_takes_nanoseconds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The time that squeue prints, and nothing else. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "machine/slurm.h"
#include "tests/support/draws.h"

static void test_times(void **state) {
    (void)state;
    double t = 0;
    assert_true(lm_slurm_time("1970-01-02T00:00:00", &t) && t == 86400);
    assert_true(lm_slurm_time("2026-11-27T01:52:07\n", &t) && t == 1795744327);
    assert_true(lm_slurm_time("2026-11-27T01:52:07 \n", &t) && t == 1795744327);
}

static void test_texts_that_are_none(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "N/A",
                                        "NONE\n",
                                        "Unknown",
                                        "27 Nov 01:52",
                                        "2026-11-27",
                                        "01:52:07\n",
                                        "2026-13-01T00:00:00",
                                        "2026-11-27T01:52:07Z",
                                        "1795744327"};
    double t;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (lm_slurm_time(texts[i], &t)) fail_msg("\"%s\" was read", texts[i]);
}

/* Whatever the bytes are, a time that is read is one. */
static void test_mangled_texts(void **state) {
    (void)state;
    lm_draws draws = {.seed = 51};
    for (int i = 0; i < 5000; i++) {
        char text[] = "2026-11-27T01:52:07\n";
        double t = 1;
        for (size_t n = 1 + lm_draw(&draws, 4); n > 0; n--)
            text[lm_draw(&draws, sizeof text - 1)] = (char)(1 + lm_draw(&draws, 255));
        assert_true(!lm_slurm_time(text, &t) || (t > 0 && t < 3e11));
    }
}

static int set_up(void **state) {
    (void)state;
    setenv("TZ", "UTC0", 1);
    tzset();
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_times),
                                       cmocka_unit_test(test_texts_that_are_none),
                                       cmocka_unit_test(test_mangled_texts)};
    return cmocka_run_group_tests(tests, set_up, NULL);
}

/* Windows that a run passes over: texts that name them, and the windows that are left. */
#include "tests/support/test.h"

#include <string.h>

#include "data/skips.h"
#include "tests/support/draws.h"

static lm_skips skips;

static bool parse(const char *text) {
    lm_text problem = {0};
    lm_skips_free(&skips);
    bool fine = lm_skips_parse(&skips, text, &problem);
    assert_false(problem.failed);
    assert_true(fine == (problem.length == 0));
    lm_text_free(&problem);
    return fine;
}

static void expect(int64_t n, const lm_skip *ranges) {
    assert_int_equal(skips.count, n);
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(skips.items[i].first, ranges[i].first);
        assert_int_equal(skips.items[i].last, ranges[i].last);
    }
}

static void test_texts(void **state) {
    (void)state;
    assert_true(parse(""));
    expect(0, NULL);
    assert_true(parse("  "));
    expect(0, NULL);
    assert_true(parse("7"));
    expect(1, (lm_skip[]){{7, 7}});
    assert_true(parse(" 20 - 29 , 7,30-31 ,  25-26,0"));
    expect(3, (lm_skip[]){{0, 0}, {7, 7}, {20, 31}});
    assert_true(parse("0-1000000000000000"));
    expect(1, (lm_skip[]){{0, LM_SKIPS_MOST_WINDOW}});
}

static void test_texts_that_are_none(void **state) {
    (void)state;
    static const char *const texts[] = {",",
                                        "1,",
                                        "1,,2",
                                        "-3",
                                        "3-",
                                        "5-4",
                                        "1 2",
                                        "1.5",
                                        "x",
                                        "1-",
                                        "1-2-3",
                                        "1000000000000001",
                                        "99999999999999999999999999999999999999999"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (parse(texts[i])) fail_msg("\"%s\" was read", texts[i]);
}

/* Against going through the windows one by one. */
static void test_windows_that_are_left(void **state) {
    (void)state;
    enum { MOST = 400 };
    lm_draws draws = {.seed = 5};
    for (int round = 0; round < 200; round++) {
        bool skipped[MOST] = {false};
        lm_text text = {0};
        for (size_t n = lm_draw(&draws, 6); n > 0; n--) {
            size_t first = lm_draw(&draws, MOST / 2), last = first + lm_draw(&draws, 20);
            lm_text_printf(&text, "%s%zu-%zu", text.length ? "," : "", first, last);
            for (size_t i = first; i <= last; i++) skipped[i] = true;
        }
        assert_true(parse(lm_text_cstr(&text)));
        int64_t from = (int64_t)lm_draw(&draws, MOST / 2), taken = 0, passed = 0;
        for (int64_t i = from; i < MOST; i++) {
            assert_int_equal(lm_skips_count(&skips, from, i - from), passed);
            passed += skipped[i];
            if (!skipped[i]) assert_int_equal(lm_skips_at(&skips, from, taken++), i);
        }
        lm_text_free(&text);
    }
    lm_skips_free(&skips);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_texts),
                                       cmocka_unit_test(test_texts_that_are_none),
                                       cmocka_unit_test(test_windows_that_are_left)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

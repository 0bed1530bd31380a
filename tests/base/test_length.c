/* Lengths: the grammar, what it refuses, and that what is printed is read back. */
#include "tests/support/test.h"

#include <math.h>

#include "base/length.h"

static void test_lengths_are_read(void **state) {
    static const struct {
        const char *text;
        double amount;
        lm_length_unit unit;
        const char *printed;
    } rows[] = {
        {"300", 300, LM_LENGTH_STEPS, "300"},
        {"0", 0, LM_LENGTH_STEPS, "0"},
        {"1 step", 1, LM_LENGTH_STEPS, "1"},
        {" 10k steps", 10000, LM_LENGTH_STEPS, "10000"},
        {"1e3", 1000, LM_LENGTH_STEPS, "1000"},
        {"5%", 5, LM_LENGTH_PERCENT, "5%"},
        {"0.1 %", 0.1, LM_LENGTH_PERCENT, "0.1%"},
        {"100%", 100, LM_LENGTH_PERCENT, "100%"},
        {"2M tokens", 2e6, LM_LENGTH_TOKENS, "2000000 tokens"},
        {"2.5 B tokens", 2.5e9, LM_LENGTH_TOKENS, "2500000000 tokens"},
        {"1G token", 1e9, LM_LENGTH_TOKENS, "1000000000 tokens"},
        {"30m", 1800, LM_LENGTH_SECONDS, "1800s"},
        {"1h30m", 5400, LM_LENGTH_SECONDS, "5400s"},
        {"1d 2 h", 93600, LM_LENGTH_SECONDS, "93600s"},
        {"0.5s", 0.5, LM_LENGTH_SECONDS, "0.5s"},
        {"1e15 flop", 1e15, LM_LENGTH_FLOPS, "1e+15 flop"},
        {"1E15 FLOPs", 1e15, LM_LENGTH_FLOPS, "1e+15 flop"},
        {"2P flop", 2e15, LM_LENGTH_FLOPS, "2e+15 flop"},
        {"3E flop", 3e18, LM_LENGTH_FLOPS, "3e+18 flop"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lm_length l = {0}, again = {0};
        lm_text text = {0};
        if (!lm_length_parse(rows[i].text, &l)) fail_msg("\"%s\" is refused", rows[i].text);
        assert_true(fabs(l.amount / rows[i].amount - 1) < 1e-15 || l.amount == rows[i].amount);
        assert_int_equal(l.unit, rows[i].unit);
        assert_true(lm_length_valid(&l, LM_LENGTH_BIT(rows[i].unit)));
        assert_false(lm_length_valid(&l, ~LM_LENGTH_BIT(rows[i].unit)));
        lm_length_print(&l, &text);
        assert_string_equal(lm_text_cstr(&text), rows[i].printed);
        assert_true(lm_length_parse(rows[i].printed, &again));
        assert_true(again.amount == l.amount && again.unit == l.unit);
        lm_text_free(&text);
    }
}

static void test_other_text_is_refused(void **state) {
    static const char *const rows[] = {
        "",         "steps",      "-5",          "+5",           "1.5",    "0x10",
        "inf",      "nan",        "1e400 flop",  "101%",         "5k%",    "2 m tokens",
        "2mtokens", "1.5 tokens", "1e16 tokens", "10 bananas",   "30m1h",  "30m m",
        "h",        "1h1h",       "5 %%",        "300 steps of", "1e999s", "9007199254740992",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lm_length l = {7, LM_LENGTH_FLOPS};
        if (lm_length_parse(rows[i], &l)) fail_msg("\"%s\" is taken", rows[i]);
        assert_true(l.amount == 7 && l.unit == LM_LENGTH_FLOPS);
    }
}

static void test_units_are_described(void **state) {
    (void)state;
    lm_text text = {0};
    lm_length_describe(LM_LENGTH_BIT(LM_LENGTH_STEPS) | LM_LENGTH_BIT(LM_LENGTH_PERCENT) |
                           LM_LENGTH_BIT(LM_LENGTH_TOKENS),
                       &text);
    assert_string_equal(lm_text_cstr(&text), "300, \"5%\" or \"2M tokens\"");
    lm_text_free(&text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths_are_read),
        cmocka_unit_test(test_other_text_is_refused),
        cmocka_unit_test(test_units_are_described),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

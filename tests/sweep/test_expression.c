/* What expressions come to, and what is said of those that are wrong. */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sweep/expression.h"

static lm_value look_up(const void *context, int means) {
    return ((const lm_value *)context)[means];
}

/* Names a, b, c.d are the numbers 2, 3, 0.5; s is "x"; t is true. */
static bool evaluate(const char *text, lm_value *v, char why[256]) {
    static const char *const names[] = {"a", "b", "c.d", "s", "t"};
    static const lm_value values[] = {{.kind = LM_VALUE_NUMBER, .number = 2},
                                      {.kind = LM_VALUE_NUMBER, .number = 3},
                                      {.kind = LM_VALUE_NUMBER, .number = 0.5},
                                      {.kind = LM_VALUE_STRING, .text = "x"},
                                      {.kind = LM_VALUE_BOOLEAN, .number = 1}};
    lm_expression *e;
    lm_expression_stop stop;
    bool done = lm_expression_parse(&e, text, &stop);
    for (int i = 0; done && i < e->n_names; i++) {
        int n = 0;
        while (n < 4 && strcmp(names[n], e->names[i].name) != 0) n++;
        e->names[i].means = n;
    }
    if (done) done = lm_expression_evaluate(e, look_up, values, v, &stop);
    if (!done) snprintf(why, 256, "%zu: %s", stop.at, stop.what);
    if (done && v->kind == LM_VALUE_STRING) {
        snprintf(why, 256, "%s", v->text);
        v->text = why;
    }
    lm_expression_free(e);
    return done;
}

static void test_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double value;
    } cases[] = {
        {"1", 1},
        {" 2.5e-1 ", 0.25},
        {".5 + a", 2.5},
        {"1 + 2 * 3", 7},
        {"(1 + 2) * 3", 9},
        {"7 - 2 - 1", 4},
        {"12 / 3 / 2", 2},
        {"-a ^ 2", -4},
        {"2 ^ 3 ^ 2", 512},
        {"2 ^ -1", 0.5},
        {"- - 3", 3},
        {"7 % 3", 1},
        {"-7 % 3", 2},
        {"7 % -3", -2},
        {"sqrt(16) + abs(-1)", 5},
        {"log2(64) + log(1) + exp(0)", 7},
        {"floor(2.7) + ceil(2.1) + round(2.5)", 8},
        {"pow(4, 0.5)", 2},
        {"min(3, 1, 2) + max(1, 3, 2) + min(7)", 11},
        {"if(a < b, 10, 1 / 0)", 10},
        {"if(a > b, 1 / 0, 20)", 20},
        {"c.d * 4", 2},
        {"0.02 / sqrt(a / 8)", 0.04},
    };
    lm_value v;
    char why[256];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!evaluate(cases[i].text, &v, why)) fail_msg("%s: %s", cases[i].text, why);
        assert_int_equal(v.kind, LM_VALUE_NUMBER);
        /* lm_pow, lm_exp and lm_log are good to 2e-15 (base/elementary.h) */
        if (fabs(v.number - cases[i].value) > 4e-15 * fabs(cases[i].value))
            fail_msg("%s: %.17g", cases[i].text, v.number);
    }
}

static void test_truths(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool value;
    } cases[] = {
        {"true", true},
        {"not t", false},
        {"a < b and b <= 3", true},
        {"a >= b or b > 3", false},
        {"!t || s == 'x' && a != b", true},
        {"s == \"y\"", false},
        {"t == (1 < 2)", true},
        {"false and 1 / 0 > 1", false},
        {"true or 1 / 0 > 1", true},
        {"not a == b", true},
        {"a + 1 == b and not false", true},
    };
    lm_value v;
    char why[256];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!evaluate(cases[i].text, &v, why)) fail_msg("%s: %s", cases[i].text, why);
        assert_int_equal(v.kind, LM_VALUE_BOOLEAN);
        if ((v.number != 0) != cases[i].value) fail_msg("%s", cases[i].text);
    }
    assert_true(evaluate("if(t, 'left', 'right')", &v, why));
    assert_string_equal(v.text, "left");
}

static void test_errors(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", "0: expected a value, found the end of the expression"},
        {"1 +", "3: expected a value, found the end of the expression"},
        {"1 2", "2: expected an operator or the end, found \"2\""},
        {"(1", "2: expected an operator or \")\", found the end of the expression"},
        {"sqrt(1, 2)", "0: sqrt takes 1 argument, found 2"},
        {"if(t, 1)", "0: if takes 3 arguments, found 2"},
        {"sin(1)", "0: there is no function \"sin\"; there are sqrt, exp, log, log2, floor, ceil,"
                   " round, abs, pow, min, max, if"},
        {"'x", "0: the string is never closed"},
        {"0x10", "0: expected a number, found \"0x10\""},
        {"3a", "1: expected an operator behind the number, found \"a\""},
        {"1e999", "0: the number is too large"},
        {"1 < 2 < 3", "6: comparisons cannot be chained: use \"and\""},
        {"1 / (a - 2)", "2: division by zero"},
        {"5 % 0", "2: division by zero"},
        {"sqrt(0 - 1)", "0: the result is not a finite number"},
        {"10 ^ 400", "3: the result is not a finite number"},
        {"a + s", "4: expected a number, found a string"},
        {"not a", "4: expected true or false, found a number"},
        {"a == s", "2: a number is compared with a string"},
        {"a = 2", "2: expected an operator or the end, found \"=\""},
        {"@", "0: expected a value, found \"@\""},
    };
    lm_value v;
    char why[256];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (evaluate(cases[i][0], &v, why)) fail_msg("%s: no error", cases[i][0]);
        assert_string_equal(why, cases[i][1]);
    }
}

/* Neither a deep nor a long expression takes more than is set aside for it. */
static void test_limits(void **state) {
    (void)state;
    char *text = malloc(20001), why[256];
    lm_value v;
    for (int i = 0; i < 10000; i++) text[i] = '(';
    text[10000] = '\0';
    assert_false(evaluate(text, &v, why));
    assert_non_null(strstr(why, "nested more than 64 deep"));
    for (int i = 0; i < 10000; i++) memcpy(text + 2 * i, "1+", 2);
    strcpy(text + 20000 - 1, "");
    assert_false(evaluate(text, &v, why));
    assert_non_null(strstr(why, "more than 500 parts"));
    strcpy(text, "not not not not true");
    assert_true(evaluate(text, &v, why));
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_truths),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

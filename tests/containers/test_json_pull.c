#include "tests/support/test.h"

#include <string.h>

#include "containers/json_pull.h"

static void test_values(void **state) {
    (void)state;
    static const char text[] = "\xEF\xBB\xBF {\"a\": [1, -2.5e1, "
                               "\"x\\n\\u00e9\\ud83d\\ude80\\u0000y\", true, false, null, {}],"
                               " \"skip\": {\"deep\": [[], [1, {\"b\": 2}]]}, \"\": 7}\n";
    lm_error err = {0};
    lm_json_pull p;
    int members = 0;
    lm_json_pull_begin(&p, "t", text, strlen(text), &err);
    assert_int_equal(lm_json_pull_peek(&p), LM_JSON_OBJECT);
    lm_json_pull_object(&p);
    for (; lm_json_pull_member(&p); members++) {
        if (lm_json_pull_is(&p, "a")) {
            lm_json_pull_array(&p);
            assert_true(lm_json_pull_element(&p));
            assert_int_equal(lm_json_pull_count(&p, 1), 1);
            assert_true(lm_json_pull_element(&p));
            assert_true(lm_json_pull_number(&p) == -25);
            assert_true(lm_json_pull_element(&p));
            lm_json_pull_string(&p);
            assert_int_equal(p.string.length, 10);
            assert_memory_equal(p.string.data, "x\n\xC3\xA9\xF0\x9F\x9A\x80\0y", 10);
            assert_true(lm_json_pull_element(&p));
            assert_true(lm_json_pull_boolean(&p));
            assert_true(lm_json_pull_element(&p));
            assert_false(lm_json_pull_boolean(&p));
            assert_true(lm_json_pull_element(&p));
            assert_true(lm_json_pull_if_null(&p));
            assert_true(lm_json_pull_element(&p));
            assert_false(lm_json_pull_if_null(&p));
            lm_json_pull_object(&p);
            assert_false(lm_json_pull_member(&p));
            assert_false(lm_json_pull_element(&p));
        } else if (lm_json_pull_is(&p, "skip")) {
            lm_json_pull_skip(&p);
        } else {
            assert_true(lm_json_pull_is(&p, ""));
            assert_int_equal(lm_json_pull_count(&p, 7), 7);
        }
    }
    assert_int_equal(members, 3);
    assert_int_equal(lm_json_pull_end(&p), LM_OK);
}

/* Skips the whole text. */
static void expect_wrong(const char *text, size_t size, const char *message) {
    lm_error err = {0};
    lm_json_pull p;
    lm_json_pull_begin(&p, "t", text, size, &err);
    lm_json_pull_skip(&p);
    assert_int_equal(lm_json_pull_end(&p), LM_ERR_RUNTIME);
    if (strcmp(err.message, message) != 0) fail_msg("%s", err.message);
}

static void test_what_is_no_json(void **state) {
    (void)state;
    static const char *const wrong[][2] = {
        {"", "t:1:1: expected a value, found the end of the text"},
        {"[1,\n 2", "t:2:3: expected ',' or ']', found the end of the text"},
        {"[1 2]", "t:1:4: expected ',' or ']', found '2'"},
        {"[1,]", "t:1:4: expected a value, found ']'"},
        {"{\"a\" 1}", "t:1:6: expected ':', found '1'"},
        {"{1: 2}", "t:1:2: expected a string, found '1'"},
        {"01", "t:1:1: a number that begins with 0"},
        {"1.", "t:1:3: expected a digit, found the end of the text"},
        {"nul", "t:1:1: expected null, found 'n'"},
        {"\"a", "t:1:3: expected the end of the string, found the end of the text"},
        {"\"\\x\"", "t:1:3: expected an escape (one of \"\\/bfnrtu), found 'x'"},
        {"\"\\ud800\"", "t:1:8: half of a surrogate pair"},
        {"\"\\u12g4\"", "t:1:4: expected four hexadecimal digits after \\u"},
        {"\"\xC3\"", "t:1:2: expected UTF-8, found the byte 0xC3"},
        {"\"\n\"", "t:1:2: expected the end of the string, found the byte 0x0A"},
        {"1 2", "t:1:3: expected the end of the text, found '2'"},
        {"?", "t:1:1: expected a value, found '?'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        expect_wrong(wrong[i][0], strlen(wrong[i][0]), wrong[i][1]);
    char deep[100];
    memset(deep, '[', sizeof deep);
    expect_wrong(deep, sizeof deep, "t:1:65: more than 64 brackets inside each other");
}

static void test_values_of_another_kind(void **state) {
    (void)state;
    lm_error err = {0};
    lm_json_pull p;
    lm_json_pull_begin(&p, "t", "[1.5]", 5, &err);
    lm_json_pull_array(&p);
    assert_true(lm_json_pull_element(&p));
    assert_int_equal(lm_json_pull_count(&p, 9), 0);
    assert_false(lm_json_pull_element(&p)); /* after an error every loop ends */
    assert_int_equal(lm_json_pull_end(&p), LM_ERR_RUNTIME);
    assert_string_equal(err.message, "t:1:5: expected a whole number from 0 to 9, found 1.5");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_what_is_no_json),
        cmocka_unit_test(test_values_of_another_kind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

static void test_text_grows(void **state) {
    (void)state;
    lm_text t = {0};
    assert_string_equal(lm_text_cstr(&t), "");
    for (int i = 0; i < 1000; i++) lm_text_printf(&t, "%d,", i);
    lm_text_append(&t, "a\0b", 3);
    assert_false(t.failed);
    assert_int_equal(t.length, 3893);
    assert_memory_equal(t.data + 3890, "a\0b", 4);
    lm_text_free(&t);
    lm_text_free(&t);
}

static void test_json_string(void **state) {
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {
        {"", "\"\""},
        {"a\"b\\c\n\t\x01\x7f", "\"a\\\"b\\\\c\\n\\t\\u0001\\u007f\""},
        {"h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "\"h\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80\""},
        {"\xff|\xc3|\xe2\x82|", "\"\xef\xbf\xbd|\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd|\""},
        {"\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80",
         "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"
         "\xef\xbf\xbd\xef\xbf\xbd\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lm_text t = {0};
        lm_text_json_string(&t, rows[i].in);
        assert_string_equal(lm_text_cstr(&t), rows[i].out);
        lm_text_free(&t);
    }
}

static void number(double x, const char *want) {
    lm_text t = {0};
    lm_text_json_number(&t, x);
    if (want) {
        assert_string_equal(lm_text_cstr(&t), want);
    } else {
        assert_true(strtod(lm_text_cstr(&t), NULL) == x);
    }
    lm_text_free(&t);
}

static void test_json_number(void **state) {
    (void)state;
    number(0, "0");
    number(0.1, "0.1");
    number(-3, "-3");
    number(200, "200");
    number(-0.0, "0");
    number(1e300, "1e+300");
    number(NAN, "null");
    number(-INFINITY, "null");
    number(100, "100");
    number(123456789, "123456789");
    number(1e15, "1e+15");
    number(3e-4, "0.0003");
    number(250000.5, "250000.5");
    number(5e-324, "5e-324");
    number(-0.0, "0");
    uint64_t bits = 0x3ff0123456789abcu;
    for (int i = 0; i < 10000; i++) {
        bits = bits * 6364136223846793005u + 1442695040888963407u;
        double x;
        memcpy(&x, &bits, sizeof x);
        if (isfinite(x)) number(x, NULL);
    }
}

static const char *animal(int i, const void *context) {
    (void)context;
    static const char *const names[] = {"learning_rate", "lr", "warmup_steps", "dir", NULL};
    return names[i];
}

static void test_the_nearest_name_is_suggested(void **state) {
    (void)state;
    assert_string_equal(lm_text_nearest("learning_rat", animal, NULL), "learning_rate");
    assert_string_equal(lm_text_nearest("rl", animal, NULL), "lr"); /* a swap is one edit */
    assert_string_equal(lm_text_nearest("warmupstep", animal, NULL), "warmup_steps");
    assert_null(lm_text_nearest("elephant", animal, NULL));
    char longest[200];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(lm_text_nearest(longest, animal, NULL));
    char out[LM_TEXT_SUGGESTION_SIZE];
    assert_string_equal(lm_text_did_you_mean(out, "lr"), "; did you mean \"lr\"?");
    assert_string_equal(lm_text_did_you_mean(out, NULL), "");
}

static void test_bytes_and_counts_are_rounded_for_people(void **state) {
    (void)state;
    char s[32];
    assert_string_equal(lm_text_bytes(s, sizeof s, 912), "912 B");
    assert_string_equal(lm_text_bytes(s, sizeof s, 1536), "1.50 KiB");
    assert_string_equal(lm_text_bytes(s, sizeof s, 2.5e9), "2.33 GiB");
    assert_string_equal(lm_text_count(s, sizeof s, 124.4e6), "124 M");
    assert_string_equal(lm_text_count(s, sizeof s, 999.99), "1.00 k");
    assert_string_equal(lm_text_count(s, sizeof s, 12), "12");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_grows),
        cmocka_unit_test(test_json_string),
        cmocka_unit_test(test_json_number),
        cmocka_unit_test(test_the_nearest_name_is_suggested),
        cmocka_unit_test(test_bytes_and_counts_are_rounded_for_people),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

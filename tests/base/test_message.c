#include "tests/support/test.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/message.h"
#include "base/text.h"
#include "tests/support/aborts.h"

__attribute__((format(printf, 2, 3))) static void expect(const char *expected, const char *format,
                                                         ...) {
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    lm_message_print(text, sizeof text, format, arguments);
    va_end(arguments);
    assert_string_equal(text, expected);
}

/* What printf makes of it, for arguments without anything to escape. */
#define AS_PRINTF(...)                                      \
    do {                                                    \
        char expected_[2048];                               \
        snprintf(expected_, sizeof expected_, __VA_ARGS__); \
        expect(expected_, __VA_ARGS__);                     \
    } while (0)

static void test_conversions_are_those_of_printf(void **state) {
    (void)state;
    AS_PRINTF("plain, 100%% of it");
    AS_PRINTF("%d %i %5d|%-5d|%05d %+d %x %#x %o %X %u", -3, 4, 5, 6, 7, 8, 255, 255, 8, 171, 9u);
    AS_PRINTF("%ld %lld %zu %" PRId64 " %" PRIu64 " %jd %hhd %hd", -1L, -2LL, (size_t)3, INT64_MIN,
              UINT64_MAX, (intmax_t)7, (signed char)8, (short)9);
    AS_PRINTF("%g %.3f %-10.2e| %10.4g %.0f %a %.*g %Lg", 0.1, 2.5, 1e9, 3.25, 1e300, 1.5, 3,
              1.23456, 2.0L);
    AS_PRINTF("%s|%8s|%-8s|%.2s|%.*s|%-6.2s|%*s", "abc", "right", "left", "cut", 3, "prefix", "xyz",
              7, "w");
    AS_PRINTF("%c%c", 'o', 'k');
    AS_PRINTF("%s", "caf\xC3\xA9 \xE6\xBC\xA2\xE5\xAD\x97 \xF0\x9F\x98\x80"); /* UTF-8 stays */
}

static void test_what_comes_from_outside_is_escaped(void **state) {
    (void)state;
    expect("a\\x1b[31mb: cannot open", "%s: cannot open", "a\x1b[31mb");
    expect("x\\nlmtrain: all is well", "%s", "x\nlmtrain: all is well");
    expect("\\r\\t\\x00\\x7f", "%c%c%c%c", '\r', '\t', '\0', 0x7F);
    expect("\\u009b2J", "%s",
           "\xC2\x9B"
           "2J"); /* C1 in UTF-8 */
    expect("\\x9b2J \\xc3", "%s",
           "\x9B"
           "2J \xC3"); /* bytes that are not UTF-8 */
    expect("\\u2028\\u202egpj", "%s", "\xE2\x80\xA8\xE2\x80\xAEgpj");
    expect("a\\nb", "%.3s", "a\nbc");
    expect("  a\\nb|a\\nb  |", "%6s|%-6s|", "a\nb", "a\nb"); /* padded by what is shown */
    expect("one\n\ttwo\\x1b\n", "%-s", "one\n\ttwo\x1b\n");  /* lines of our own */
    expect("one\ntw", "%-.*s", 6, "one\ntwo");
    expect("new\nline", "new\nline"); /* of the format itself */
}

static void test_a_buffer_is_not_overrun(void **state) {
    (void)state;
    lm_error err = {0};
    char big[3000];
    memset(big, '\x1b', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    lm_error_set(&err, LM_ERR_RUNTIME, "%s", big);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_string_equal(err.message + sizeof err.message - 4, "...");
    assert_null(strchr(err.message, '\x1b'));
}

static void test_errors_and_texts_pass_through(void **state) {
    (void)state;
    lm_error err = {0};
    lm_text t = {0};
    lm_error_set(&err, LM_ERR_USAGE, "%s: line 1\nline 2", "e\x1b");
    assert_string_equal(err.message, "e\\x1b: line 1\nline 2");
    lm_error_prefix(&err, "%s", "p\nq");
    assert_string_equal(err.message, "p\\nq: e\\x1b: line 1\nline 2"); /* once, and lines stay */
    lm_error_damaged(&err, "%s", "d\x07");
    assert_string_equal(err.message, "d\\x07");
    lm_error_no_memory(&err, "m\n");
    assert_string_equal(err.message, "m\\n: out of memory");
    lm_text_say(&t, "%s%d", "\x1b", 7);
    assert_string_equal(lm_text_cstr(&t), "\\x1b7");
    lm_text_free(&t);
    FILE *f = tmpfile();
    char written[16] = "";
    assert_non_null(f);
    lm_message_write(f, "%s\n%d", "\x1b", 7);
    rewind(f);
    assert_int_equal(fread(written, 1, sizeof written - 1, f), 6);
    assert_string_equal(written, "\\x1b\n7");
    fclose(f);
    lm_text_json_string(&t, "\xC2\x9B\xC2\xA0\x1b");
    assert_string_equal(lm_text_cstr(&t), "\"\\u009b\xC2\xA0\\u001b\"");
    lm_text_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conversions_are_those_of_printf),
        cmocka_unit_test(test_what_comes_from_outside_is_escaped),
        cmocka_unit_test(test_a_buffer_is_not_overrun),
        cmocka_unit_test(test_errors_and_texts_pass_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

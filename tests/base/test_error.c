#include "tests/support/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "tests/support/aborts.h"

static void test_error(void **state) {
    (void)state;
    lm_error err = {0};
    assert_int_equal(lm_error_set(&err, LM_ERR_USAGE, "%s: line %d", "f", 3), LM_ERR_USAGE);
    assert_string_equal(err.message, "f: line 3");
    lm_error_prefix(&err, "run %d", 7);
    assert_string_equal(err.message, "run 7: f: line 3");
    assert_int_equal(err.code, LM_ERR_USAGE);
    assert_int_equal(lm_error_damaged(&err, "%s", err.message), LM_ERR_RUNTIME);
    lm_error_prefix(&err, "file");
    assert_string_equal(err.message, "file: run 7: f: line 3");
    assert_true(err.damaged);
    err.exit_code = 75;
    err.shared = true;
    lm_error_append(&err, "!");
    assert_string_equal(err.message, "file: run 7: f: line 3!");
    assert_true(err.damaged && err.shared && err.exit_code == 75);
    err.message[strlen(err.message) - 1] = '\0';
    lm_error_set(&err, LM_ERR_RUNTIME, "again: %s", err.message);
    assert_false(err.damaged || err.shared || err.exit_code != 0);
    assert_string_equal(err.message, "again: file: run 7: f: line 3");
    char *big = malloc(10000);
    assert_non_null(big);
    memset(big, 'x', 9999);
    big[9999] = '\0';
    lm_error_set(&err, LM_ERR_RUNTIME, "%s", big);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_string_equal(err.message + sizeof err.message - 4, "...");
    free(big);
}

static void test_errno_texts(void **state) {
    (void)state;
    assert_string_equal(lm_error_errno(ENOSPC), "No space left on device");
    assert_string_equal(lm_error_errno(1 << 20), "unknown error");
}

static void hold(void *argument) {
    int *x = argument;
    LM_ASSERT(*x == 4);
}
static void set_ok(void *argument) {
    lm_error_set(argument, LM_OK, "nothing is wrong");
}

static void test_assert(void **state) {
    (void)state;
    int x = 4;
    assert_false(lm_test_aborts(hold, &x, ""));
    x = 5;
    assert_true(lm_test_aborts(hold, &x, "test_error.c"));
    assert_true(lm_test_aborts(hold, &x, "*x == 4 does not hold"));
    lm_error err = {0};
    assert_true(lm_test_aborts(set_ok, &err, "LM_OK"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error),
        cmocka_unit_test(test_errno_texts),
        cmocka_unit_test(test_assert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

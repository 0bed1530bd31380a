#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/error.h"
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

static void test_nearest(void **state) {
    (void)state;
    assert_string_equal(lm_text_nearest("learning_rat", animal, NULL), "learning_rate");
    assert_string_equal(lm_text_nearest("rl", animal, NULL), "lr"); /* a swap is one edit */
    assert_string_equal(lm_text_nearest("warmupstep", animal, NULL), "warmup_steps");
    assert_null(lm_text_nearest("elephant", animal, NULL));
    char longest[200];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(lm_text_nearest(longest, animal, NULL));
}

static void test_for_people(void **state) {
    (void)state;
    char s[32];
    assert_string_equal(lm_text_bytes(s, sizeof s, 912), "912 B");
    assert_string_equal(lm_text_bytes(s, sizeof s, 1536), "1.50 KiB");
    assert_string_equal(lm_text_bytes(s, sizeof s, 2.5e9), "2.33 GiB");
    assert_string_equal(lm_text_count(s, sizeof s, 124.4e6), "124 M");
    assert_string_equal(lm_text_count(s, sizeof s, 999.99), "1.00 k");
    assert_string_equal(lm_text_count(s, sizeof s, 12), "12");
}

static void test_error(void **state) {
    (void)state;
    lm_error err = {0};
    assert_int_equal(lm_error_set(&err, LM_ERR_USAGE, "%s: line %d", "f", 3), LM_ERR_USAGE);
    assert_string_equal(err.message, "f: line 3");
    lm_error_prefix(&err, "run %d", 7);
    assert_string_equal(err.message, "run 7: f: line 3");
    assert_int_equal(err.code, LM_ERR_USAGE);
    lm_error_set(&err, LM_ERR_RUNTIME, "again: %s", err.message);
    assert_string_equal(err.message, "again: run 7: f: line 3");
    char *big = malloc(10000);
    assert_non_null(big);
    memset(big, 'x', 9999);
    big[9999] = '\0';
    lm_error_set(&err, LM_ERR_RUNTIME, "%s", big);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_string_equal(err.message + sizeof err.message - 4, "...");
    free(big);
}

static void test_sizes_and_arena(void **state) {
    (void)state;
    size_t out = 5;
    assert_false(lm_size_mul(SIZE_MAX, 2, &out));
    assert_false(lm_size_add(SIZE_MAX, 1, &out));
    assert_int_equal(out, 5);
    assert_true(lm_size_mul(6, 7, &out) && out == 42);
    assert_true(lm_size_add(6, 7, &out) && out == 13);
    assert_int_equal(lm_size_align(0), 0);
    assert_int_equal(lm_size_align(65), 128);

    lm_error err = {0};
    lm_arena arena = {0};
    assert_int_equal(lm_arena_init(&arena, 4096, "test", &err), LM_OK);
    float *a = lm_arena_floats(&arena, 3), *b = lm_arena_take(&arena, 100);
    assert_int_equal((uintptr_t)a % LM_ALIGNMENT, 0);
    assert_int_equal((char *)b - (char *)a, 64);
    assert_true(a[0] == 0 && a[2] == 0 && b[24] == 0);
    assert_int_equal(arena.used, 64 + 128);
    lm_arena_free(&arena);
    lm_arena_free(&arena);
    assert_int_equal(lm_arena_init(&arena, SIZE_MAX - 5, "activations", &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "activations"));
    assert_non_null(strstr(err.message, "EiB"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_grows),      cmocka_unit_test(test_json_string),
        cmocka_unit_test(test_json_number),     cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_for_people),      cmocka_unit_test(test_error),
        cmocka_unit_test(test_sizes_and_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

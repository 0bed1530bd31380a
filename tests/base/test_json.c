#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "tests/support/aborts.h"

/* ---- writing ----------------------------------------------------------------------------------*/

static void write_nested(lm_json_writer *w, lm_json_layout layout) {
    lm_json_object(w, NULL, layout);
    lm_json_integer(w, "i", INT64_MAX);
    lm_json_number(w, "x", NAN);
    lm_json_array(w, "a", LM_JSON_LINE);
    lm_json_string(w, NULL, "q\"\n");
    lm_json_string(w, NULL, NULL);
    lm_json_boolean(w, NULL, true);
    lm_json_end(w);
    lm_json_array(w, "rows", layout);
    lm_json_object(w, NULL, LM_JSON_TIGHT);
    lm_json_digest(w, "d", 0xab);
    lm_json_number(w, "x", 0.5);
    lm_json_end(w);
    lm_json_end(w);
    lm_json_object(w, "empty", layout);
    lm_json_end(w);
    lm_json_text(w, "text", "[1]\n ", 5);
    lm_json_end(w);
}

static void test_layouts(void **state) {
    (void)state;
    static const char *const expected[] = {
        [LM_JSON_TIGHT] = "{\"i\":9223372036854775807,\"x\":null,\"a\":[\"q\\\"\\n\", null, true],"
                          "\"rows\":[{\"d\":\"00000000000000ab\",\"x\":0.5}],\"empty\":{},"
                          "\"text\":[1]}",
        [LM_JSON_LINE] =
            "{\"i\": 9223372036854775807, \"x\": null, \"a\": [\"q\\\"\\n\", null, true],"
            " \"rows\": [{\"d\":\"00000000000000ab\",\"x\":0.5}], \"empty\": {},"
            " \"text\": [1]}",
        [LM_JSON_LINES] = "{\n  \"i\": 9223372036854775807,\n  \"x\": null,\n"
                          "  \"a\": [\"q\\\"\\n\", null, true],\n"
                          "  \"rows\": [\n    {\"d\":\"00000000000000ab\",\"x\":0.5}\n  ],\n"
                          "  \"empty\": {},\n  \"text\": [1]\n}",
    };
    for (int layout = LM_JSON_TIGHT; layout <= LM_JSON_LINES; layout++) {
        lm_text t = {0};
        lm_json_writer w = {.out = &t};
        write_nested(&w, (lm_json_layout)layout);
        assert_string_equal(lm_text_cstr(&t), expected[layout]);
        lm_text_free(&t);
    }
}

static void test_reopen(void **state) {
    (void)state;
    static const char *const texts[][2] = {
        {"{}", "{\n  \"b\": 2\n}"},
        {"{ }\n", "{\n  \"b\": 2\n}"},
        {"{\n  \"a\": 1\n}\n", "{\n  \"a\": 1,\n  \"b\": 2\n}"},
    };
    for (size_t i = 0; i < 3; i++) {
        lm_text t = {0};
        lm_json_writer w = {.out = &t};
        lm_text_append(&t, texts[i][0], strlen(texts[i][0]));
        lm_json_reopen(&w, LM_JSON_LINES);
        lm_json_integer(&w, "b", 2);
        lm_json_end(&w);
        assert_string_equal(lm_text_cstr(&t), texts[i][1]);
        lm_text_free(&t);
    }
}

static void test_members(void **state) {
    (void)state;
    lm_text t = {0}, none = {0}, two = {0};
    lm_json_writer w = {.out = &t};
    lm_text_printf(&two, "{\"b\": 2, \"c\": 3}");
    lm_json_object(&w, NULL, LM_JSON_LINE);
    lm_json_integer(&w, "a", 1);
    lm_json_members(&w, &none);
    lm_json_members(&w, &two);
    lm_json_integer(&w, "d", 4);
    lm_json_end(&w);
    assert_string_equal(lm_text_cstr(&t), "{\"a\": 1, \"b\": 2, \"c\": 3, \"d\": 4}");
    lm_text_free(&t);
    lm_text_free(&two);
}

static void forget_key(void *argument) {
    lm_json_writer *w = argument;
    lm_json_object(w, NULL, LM_JSON_LINE);
    lm_json_integer(w, NULL, 1);
}

static void end_twice(void *argument) {
    lm_json_writer *w = argument;
    lm_json_object(w, NULL, LM_JSON_LINE);
    lm_json_end(w);
    lm_json_end(w);
}

static void nest_too_deeply(void *argument) {
    lm_json_writer *w = argument;
    for (int i = 0; i <= LM_JSON_DEPTH; i++) lm_json_array(w, NULL, LM_JSON_LINE);
}

static void test_misuse_is_asserted(void **state) {
    (void)state;
    lm_text t = {0};
    lm_json_writer w = {.out = &t};
    assert_true(lm_test_aborts(forget_key, &w, "json.c"));
    assert_true(lm_test_aborts(end_twice, &w, "json.c"));
    assert_true(lm_test_aborts(nest_too_deeply, &w, "json.c"));
    lm_text_free(&t);
}

/* ---- reading ----------------------------------------------------------------------------------*/

static const char text[] = "{\"n\": 7, \"x\": 1.5, \"none\": null, \"name\": \"abc\","
                           " \"digest\": \"0123456789abcdef\", \"inner\": {\"k\": [1]},"
                           " \"rows\": [{\"shape\": [2, 3]}, {\"shape\": [4, -1]}]}";

static void open_text(lm_json_reader *r, lm_error *err) {
    assert_int_equal(lm_json_open(r, "f.json", text, sizeof text - 1, err), LM_OK);
}

static void test_getters(void **state) {
    (void)state;
    lm_error err;
    lm_json_reader r;
    char name[4];
    open_text(&r, &err);
    assert_int_equal(lm_json_get_count(&r, "n", 0, 7), 7);
    assert_true(lm_json_get_number(&r, "x") == 1.5);
    assert_true(isnan(lm_json_get_number(&r, "none")));
    lm_json_get_string(&r, "name", name, sizeof name);
    assert_string_equal(name, "abc");
    assert_true(lm_json_get_digest(&r, "digest") == 0x0123456789abcdef);
    lm_json_expect_string(&r, "name", "abc");
    lm_json_expect_count(&r, "n", 7);
    char *inner = lm_json_get_object_text(&r, "inner");
    assert_string_equal(inner, "{\"k\":[1]}");
    free(inner);
    assert_int_equal(lm_json_enter(&r, "rows"), 2);
    assert_true(lm_json_next(&r));
    assert_int_equal(lm_json_enter(&r, "shape"), 2);
    for (int64_t i = 2; lm_json_next(&r); i++)
        assert_int_equal(lm_json_get_count(&r, NULL, 0, 9), i);
    lm_json_leave(&r);
    lm_json_leave(&r);
    assert_int_equal(lm_json_get_count(&r, "n", 0, 7), 7);
    assert_int_equal(lm_json_close(&r), LM_OK);
    assert_int_equal(lm_json_close(&r), LM_OK);
}

static void get_count(lm_json_reader *r) {
    (void)lm_json_get_count(r, "n", 8, 9);
}
static void get_fraction(lm_json_reader *r) {
    (void)lm_json_get_count(r, "x", 0, 9);
}
static void get_number(lm_json_reader *r) {
    (void)lm_json_get_number(r, "name");
}
static void get_missing(lm_json_reader *r) {
    (void)lm_json_get_digest(r, "nowhere");
}
static void get_long_string(lm_json_reader *r) {
    char out[3];
    lm_json_get_string(r, "name", out, sizeof out);
    assert_string_equal(out, "");
}
static void get_no_object(lm_json_reader *r) {
    assert_null(lm_json_get_object_text(r, "n"));
}
static void expect_other(lm_json_reader *r) {
    lm_json_expect_string(r, "name", "abd");
}
static void enter_no_array(lm_json_reader *r) {
    assert_int_equal(lm_json_enter(r, "inner"), 0);
    assert_false(lm_json_next(r));
    lm_json_leave(r);
}
static void get_deep(lm_json_reader *r) {
    lm_json_enter(r, "rows");
    while (lm_json_next(r)) {
        lm_json_enter(r, "shape");
        while (lm_json_next(r)) (void)lm_json_get_count(r, NULL, 0, 9);
        lm_json_leave(r);
    }
    lm_json_leave(r);
}

static void test_errors(void **state) {
    (void)state;
    static const struct {
        void (*read)(lm_json_reader *r);
        const char *message;
    } rows[] = {
        {get_count, "f.json: key \"n\": expected a whole number from 8 to 9, found 7"},
        {get_fraction, "f.json: key \"x\": expected a whole number from 0 to 9, found 1.5"},
        {get_number, "f.json: key \"name\": expected a number or null, found \"abc\""},
        {get_missing, "f.json: key \"nowhere\": expected 16 hexadecimal digits, found nothing"},
        {get_long_string,
         "f.json: key \"name\": expected a string of at most 2 bytes, found \"abc\""},
        {get_no_object, "f.json: key \"n\": expected an object, found 7"},
        {expect_other, "f.json: key \"name\": expected \"abd\", found \"abc\""},
        {enter_no_array, "f.json: key \"inner\": expected an array, found {\"k\":[1]}"},
        {get_deep,
         "f.json: key \"rows[1].shape[1]\": expected a whole number from 0 to 9, found -1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lm_error err = {0};
        lm_json_reader r;
        open_text(&r, &err);
        r.damaged = i % 2 == 0;
        rows[i].read(&r);
        /* Later ones do not hide the first. */
        assert_int_equal(lm_json_get_count(&r, "nowhere", 0, 1), 0);
        assert_true(isnan(lm_json_get_number(&r, "x")));
        assert_int_equal(lm_json_close(&r), LM_ERR_RUNTIME);
        assert_string_equal(err.message, rows[i].message);
        assert_int_equal(err.damaged, i % 2 == 0);
    }
}

static void test_not_an_object(void **state) {
    (void)state;
    static const char *const texts[] = {"", "{", "[1]", "nonsense", "{\"a\" 1}"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        lm_error err = {0};
        lm_json_reader r;
        assert_int_equal(lm_json_open(&r, "f.json", texts[i], strlen(texts[i]), &err),
                         LM_ERR_RUNTIME);
        assert_non_null(strstr(err.message, "f.json: expected a JSON object, found "));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),       cmocka_unit_test(test_reopen),
        cmocka_unit_test(test_members),       cmocka_unit_test(test_misuse_is_asserted),
        cmocka_unit_test(test_getters),       cmocka_unit_test(test_errors),
        cmocka_unit_test(test_not_an_object),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

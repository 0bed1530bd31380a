/* Which text of generated tokens is certain: stop texts across tokens, characters cut in two. */
#include "tests/support/test.h"

#include <string.h>

#include "cli/generate_text.h"

static lm_error err;
static lm_tokenizer *bytes;

static int open_bytes(void **state) {
    (void)state;
    return lm_tokenizer_open(&bytes, "bytes", NULL, &err) == LM_OK ? 0 : -1;
}
static int close_bytes(void **state) {
    (void)state;
    lm_tokenizer_close(bytes);
    return 0;
}

/* Feeds `text` byte by byte, taking what is certain each time; out: all of that. Returns how many
 * bytes were fed before the text was stopped. */
static size_t generate(const char *prompt, const char *text, const char *const *stops, int n_stops,
                       lm_text *out) {
    lm_generated g;
    size_t fed = 0;
    lm_generated_begin(&g, bytes, stops, n_stops);
    for (const char *p = prompt; *p; p++)
        assert_int_equal(lm_generated_prompt(&g, (unsigned char)*p, &err), LM_OK);
    for (; text[fed] && !g.stopped; fed++) {
        assert_int_equal(lm_generated_put(&g, (unsigned char)text[fed], &err), LM_OK);
        lm_text_append(out, g.text.data, g.certain);
        lm_generated_take(&g, g.certain);
    }
    lm_generated_finish(&g);
    lm_text_append(out, lm_text_cstr(&g.text), g.certain);
    lm_generated_free(&g);
    return fed;
}

static void check(const char *prompt, const char *text, const char *const *stops, int n_stops,
                  const char *expected, size_t expected_fed) {
    lm_text out = {0};
    size_t fed = generate(prompt, text, stops, n_stops, &out);
    assert_string_equal(lm_text_cstr(&out), expected);
    assert_int_equal(fed, expected_fed);
    lm_text_free(&out);
}

static void test_text_ends_before_the_first_stop_text(void **state) {
    static const char *const two[] = {"\n\n", "END"};
    (void)state;
    check("", "one END two", two, 2, "one ", 7);
    check("", "one\ntwo\n\nEND", two, 2, "one\ntwo", 9);
    check("", "no stop EN", two, 2, "no stop EN", 10);
    check("", "ENEND", two, 2, "EN", 5);
    check("", "END", two, 2, "", 3);
}

static void test_stop_texts_that_begin_alike(void **state) {
    static const char *const stops[] = {"aab", "ab", "aac"};
    (void)state;
    check("", "xaaab", stops, 3, "xa", 5); /* "aab" begins before "ab" */
    check("", "xaad aac", stops, 3, "xaad ", 8);
}

static void test_nothing_is_searched_in_the_prompt(void **state) {
    static const char *const stop[] = {"end"};
    (void)state;
    check("the end", " the end", stop, 1, "the end the ", 8);
    check("the e", "nd, end", stop, 1, "the end, ", 7); /* nor where it ends */
}

static void test_half_a_character_is_left_off(void **state) {
    (void)state;
    check("", "a\xC3\xA4", NULL, 0, "a\xC3\xA4", 3);
    check("", "a\xC3", NULL, 0, "a", 2);
    check("", "a\xF0\x9F\x9A", NULL, 0, "a", 4);
    check("", "\xE2\x82\xAC\xE2\x82", NULL, 0, "\xE2\x82\xAC", 5);
    check("\xC3", "\xA4", NULL, 0, "\xC3\xA4", 1); /* the prompt's last byte and the first one */
    /* What is no UTF-8 is text too. */
    check("", "\xFF\x80z", NULL, 0, "\xFF\x80z", 3);
    check("", "\xC3z", NULL, 0, "\xC3z", 2);
}

static void test_a_character_is_held_back_until_it_is_whole(void **state) {
    lm_generated g;
    (void)state;
    lm_generated_begin(&g, bytes, NULL, 0);
    assert_int_equal(lm_generated_put(&g, 'a', &err), LM_OK);
    assert_int_equal(g.certain, 1);
    assert_int_equal(lm_generated_put(&g, 0xE2, &err), LM_OK);
    assert_int_equal(lm_generated_put(&g, 0x82, &err), LM_OK);
    assert_int_equal(g.certain, 1);
    lm_generated_take(&g, 1);
    assert_int_equal(g.certain, 0);
    assert_int_equal(lm_generated_put(&g, 0xAC, &err), LM_OK);
    assert_int_equal(g.certain, 3);
    lm_generated_free(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_ends_before_the_first_stop_text),
        cmocka_unit_test(test_stop_texts_that_begin_alike),
        cmocka_unit_test(test_nothing_is_searched_in_the_prompt),
        cmocka_unit_test(test_half_a_character_is_left_off),
        cmocka_unit_test(test_a_character_is_held_back_until_it_is_whole),
    };
    return cmocka_run_group_tests_name("generate_text", tests, open_bytes, close_bytes);
}

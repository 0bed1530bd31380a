/* What is refused of SentencePiece's vocabularies, and damaged ones. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tests/support/draws.h"
#include "tests/tokenizer/sentence_file.h"
#include "tokenizer/encoding.h"

static lm_draws draws = {.seed = 5};

static void expect_refused(const char *from, const char *to, bool special, const char *message) {
    const lm_tokenizer_options o = {.allow_special = special};
    lm_error err = {0};
    lm_tokenizer *t;
    lm_text json = {0};
    assert_int_equal(lm_file_read(JSON, 1 << 20, &json, &err), LM_OK);
    replace(&json, from, to);
    lm_status status = lm_tokenizer_parse(&t, "t.json", json.data, json.length, &o, &err);
    assert_true(status != LM_OK);
    if (!strstr(err.message, message) || !strstr(err.message, "t.json"))
        fail_msg("expected \"%s\", found \"%s\"", message, err.message);
    lm_text_free(&json);
}

static void test_what_we_do_not_have_is_refused(void **state) {
    (void)state;
    expect_refused("\"<0x41>\": 68, ", "", false, "no token for the byte 0x41 alone");
    expect_refused("\"ignore_merges\": false", "\"ignore_merges\": true", false,
                   "byte_fallback with ignore_merges");
    expect_refused("\"byte_fallback\": true", "\"byte_fallback\": false", false,
                   "merges with neither ByteLevel nor byte_fallback");
    expect_refused("{\"type\": \"ByteFallback\"}, ", "", false, "decoder that is not Replace");
    expect_refused("\"start\": 1", "\"start\": 2", false, "a Strip of other than one space");
    expect_refused("\"stop\": 0", "\"stop\": 1", false, "a Strip at the end");
    expect_refused("\"prepend\": \"" SPACE, "\"prepend\": \"_", false, "prepends \"_\"");
    expect_refused("\"pre_tokenizer\": null",
                   "\"pre_tokenizer\": {\"type\": \"Digits\","
                   " \"individual_digits\": true}",
                   false, "byte_fallback with a split");
    expect_refused("\"pre_tokenizer\": null",
                   "\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"_\"}", false,
                   "a Metaspace with \"_\"");
    expect_refused("\"pre_tokenizer\": null",
                   "\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"" SPACE "\","
                   " \"prepend_scheme\": \"last\"}",
                   false, "a prepend_scheme \"last\"");
    expect_refused("\"normalized\": false", "\"normalized\": true", true,
                   "the added token \"<unk>\" is normalized");
    expect_refused("\"merges\": [[", "\"merges\": [[\"<0x41>\", \"<0x42>\"], [", false,
                   "merge 0: expected two tokens of text, without spaces and bytes");
    expect_refused("\"merges\": [[", "\"merges\": [[\"h h\", \"h\"], [", false,
                   "merge 0: expected two tokens of text");
}

static void test_bad_llama2c(void **state) {
    (void)state;
    lm_text good = {0};
    lm_error err = {0};
    assert_int_equal(lm_file_read("tests/tokenizer/small_sentence.bin", 1 << 20, &good, &err),
                     LM_OK);
    char *copy = malloc(good.length + 1);
    for (size_t n = 0; n < good.length; n += 1 + lm_draw(&draws, 40)) {
        lm_tokenizer *t;
        memcpy(copy, good.data, good.length + 1);
        copy[n] = 0;
        if (lm_tokenizer_parse(&t, "t.bin", copy, n, NULL, &err) == LM_OK)
            lm_tokenizer_close(t); /* cut behind a token */
    }
    for (int i = 0; i < 4000; i++) {
        lm_tokenizer *t;
        memcpy(copy, good.data, good.length + 1);
        for (int n = 1 + i % 3; n > 0; n--)
            copy[lm_draw(&draws, good.length)] = (char)lm_draw(&draws, 256);
        if (lm_tokenizer_parse(&t, "t.bin", copy, good.length, NULL, &err) != LM_OK) {
            assert_non_null(strstr(err.message, "t.bin"));
            continue;
        }
        lm_token_list list = {0};
        assert_int_equal(lm_tokenizer_encode(t, "some text", 9, &list, &err), LM_OK);
        lm_token_list_free(&list);
        lm_tokenizer_close(t);
    }
    free(copy);
    lm_text_free(&good);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_we_do_not_have_is_refused),
        cmocka_unit_test(test_bad_llama2c),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

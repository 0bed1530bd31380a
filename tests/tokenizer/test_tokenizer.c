#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/tokenizer.h"

static void test_bytes_round_trip(void **state) {
    (void)state;
    lm_error err = {0};
    lm_tokenizer *t;
    assert_int_equal(lm_tokenizer_open(&t, "bytes", &err), LM_OK);
    assert_int_equal(lm_tokenizer_vocab_size(t), 256);
    assert_true(lm_tokenizer_bytes_per_token(t) == 1);
    char text[256];
    for (int i = 0; i < 256; i++) text[i] = (char)i;
    int32_t *ids = NULL;
    int64_t count = 0, capacity = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(lm_tokenizer_encode(t, text, 256, &ids, &count, &capacity, &err), LM_OK);
    assert_int_equal(lm_tokenizer_encode(t, "", 0, &ids, &count, &capacity, &err), LM_OK);
    assert_int_equal(count, 768);
    lm_text out = {0};
    for (int64_t i = 0; i < count; i++) lm_tokenizer_decode(t, ids[i], &out);
    assert_int_equal(out.length, 768);
    for (int i = 0; i < 3; i++) assert_memory_equal(out.data + 256 * i, text, 256);
    lm_tokenizer_decode(t, -1, &out);
    lm_tokenizer_decode(t, 256, &out);
    assert_int_equal(out.length, 768);
    lm_text_free(&out);
    free(ids);
    lm_tokenizer_close(t);
    lm_tokenizer_close(NULL);
}

static void test_unknown_names_get_a_suggestion(void **state) {
    (void)state;
    lm_error err = {0};
    lm_tokenizer *t;
    assert_int_equal(lm_tokenizer_open(&t, "byte", &err), LM_ERR_USAGE);
    assert_null(t);
    assert_non_null(strstr(err.message, "did you mean \"bytes\"?"));
    assert_null(lm_tokenizer_name(-1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_round_trip),
        cmocka_unit_test(test_unknown_names_get_a_suggestion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

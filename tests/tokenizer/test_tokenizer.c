#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/kind.h"

static void test_bytes_round_trip(void **state) {
    (void)state;
    lm_error err = {0};
    lm_tokenizer *t;
    assert_int_equal(lm_tokenizer_open(&t, "bytes", NULL, &err), LM_OK);
    assert_int_equal(lm_tokenizer_vocab_size(t), 256);
    assert_true(lm_tokenizer_bytes_per_token(t) == 1);
    char text[256];
    for (int i = 0; i < 256; i++) text[i] = (char)i;
    assert_int_equal(lm_tokenizer_separator(t), 0);
    lm_token_list list = {0};
    for (int i = 0; i < 3; i++)
        assert_int_equal(lm_tokenizer_encode(t, text, 256, &list, &err), LM_OK);
    assert_int_equal(lm_tokenizer_encode(t, "", 0, &list, &err), LM_OK);
    assert_int_equal(list.count, 768);
    lm_text out = {0};
    for (int64_t i = 0; i < list.count; i++) lm_tokenizer_decode(t, list.ids[i], &out);
    assert_int_equal(out.length, 768);
    for (int i = 0; i < 3; i++) assert_memory_equal(out.data + 256 * i, text, 256);
    lm_tokenizer_decode(t, -1, &out);
    lm_tokenizer_decode(t, 256, &out);
    assert_int_equal(out.length, 768);
    lm_text_free(&out);
    lm_token_list_free(&list);
    lm_tokenizer_close(t);
    lm_tokenizer_close(NULL);
}

/* ---- a kind with state ------------------------------------------------------------------------*/

/* "ab" is token 256, other bytes are themselves. The state says what "ab" becomes. */
static lm_status pairs_open(lm_tokenizer *t, lm_error *err) {
    (void)err;
    t->vocab_size = 257;
    t->separator = -1;
    t->state = malloc(sizeof(int32_t));
    assert_non_null(t->state);
    *(int32_t *)t->state = 256;
    return LM_OK;
}

static void pairs_close(lm_tokenizer *t) {
    free(t->state);
}

static lm_status pairs_encode(lm_encoder *e, const char *text, size_t size, lm_token_list *tokens,
                              lm_error *err) {
    assert_int_equal(lm_token_list_reserve(tokens, size, err), LM_OK);
    for (size_t i = 0; i < size; i++) {
        bool pair = text[i] == 'a' && i + 1 < size && text[i + 1] == 'b';
        int32_t id = pair ? *(const int32_t *)e->tokenizer->state : (unsigned char)text[i];
        tokens->ids[tokens->count++] = id;
        i += pair;
    }
    return LM_OK;
}

/* Not behind an 'a', which a 'b' may follow. */
static size_t pairs_cut(const lm_tokenizer *t, const char *text, size_t size, size_t at,
                        size_t limit) {
    (void)t, (void)size;
    while (limit > at && text[limit - 1] == 'a') limit--;
    return limit;
}

static void pairs_decode(const lm_tokenizer *t, int32_t id, lm_text *out) {
    char byte = (char)id;
    if (id == *(const int32_t *)t->state) {
        lm_text_append(out, "ab", 2);
    } else {
        lm_text_append(out, &byte, 1);
    }
}

static const lm_tokenizer_row pairs = {.name = "pairs",
                                       .open = pairs_open,
                                       .close = pairs_close,
                                       .encode = pairs_encode,
                                       .cut = pairs_cut,
                                       .decode = pairs_decode};

/* The ids do not depend on where the pieces of a document end, and documents do not flow
 * together. */
static void test_cutting_a_document_changes_no_id(void **state) {
    (void)state;
    static const char text[] = "xabaabba";
    static const int32_t expected[] = {'x', 256, 'a', 256, 'b', 'a'};
    lm_error err = {0};
    lm_tokenizer *t;
    lm_encoder *e;
    lm_token_list list = {0};
    assert_int_equal(lm_tokenizer_open_kind(&t, &pairs, &err), LM_OK);
    assert_int_equal(lm_encoder_open(&e, t, &err), LM_OK);
    for (size_t first = 0; first <= strlen(text); first++) {
        for (size_t second = first; second <= strlen(text); second++) {
            list.count = 0;
            lm_encoder_put(e, text, first, &list, &err);
            lm_encoder_put(e, text + first, second - first, &list, &err);
            lm_encoder_put(e, text + second, strlen(text) - second, &list, &err);
            assert_int_equal(lm_encoder_finish(e, &list, &err), LM_OK);
            assert_int_equal(list.count, 6);
            assert_memory_equal(list.ids, expected, sizeof expected);
        }
    }
    list.count = 0;
    assert_int_equal(lm_tokenizer_encode(t, text, strlen(text), &list, &err), LM_OK);
    assert_int_equal(list.count, 6);
    assert_memory_equal(list.ids, expected, sizeof expected);
    lm_text out = {0};
    for (int64_t i = 0; i < list.count; i++) lm_tokenizer_decode(t, list.ids[i], &out);
    assert_string_equal(lm_text_cstr(&out), text);
    lm_text_free(&out);
    lm_token_list_free(&list);
    lm_encoder_close(e);
    lm_tokenizer_close(t);
}

static void test_unknown_names_get_a_suggestion(void **state) {
    (void)state;
    lm_error err = {0};
    lm_tokenizer *t;
    assert_int_equal(lm_tokenizer_open(&t, "byte", NULL, &err), LM_ERR_USAGE);
    assert_null(t);
    assert_non_null(strstr(err.message, "did you mean \"bytes\"?"));
    assert_null(lm_tokenizer_name(-1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_round_trip),
        cmocka_unit_test(test_cutting_a_document_changes_no_id),
        cmocka_unit_test(test_unknown_names_get_a_suggestion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "tokenizer/encoding.h"
#include "tokenizer/kind.h"

static void test_bytes_round_trip(void **state) {
    (void)state;
    lm_error err = {0};
    lm_tokenizer *t;
    assert_int_equal(lm_tokenizer_open(&t, "bytes", NULL, &err), LM_OK);
    assert_int_equal(lm_tokenizer_vocab_size(t), 256);
    assert_int_equal(lm_tokenizer_text_bytes(t, 255), 1);
    assert_int_equal(lm_tokenizer_text_bytes(t, 256), 0);
    char text[256];
    for (int i = 0; i < 256; i++) text[i] = (char)i;
    assert_int_equal(lm_tokenizer_document_token(t), 0);
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
    t->document_token = -1;
    t->state = malloc(sizeof(int32_t));
    assert_non_null(t->state);
    *(int32_t *)t->state = 256;
    return LM_OK;
}

static void pairs_close(lm_tokenizer *t) {
    free(t->state);
}

static lm_status pairs_encode(lm_encoder *e, const char *text, size_t size, bool rest,
                              lm_token_list *tokens, lm_error *err) {
    (void)rest;
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

static lm_status take(void *to, const int32_t *ids, int64_t n, lm_error *err) {
    lm_token_list *list = to;
    assert_int_equal(lm_token_list_reserve(list, (size_t)n, err), LM_OK);
    memcpy(list->ids + list->count, ids, (size_t)n * sizeof *ids);
    list->count += n;
    return LM_OK;
}

/* The ids do not depend on where the pieces of a document end, and documents stay apart. */
static void test_pieces(void **state) {
    (void)state;
    static const char text[] = "xabaabba";
    static const int32_t expected[] = {99, 'x', 256, 'a', 256, 'b', 'a', 'b', 'b'};
    lm_error err = {0};
    lm_tokenizer *t;
    lm_pool *pool;
    lm_encoding *e;
    lm_token_list list = {0}, other = {0};
    assert_int_equal(lm_tokenizer_open_kind(&t, &pairs, &err), LM_OK);
    assert_int_equal(lm_pool_create(&pool, 2, &err), LM_OK);
    assert_int_equal(lm_encoding_open(&e, t, pool, take, &err), LM_OK);
    for (size_t first = 0; first <= strlen(text); first++) {
        for (size_t second = first; second <= strlen(text); second++) {
            list.count = other.count = 0;
            lm_encoding_begin(e, &list, 99, &err);
            lm_encoding_put(e, text, first, &err);
            lm_encoding_put(e, text + first, second - first, &err);
            lm_encoding_put(e, text + second, strlen(text) - second, &err);
            lm_encoding_begin(e, &other, -1, &err);
            lm_encoding_put(e, "b", 1, &err);
            lm_encoding_begin(e, &list, -1, &err);
            lm_encoding_put(e, "bb", 2, &err);
            assert_int_equal(lm_encoding_finish(e, &err), LM_OK);
            assert_int_equal(list.count, 9);
            assert_memory_equal(list.ids, expected, sizeof expected);
            assert_int_equal(other.count, 1);
        }
    }
    lm_token_list_free(&other);
    lm_token_list_free(&list);
    lm_encoding_close(e);
    lm_pool_free(pool);
    lm_tokenizer_close(t);
}

/* Documents longer than a batch, which can be cut seldom or nowhere, and many short ones. */
static void test_long_documents(void **state) {
    (void)state;
    enum { SIZE = 5000000, SHORT = 100000 };
    lm_error err = {0};
    lm_tokenizer *t;
    lm_pool *pool;
    lm_encoding *e;
    lm_token_list list = {0}, whole = {0};
    char *text = malloc(SIZE);
    assert_non_null(text);
    assert_int_equal(lm_tokenizer_open_kind(&t, &pairs, &err), LM_OK);
    assert_int_equal(lm_pool_create(&pool, 3, &err), LM_OK);
    assert_int_equal(lm_encoding_open(&e, t, pool, take, &err), LM_OK);
    for (int round = 0; round < 3; round++) {
        list.count = whole.count = 0;
        memset(text, 'a', SIZE);
        for (size_t i = 0; i < SIZE && round < 2; i += round ? 7 : 1000003) text[i] = 'b';
        lm_encoding_begin(e, &list, -1, &err);
        for (size_t at = 0; at < SIZE; at += 1000000) lm_encoding_put(e, text + at, 1000000, &err);
        for (int i = 0; i < SHORT; i++) {
            lm_encoding_begin(e, &list, 'x', &err);
            lm_encoding_put(e, "aab", 3, &err);
        }
        assert_int_equal(lm_encoding_finish(e, &err), LM_OK);
        lm_tokenizer_encode(t, text, SIZE, &whole, &err);
        assert_int_equal(list.count, whole.count + 3 * SHORT);
        assert_memory_equal(list.ids, whole.ids, (size_t)whole.count * sizeof *list.ids);
        for (int i = 0; i < SHORT; i++) assert_int_equal(list.ids[whole.count + 3 * i], 'x');
    }
    lm_encoding_close(e);
    lm_pool_free(pool);
    lm_tokenizer_close(t);
    lm_token_list_free(&list);
    lm_token_list_free(&whole);
    free(text);
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
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_long_documents),
        cmocka_unit_test(test_unknown_names_get_a_suggestion),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

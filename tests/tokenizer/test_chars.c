#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tests/support/draws.h"
#include "tests/support/tempdir.h"
#include "tokenizer/character_set.h"
#include "tokenizer/encoding.h"
#include "tokenizer/gguf_vocabulary.h"

/* "Hello, wörld 🚀\n中文 ok\n" */
static const char text[] = "Hello, w\u00F6rld \U0001F680\n\u4E2D\u6587 ok\n";
static const int32_t ids[] = {3, 5, 7, 7, 8, 2, 1, 10, 11, 9, 7, 4, 1, 14, 0, 12, 13, 1, 8, 6, 0};
enum { COUNT = sizeof ids / sizeof *ids, CHARACTERS = 15 };

static const struct {
    size_t size;
    const char *data;
} pickles[] = {
#include "tests/tokenizer/chars.inc"
};
enum { PICKLES = sizeof pickles / sizeof *pickles };

static lm_tokenizer *parse(const char *data, size_t size) {
    lm_error err = {0};
    lm_tokenizer *t;
    if (lm_tokenizer_parse(&t, "file", data, size, NULL, &err) != LM_OK)
        fail_msg("%s", err.message);
    return t;
}

static void expect_error(const char *data, size_t size, const char *message) {
    lm_error err = {0};
    lm_tokenizer *t;
    assert_true(lm_tokenizer_parse(&t, "file", data, size, NULL, &err) != LM_OK);
    assert_null(t);
    if (!strstr(err.message, message) || !strstr(err.message, "file"))
        fail_msg("expected \"%s\", found \"%s\"", message, err.message);
}

static void check(const lm_tokenizer *t) {
    lm_error err = {0};
    lm_token_list list = {0};
    lm_text back = {0};
    assert_string_equal(lm_tokenizer_kind(t), "chars");
    assert_int_equal(lm_tokenizer_vocab_size(t), CHARACTERS);
    assert_int_equal(lm_tokenizer_document_token(t), -1);
    assert_int_equal(lm_tokenizer_encode(t, text, strlen(text), &list, &err), LM_OK);
    assert_int_equal(list.count, COUNT);
    assert_memory_equal(list.ids, ids, sizeof ids);
    for (int64_t i = 0; i < list.count; i++) lm_tokenizer_decode(t, list.ids[i], &back);
    assert_string_equal(back.data, text);
    assert_int_equal(lm_tokenizer_text_bytes(t, 14), 4);
    lm_text_free(&back);
    lm_token_list_free(&list);
}

/* As Python writes it, and as we write it again, in the words of Hugging Face's library. */
static void test_pickles(void **state) {
    (void)state;
    for (int i = 0; i < PICKLES; i++) {
        lm_error err = {0};
        lm_text saved = {0}, again = {0};
        lm_tokenizer *u, *t = parse(pickles[i].data, pickles[i].size);
        check(t);
        assert_int_equal(lm_tokenizer_save(t, &saved, &err), LM_OK);
        assert_non_null(strstr(saved.data, "\"decoder\": {\"type\": \"Fuse\"}"));
        u = parse(saved.data, saved.length);
        check(u);
        assert_int_equal(lm_tokenizer_save(u, &again, &err), LM_OK);
        assert_string_equal(saved.data, again.data);
        lm_tokenizer_close(t);
        lm_tokenizer_close(u);
        lm_text_free(&saved);
        lm_text_free(&again);
    }
}

static void test_json(void **state) {
    (void)state;
    static const char list[] =
        "{\"vocab_size\": 15, \"itos\": [\"\\n\", \" \", \",\", \"H\", \"d\","
        " \"e\", \"k\", \"l\", \"o\", \"r\", \"w\", \"\u00F6\", \"\u4E2D\","
        " \"\u6587\", \"\\ud83d\\ude80\"]}";
    static const char itos[] =
        "{\"itos\": {\"0\": \"\\n\", \"1\": \" \", \"2\": \",\", \"3\": \"H\", \"4\": \"d\", \"5\":"
        " \"e\", \"6\": \"k\", \"7\": \"l\", \"8\": \"o\", \"9\": \"r\", \"10\": \"w\", \"11\":"
        " \"\u00F6\", \"12\": \"\u4E2D\", \"13\": \"\u6587\", \"14\": \"\U0001F680\"}}";
    static const char stoi[] =
        "{\"stoi\": {\"\\n\": 0, \" \": 1, \",\": 2, \"H\": 3, \"d\": 4, \"e\": 5, \"k\": 6, \"l\":"
        " 7, \"o\": 8, \"r\": 9, \"w\": 10, \"\u00F6\": 11, \"\u4E2D\": 12, \"\u6587\": 13,"
        " \"\U0001F680\": 14}, \"itos\": {}}";
    static const char *const files[] = {list, itos, stoi};
    for (int i = 0; i < 3; i++) {
        lm_tokenizer *t = parse(files[i], strlen(files[i]));
        check(t);
        lm_tokenizer_close(t);
    }
    expect_error("{\"itos\": [\"ab\"]}", 16, "token 0, \"ab\": expected one character");
    expect_error("{\"itos\": [\"a\", \"a\"]}", 20, "tokens 0 and 1 are the same character");
    expect_error("{\"itos\": {\"x\": \"a\"}}", 20, "expected ids from 0 to");
    expect_error("{\"stoi\": {\"a\": 1, \"b\": 1}}", 27, "two tokens have the id 1");
    expect_error("{\"itos\": []}", 12, "expected characters, found none");
}

/* The text around an unknown character is shown. */
static void test_unknown_characters(void **state) {
    (void)state;
    lm_error err = {0};
    lm_token_list list = {0};
    lm_tokenizer *t = parse(pickles[0].data, pickles[0].size);
    assert_int_equal(lm_tokenizer_encode(t, "Hello X", 7, &list, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "the text \"Hello X\": expected the 15 characters of the"
                                        " tokenizer, found \"X\" (U+0058)"));
    assert_int_equal(lm_tokenizer_encode(t, "ok \xC3\xA9", 5, &list, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "found \"\xC3\xA9\" (U+00E9)"));
    assert_int_equal(lm_tokenizer_encode(t, "ok \xC3", 4, &list, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "expected characters in UTF-8, found the byte 0xC3"));
    assert_int_equal(list.count, 0);
    lm_token_list_free(&list);
    lm_tokenizer_close(t);
}

static lm_draws draws = {.seed = 3};

/* Other instructions, and a pickle that is cut anywhere, are errors. */
static void test_bad_pickles(void **state) {
    (void)state;
#define CASE(data, message) \
    { data, sizeof data - 1, message }
    static const struct {
        const char *data;
        size_t size;
        const char *message;
    } cases[] = {
        CASE("\x80\x02"
             "c__builtin__\neval\n.",
             "byte 2: expected a pickle of dictionaries"),
        CASE("\x80\x02}.", "expected a dictionary \"itos\""),
        CASE("\x80\x02h\x00.", "expected a value of the memo"),
        CASE("\x80\x02s.", "expected a dictionary, a key and a value"),
        CASE("\x80\x02}(K\x01u.", "expected keys and values"),
        CASE("\x80\x02}}.", "expected the end of one value"),
        CASE("\x80\x02}.x", "expected the end of one value"),
    };
    char *copy = malloc(4096);
    for (int i = 0; i < PICKLES; i++)
        for (size_t n = 2; n < pickles[i].size; n++) {
            char *part = malloc(n + 1);
            memcpy(part, pickles[i].data, n);
            part[n] = 0;
            expect_error(part, n, "byte ");
            free(part);
        }
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_error(cases[i].data, cases[i].size, cases[i].message);
    for (int i = 0; i < 4000; i++) {
        lm_error err = {0};
        lm_tokenizer *t;
        size_t size = pickles[i % PICKLES].size;
        memcpy(copy, pickles[i % PICKLES].data, size);
        for (int n = 1 + i % 3; n > 0; n--)
            copy[lm_draw(&draws, size)] = (char)lm_draw(&draws, 256);
        if (lm_tokenizer_parse(&t, "file", copy, size, NULL, &err) == LM_OK)
            lm_tokenizer_close(t);
        else
            assert_true(strlen(err.message) > 0);
    }
    free(copy);
}

/* ---- made of text -----------------------------------------------------------------------------*/

static void test_sets(void **state) {
    (void)state;
    lm_error err = {0};
    for (size_t part = 1; part < 9; part++) {
        lm_character_set *s;
        lm_tokenizer *t;
        assert_int_equal(lm_character_set_create(&s, &err), LM_OK);
        for (size_t at = 0, n; at < strlen(text); at += n) {
            n = strlen(text) - at < part ? strlen(text) - at : part;
            assert_int_equal(lm_character_set_put(s, text + at, n, &err), LM_OK);
        }
        assert_int_equal(lm_character_set_finish(s, &err), LM_OK);
        assert_int_equal(lm_character_set_make(s, &t, &err), LM_OK);
        check(t);
        lm_tokenizer_close(t);
        lm_character_set_free(s);
    }
}

static void test_sets_of_other_bytes(void **state) {
    (void)state;
    static const struct {
        const char *text, *message;
    } cases[] = {{"ab\xFFhello", "byte 2: expected characters in UTF-8, found the byte 0xFF"},
                 {"abc\xC3", "byte 3: expected characters in UTF-8, found the byte 0xC3"},
                 {"\xE4\xB8\xC3\xA9xxx", "byte 0: expected characters in UTF-8"},
                 {"\u00F6\xE4\xB8", "byte 2: "}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t part = 1; part < 9; part++) {
            lm_error err = {0};
            lm_character_set *s;
            lm_status status = lm_character_set_create(&s, &err);
            for (size_t at = 0, n; at < strlen(cases[i].text) && status == LM_OK; at += n) {
                n = strlen(cases[i].text + at) < part ? strlen(cases[i].text + at) : part;
                status = lm_character_set_put(s, cases[i].text + at, n, &err);
            }
            if (status == LM_OK) status = lm_character_set_finish(s, &err);
            assert_int_equal(status, LM_ERR_USAGE);
            if (!strstr(err.message, cases[i].message)) fail_msg("part %zu: %s", part, err.message);
            lm_character_set_free(s);
        }
}

/* ---- on threads, and for others ---------------------------------------------------------------*/

static lm_status take(void *to, const int32_t *some, int64_t n, lm_error *err) {
    lm_token_list *list = to;
    assert_int_equal(lm_token_list_reserve(list, (size_t)n, err), LM_OK);
    memcpy(list->ids + list->count, some, (size_t)n * sizeof *some);
    list->count += n;
    return LM_OK;
}

static void test_long_texts(void **state) {
    (void)state;
    lm_error err = {0};
    lm_pool *pool;
    lm_encoding *e;
    lm_token_list list = {0};
    lm_tokenizer *t = parse(pickles[0].data, pickles[0].size);
    enum { TIMES = 100000 };
    assert_int_equal(lm_pool_create(&pool, 3, &err), LM_OK);
    assert_int_equal(lm_encoding_open(&e, t, pool, take, &err), LM_OK);
    lm_encoding_begin(e, &list, -1, &err);
    for (int i = 0; i < TIMES; i++)
        assert_int_equal(lm_encoding_put(e, text, strlen(text), &err), LM_OK);
    assert_int_equal(lm_encoding_finish(e, &err), LM_OK);
    assert_int_equal(list.count, (int64_t)COUNT * TIMES);
    for (int64_t i = 0; i < list.count; i++) assert_int_equal(list.ids[i], ids[i % COUNT]);
    lm_token_list_free(&list);
    lm_encoding_close(e);
    lm_pool_free(pool);
    lm_tokenizer_close(t);
}

static bool is(lm_gguf_string s, const char *expected) {
    return s.size == strlen(expected) && memcmp(s.text, expected, s.size) == 0;
}

/* Byte-level for llama.cpp: the bytes of a character are merged from the left. */
static void test_gguf(void **state) {
    (void)state;
    lm_error err = {0};
    lm_gguf_vocabulary v;
    lm_tokenizer *t = parse(pickles[0].data, pickles[0].size);
    assert_int_equal(lm_tokenizer_to_gguf(t, CHARACTERS, &v, &err), LM_OK);
    assert_true(is(v.model, "gpt2"));
    assert_true(is(v.pre, "gpt-2"));
    assert_true(is(v.tokens[0], "\u010A"));
    assert_true(is(v.tokens[11], "\u00C3\u00B6")); /* ö */
    static const char *const merges[] = {
        "\u00C3 \u00B6",                                                    /* ö */
        "\u00E4 \u00B8", "\u00E4\u00B8 \u0143",                             /* 中 */
        "\u00E6 \u0138", "\u00E6\u0138 \u0129",                             /* 文 */
        "\u00F0 \u0141", "\u00F0\u0141 \u013C", "\u00F0\u0141\u013C \u0122" /* the rocket */
    };
    assert_int_equal(v.n_merges, 8);
    for (int i = 0; i < 8; i++)
        if (!is(v.merges[i], merges[i])) fail_msg("merge %d: %s", i, v.merges[i].text);
    assert_int_equal(v.begin, -1);
    lm_gguf_vocabulary_free(&v);
    lm_tokenizer_close(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pickles),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_unknown_characters),
        cmocka_unit_test(test_bad_pickles),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_sets_of_other_bytes),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_gguf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

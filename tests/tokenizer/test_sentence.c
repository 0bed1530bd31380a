#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tests/support/draws.h"
#include "tests/support/tempdir.h"
#include "tests/tokenizer/sentence_file.h"
#include "tokenizer/encoding.h"
#include "tokenizer/gguf_vocabulary.h"

typedef struct sentence_case {
    const char *way, *text, *back;
    int64_t n;
    int32_t ids[700];
} sentence_case;

static const sentence_case cases[] = {
#include "tests/tokenizer/sentence.inc"
};
enum { COUNT = sizeof cases / sizeof *cases };

static const char *const ways[] = {"prepend", "replace", "first", "always", "never", "split"};
enum { WAYS = sizeof ways / sizeof *ways };

/* ---- small_sentence.json with other members ---------------------------------------------------*/

static lm_text file_of(const char *way) {
    static const char prepend[] = "{\"type\": \"Prepend\", \"prepend\": \"" SPACE "\"}, ";
    static const char normalizer[] =
        "{\"type\": \"Sequence\", \"normalizers\": [{\"type\": \"Prepend\", \"prepend\": \"" SPACE
        "\"}, {\"type\": \"Replace\", \"pattern\": {\"String\": \" \"}, \"content\": \"" SPACE
        "\"}]}";
    lm_text json = {0}, metaspace = {0};
    lm_error err = {0};
    assert_int_equal(lm_file_read(JSON, 1 << 20, &json, &err), LM_OK);
    if (strcmp(way, "prepend") == 0) return json;
    if (strcmp(way, "replace") == 0) {
        replace(&json, prepend, "");
        return json;
    }
    bool split = strcmp(way, "split") == 0;
    lm_text_printf(&metaspace,
                   "\"pre_tokenizer\": {\"type\": \"Metaspace\", \"replacement\": \"" SPACE
                   "\", \"prepend_scheme\": \"%s\", \"split\": %s}",
                   split ? "first" : way, split ? "true" : "false");
    replace(&json, normalizer, "null");
    replace(&json, "\"pre_tokenizer\": null", lm_text_cstr(&metaspace));
    lm_text_free(&metaspace);
    return json;
}

static lm_tokenizer *parse(const lm_text *json, const lm_tokenizer_options *o) {
    lm_error err = {0};
    lm_tokenizer *t;
    if (lm_tokenizer_parse(&t, "t.json", json->data, json->length, o, &err) != LM_OK)
        fail_msg("%s", err.message);
    return t;
}

static lm_tokenizer *open_way(const char *way) {
    lm_text json = file_of(way);
    lm_tokenizer *t = parse(&json, NULL);
    lm_text_free(&json);
    return t;
}

static lm_token_list encode(const lm_tokenizer *t, const char *text, size_t size) {
    lm_error err = {0};
    lm_token_list list = {0};
    if (lm_tokenizer_encode(t, text, size, &list, &err) != LM_OK) fail_msg("%s", err.message);
    return list;
}

static lm_text decode(const lm_tokenizer *t, const lm_token_list *list) {
    lm_text back = {0};
    for (int64_t i = 0; i < list->count; i++)
        (i ? lm_tokenizer_decode : lm_tokenizer_decode_first)(t, list->ids[i], &back);
    return back;
}

static void check_case(const lm_tokenizer *t, const sentence_case *c) {
    lm_token_list list = encode(t, c->text, strlen(c->text));
    lm_text back = decode(t, &list);
    assert_int_equal(list.count, c->n);
    assert_memory_equal(list.ids, c->ids, (size_t)c->n * sizeof *list.ids);
    assert_string_equal(back.data, c->back);
    lm_text_free(&back);
    lm_token_list_free(&list);
}

/* ---- what others give -------------------------------------------------------------------------*/

/* Ids and decoded text are those of Hugging Face's library, also by what we write. */
static void test_ids(void **state) {
    (void)state;
    for (int w = 0; w < WAYS; w++) {
        lm_error err = {0};
        lm_text saved = {0}, again = {0};
        lm_tokenizer *u, *t = open_way(ways[w]);
        assert_string_equal(lm_tokenizer_kind(t), "bpe");
        assert_int_equal(lm_tokenizer_vocab_size(t), 501);
        assert_int_equal(lm_tokenizer_document_token(t), 2); /* </s> */
        assert_int_equal(lm_tokenizer_save(t, &saved, &err), LM_OK);
        u = parse(&saved, NULL);
        assert_int_equal(lm_tokenizer_save(u, &again, &err), LM_OK);
        assert_string_equal(saved.data, again.data);
        for (int i = 0; i < COUNT; i++) {
            if (strcmp(cases[i].way, ways[w]) != 0) continue;
            check_case(t, &cases[i]);
            check_case(u, &cases[i]);
        }
        lm_tokenizer_close(t);
        lm_tokenizer_close(u);
        lm_text_free(&saved);
        lm_text_free(&again);
    }
}

/* llama2.c's file of the same vocabulary, which has no <|sep|>; what we write of it too. */
static void test_llama2c(void **state) {
    (void)state;
    lm_error err = {0};
    lm_text saved = {0};
    lm_tokenizer *t, *u;
    if (lm_tokenizer_open(&t, "tests/tokenizer/small_sentence.bin", NULL, &err) != LM_OK)
        fail_msg("%s", err.message);
    assert_int_equal(lm_tokenizer_vocab_size(t), 500);
    assert_int_equal(lm_tokenizer_document_token(t), 1); /* <s> */
    assert_int_equal(lm_tokenizer_end_token(t), 2);
    assert_int_equal(lm_tokenizer_save(t, &saved, &err), LM_OK);
    assert_non_null(strstr(saved.data, "\"TemplateProcessing\""));
    u = parse(&saved, NULL);
    for (int i = 0; i < COUNT; i++) {
        if (strcmp(cases[i].way, "prepend") != 0 || strstr(cases[i].text, "<|sep|>")) continue;
        check_case(t, &cases[i]);
        check_case(u, &cases[i]);
    }
    lm_tokenizer_close(t);
    lm_tokenizer_close(u);
    lm_text_free(&saved);
}

/* ---- properties -------------------------------------------------------------------------------*/

static lm_status take(void *to, const int32_t *ids, int64_t n, lm_error *err) {
    lm_token_list *list = to;
    assert_int_equal(lm_token_list_reserve(list, (size_t)n, err), LM_OK);
    memcpy(list->ids + list->count, ids, (size_t)n * sizeof *ids);
    list->count += n;
    return LM_OK;
}

/* On several threads, cut into parts, the ids are those of the whole. */
static void check_parts(const lm_tokenizer *t, const lm_text *text, lm_pool *pool) {
    lm_error err = {0};
    lm_encoding *e;
    lm_token_list list = {0}, whole = encode(t, text->data, text->length);
    assert_int_equal(lm_encoding_open(&e, t, pool, take, &err), LM_OK);
    lm_encoding_begin(e, &list, -1, &err);
    for (size_t at = 0, n; at < text->length; at += n) {
        n = text->length - at < 77777 ? text->length - at : 77777;
        lm_encoding_put(e, text->data + at, n, &err);
    }
    assert_int_equal(lm_encoding_finish(e, &err), LM_OK);
    assert_int_equal(list.count, whole.count);
    assert_memory_equal(list.ids, whole.ids, (size_t)list.count * sizeof *list.ids);
    lm_token_list_free(&list);
    lm_token_list_free(&whole);
    lm_encoding_close(e);
}

static void test_long_texts(void **state) {
    (void)state;
    lm_error err = {0};
    lm_pool *pool;
    lm_text text = {0};
    for (int i = 0; text.length < 3000000; i++) {
        lm_text_append(&text, cases[i % COUNT].text, strlen(cases[i % COUNT].text));
        if (i % 5 == 0) lm_text_printf(&text, " %d" SPACE "\n<|sep|>", i);
    }
    assert_int_equal(lm_pool_create(&pool, 3, &err), LM_OK);
    for (int w = 0; w < WAYS; w++) {
        lm_tokenizer *t = open_way(ways[w]);
        check_parts(t, &text, pool);
        lm_tokenizer_close(t);
    }
    lm_pool_free(pool);
    lm_text_free(&text);
}

static lm_draws draws = {.seed = 14};

/* A piece without a space is merged in time that hardly grows faster than it: a million symbols
 * would otherwise take hours. */
static void test_long_piece(void **state) {
    (void)state;
    lm_tokenizer *t = open_way("prepend");
    lm_text text = {0};
    for (int i = 0; i < 500000; i++) lm_text_printf(&text, i % 3 ? "th" : "e");
    lm_token_list list = encode(t, text.data, text.length);
    lm_text back = decode(t, &list);
    assert_string_equal(back.data, text.data);
    lm_text_free(&back);
    lm_text_free(&text);
    lm_token_list_free(&list);
    lm_tokenizer_close(t);
}

static void test_any_bytes_come_back(void **state) {
    (void)state;
    static const char *const often[] = {" ", "  ", "\n", "\u00e9", "\xE2", "\x96", "the", "<0x0A>"};
    lm_tokenizer *t = open_way("prepend"), *u = open_way("never");
    for (int i = 0; i < 2000; i++) {
        lm_text text = {0};
        for (size_t n = lm_draw(&draws, 60); n > 0; n--) {
            char byte = (char)lm_draw(&draws, 256);
            if (lm_draw(&draws, 2) == 0)
                lm_text_append(&text, &byte, 1);
            else
                lm_text_printf(&text, "%s", often[lm_draw(&draws, sizeof often / sizeof *often)]);
        }
        if (text.length == 0 || memmem(text.data, text.length, SPACE, 3)) {
            lm_text_free(&text);
            continue;
        }
        lm_token_list list = encode(t, text.data, text.length);
        lm_text back = decode(t, &list);
        assert_int_equal(back.length, text.length);
        assert_memory_equal(back.data, text.data, text.length);
        lm_text_free(&back);
        lm_token_list_free(&list);
        list = encode(u, text.data, text.length);
        for (int64_t j = 0; j < list.count; j++) lm_tokenizer_decode(u, list.ids[j], &back);
        assert_int_equal(back.length, text.length);
        assert_memory_equal(back.data, text.data, text.length);
        lm_text_free(&back);
        lm_token_list_free(&list);
        lm_text_free(&text);
    }
    lm_tokenizer_close(t);
    lm_tokenizer_close(u);
}

/* ---- tokens across spaces ---------------------------------------------------------------------*/

/* A vocabulary whose tokens hold spaces anywhere, so that text can hardly be cut. */
enum { SYMBOLS = 5, MERGES = 60 };
static const char symbols[] = " abc\n";
typedef struct invented {
    char tokens[SYMBOLS + MERGES][64]; /* text, spaces as spaces */
    int left[MERGES], right[MERGES];
} invented;

static void print_name(lm_text *out, const char *token) {
    for (; *token; token++) lm_text_printf(out, *token == ' ' ? SPACE : "%c", *token);
}

static void invent(invented *v) {
    for (int i = 0; i < SYMBOLS; i++) snprintf(v->tokens[i], 64, "%c", symbols[i]);
    for (int i = 0; i < MERGES;) {
        int n = SYMBOLS + i, left = (int)lm_draw(&draws, (size_t)n),
            right = (int)lm_draw(&draws, (size_t)n);
        char made[160];
        bool there = false;
        snprintf(made, sizeof made, "%s%s", v->tokens[left], v->tokens[right]);
        for (int j = 0; j < n; j++) there |= strcmp(v->tokens[j], made) == 0;
        if (there || strlen(made) > 20) continue;
        strcpy(v->tokens[n], made);
        v->left[i] = left;
        v->right[i++] = right;
    }
}

static lm_tokenizer *open_invented(const invented *v) {
    lm_text json = {0};
    lm_text_printf(
        &json, "{\"normalizer\": {\"type\": \"Replace\", \"pattern\": {\"String\": \" \"},"
               " \"content\": \"" SPACE "\"}, \"pre_tokenizer\": null, \"decoder\": {\"type\":"
               " \"Sequence\", \"decoders\": [{\"type\": \"Replace\", \"pattern\": {\"String\":"
               " \"" SPACE "\"}, \"content\": \" \"}, {\"type\": \"ByteFallback\"}, {\"type\":"
               " \"Fuse\"}]}, \"model\": {\"type\": \"BPE\", \"byte_fallback\": true, \"vocab\":"
               " {");
    for (int i = 0; i < SYMBOLS + MERGES; i++) {
        lm_text name = {0};
        print_name(&name, v->tokens[i]);
        lm_text_json_string(&json, lm_text_cstr(&name));
        lm_text_printf(&json, ": %d, ", i);
        lm_text_free(&name);
    }
    for (int i = 0; i < 256; i++)
        lm_text_printf(&json, "%s\"<0x%02X>\": %d", i ? ", " : "", i, SYMBOLS + MERGES + i);
    lm_text_printf(&json, "}, \"merges\": [");
    for (int i = 0; i < MERGES; i++) {
        lm_text left = {0}, right = {0};
        print_name(&left, v->tokens[v->left[i]]);
        print_name(&right, v->tokens[v->right[i]]);
        lm_text_printf(&json, i ? ", [" : "[");
        lm_text_json_string(&json, lm_text_cstr(&left));
        lm_text_printf(&json, ", ");
        lm_text_json_string(&json, lm_text_cstr(&right));
        lm_text_printf(&json, "]");
        lm_text_free(&left);
        lm_text_free(&right);
    }
    lm_text_printf(&json, "]}}");
    lm_tokenizer *t = parse(&json, NULL);
    lm_text_free(&json);
    return t;
}

/* The definition: the first merge in the list that applies anywhere, at its leftmost place. */
static int64_t merge_slowly(const invented *v, const char *text, int32_t *ids) {
    int64_t n = (int64_t)strlen(text);
    for (int64_t i = 0; i < n; i++) {
        const char *at = strchr(symbols, text[i]);
        ids[i] = at ? (int32_t)(at - symbols) : SYMBOLS + MERGES + (unsigned char)text[i];
    }
    for (int m = 0; m < MERGES; m++) {
        bool merged = false;
        for (int64_t i = 0; i + 1 < n && !merged; i++) {
            if (ids[i] != v->left[m] || ids[i + 1] != v->right[m]) continue;
            ids[i] = SYMBOLS + m;
            memmove(ids + i + 1, ids + i + 2, (size_t)(n - i - 2) * sizeof *ids);
            n--;
            merged = true;
        }
        if (merged) m = -1;
    }
    return n;
}

static void test_tokens_across_spaces(void **state) {
    (void)state;
    lm_error err = {0};
    lm_pool *pool;
    assert_int_equal(lm_pool_create(&pool, 3, &err), LM_OK);
    for (int round = 0; round < 20; round++) {
        invented v;
        lm_text text = {0};
        int32_t ids[700];
        invent(&v);
        lm_tokenizer *t = open_invented(&v);
        for (int i = 0; i < 30; i++) {
            text.length = 0;
            /* Pieces on both sides of LM_BPE_SHORT. */
            for (size_t n = 1 + lm_draw(&draws, 600); n > 0; n--)
                lm_text_append(&text, &"  abc\nx"[lm_draw(&draws, 7)], 1);
            lm_token_list list = encode(t, text.data, text.length);
            assert_int_equal(list.count, merge_slowly(&v, lm_text_cstr(&text), ids));
            assert_memory_equal(list.ids, ids, (size_t)list.count * sizeof *ids);
            lm_token_list_free(&list);
        }
        for (; round < 3 && text.length < 1500000;)
            lm_text_append(&text, &" abc\n\nx"[lm_draw(&draws, 7)], 1);
        check_parts(t, &text, pool);
        lm_tokenizer_close(t);
        lm_text_free(&text);
    }
    lm_pool_free(pool);
}

/* ---- for llama.cpp ----------------------------------------------------------------------------*/

static bool is(lm_gguf_string s, const char *expected) {
    return s.size == strlen(expected) && memcmp(s.text, expected, s.size) == 0;
}

static void test_gguf(void **state) {
    (void)state;
    static const char *const files[] = {JSON, "tests/tokenizer/small_sentence.bin"};
    for (int i = 0; i < 2; i++) {
        lm_error err = {0};
        lm_gguf_vocabulary v;
        lm_tokenizer *t;
        assert_int_equal(lm_tokenizer_open(&t, files[i], NULL, &err), LM_OK);
        if (lm_tokenizer_to_gguf(t, 501, &v, &err) != LM_OK) fail_msg("%s", err.message);
        assert_true(is(v.model, "llama"));
        assert_int_equal(v.pre.size, 0);
        assert_true(is(v.tokens[1], "<s>"));
        assert_true(is(v.tokens[3 + 10], "<0x0A>"));
        assert_true(is(v.tokens[259], SPACE SPACE));
        assert_int_equal(v.types[0], LM_GGUF_UNKNOWN);
        assert_int_equal(v.types[2], LM_GGUF_CONTROL);
        assert_int_equal(v.types[3], LM_GGUF_BYTE);
        assert_int_equal(v.types[259], LM_GGUF_NORMAL);
        assert_int_equal(v.types[500], i ? LM_GGUF_UNUSED : LM_GGUF_USER_DEFINED);
        assert_int_equal(v.unknown, 0);
        assert_int_equal(v.end, 2);
        assert_int_equal(v.begin, i ? 1 : 2);
        assert_int_equal(v.add_begin, i);
        assert_true(v.add_space);
        assert_int_equal(v.n_merges, 0);
        for (int64_t id = 260; id < 430; id++) assert_true(v.scores[id] < v.scores[id - 1]);
        for (int64_t id = 430; id < 500; id++) assert_true(v.scores[id] < v.scores[429]);
        lm_gguf_vocabulary_free(&v);
        lm_tokenizer_close(t);
    }
    /* No scores say which of several merges of one token there are. */
    invented v;
    lm_error err = {0};
    lm_gguf_vocabulary out;
    invent(&v);
    lm_tokenizer *t = open_invented(&v);
    assert_int_equal(lm_tokenizer_to_gguf(t, 400, &out, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "no scores give the order"));
    lm_tokenizer_close(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_llama2c),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_long_piece),
        cmocka_unit_test(test_any_bytes_come_back),
        cmocka_unit_test(test_tokens_across_spaces),
        cmocka_unit_test(test_gguf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "tests/support/tempdir.h"
#include "tests/tokenizer/gguf_file.h"

static lm_tokenizer *open_tokenizer(const char *name) {
    lm_error err = {0};
    lm_tokenizer *t;
    if (lm_tokenizer_open(&t, name, NULL, &err) != LM_OK) fail_msg("%s", err.message);
    return t;
}

static lm_gguf_vocabulary convert(const lm_tokenizer *t, int64_t rows) {
    lm_error err = {0};
    lm_gguf_vocabulary v;
    if (lm_tokenizer_to_gguf(t, rows, &v, &err) != LM_OK) fail_msg("%s", err.message);
    assert_int_equal(v.n_tokens, rows);
    return v;
}

static void assert_string(lm_gguf_string s, const char *expected) {
    assert_int_equal(s.size, strlen(expected));
    assert_memory_equal(s.text, expected, s.size);
}

static void test_bytes(void **state) {
    (void)state;
    lm_tokenizer *t = open_tokenizer("bytes");
    lm_gguf_vocabulary v = convert(t, 258);
    assert_string(v.model, "gpt2");
    assert_string(v.pre, "gpt-2");
    assert_string(v.tokens[0], "\u0100");
    assert_string(v.tokens['a'], "a");
    assert_string(v.tokens[' '], "\u0120");
    assert_string(v.tokens[255], "\u00FF");
    assert_string(v.tokens[257], "[PAD257]");
    assert_int_equal(v.types[255], LM_GGUF_NORMAL);
    assert_int_equal(v.types[256], LM_GGUF_UNUSED);
    assert_int_equal(v.n_merges, 0);
    assert_int_equal(v.begin, 0);
    assert_int_equal(v.end, 0);
    assert_int_equal(v.unknown, -1);
    assert_false(v.add_begin);
    assert_null(v.scores);
    lm_gguf_vocabulary_free(&v);
    lm_gguf_vocabulary_free(&v);
    lm_tokenizer_close(t);
}

/* Tokens and merges as tokenizer.json has them, special tokens by their kind. */
static void test_byte_level(void **state) {
    (void)state;
    static const char *const pre[][2] = {
        {"gpt2", "gpt-2"}, {"digits", "smollm"}, {"llama3", "llama-bpe"}, {"o200k", "gpt-4o"}};
    for (int i = 0; i < 4; i++) {
        lm_error err = {0};
        lm_text path = {0}, file = {0}, merge = {0};
        lm_text_printf(&path, "tests/tokenizer/small_%s.json", pre[i][0]);
        assert_int_equal(lm_file_read(lm_text_cstr(&path), 1 << 20, &file, &err), LM_OK);
        lm_tokenizer *t = open_tokenizer(lm_text_cstr(&path));
        lm_gguf_vocabulary v = convert(t, lm_tokenizer_vocab_size(t));
        assert_string(v.model, "gpt2");
        assert_string(v.pre, pre[i][1]);
        assert_int_equal(v.differs != NULL, strcmp(pre[i][0], "o200k") == 0);
        assert_string(v.tokens[0], "<|endoftext|>");
        assert_string(v.tokens[340], "<|sep|>");
        assert_int_equal(v.types[0], LM_GGUF_CONTROL);
        assert_int_equal(v.types[1], LM_GGUF_NORMAL);
        assert_int_equal(v.types[340], LM_GGUF_USER_DEFINED);
        assert_int_equal(v.n_merges, 340 - 257);
        const char *at = strstr(file.data, "\"merges\"");
        for (int64_t j = 0; j < v.n_merges; j++) {
            const char *space = memchr(v.merges[j].text, ' ', v.merges[j].size);
            assert_non_null(space);
            merge.length = 0;
            lm_text_printf(&merge, "[\"%.*s\", ", (int)(space - v.merges[j].text),
                           v.merges[j].text);
            if (!memchr(v.merges[j].text, '"', v.merges[j].size) &&
                !memchr(v.merges[j].text, '\\', v.merges[j].size)) {
                at = strstr(at, lm_text_cstr(&merge));
                assert_non_null(at);
            }
        }
        lm_gguf_vocabulary_free(&v);
        lm_tokenizer_close(t);
        lm_text_free(&path);
        lm_text_free(&file);
        lm_text_free(&merge);
    }
}

/* ---- a file with other members ----------------------------------------------------------------*/

static lm_tokenizer *change(const char *name, const char *const *from_to) {
    lm_error err = {0};
    lm_text json = {0};
    lm_tokenizer *t;
    assert_int_equal(lm_file_read(name, 1 << 20, &json, &err), LM_OK);
    for (; *from_to; from_to += 2) {
        lm_text changed = {0};
        const char *at = strstr(json.data, from_to[0]);
        assert_non_null(at);
        lm_text_append(&changed, json.data, (size_t)(at - json.data));
        lm_text_printf(&changed, "%s%s", from_to[1], at + strlen(from_to[0]));
        lm_text_free(&json);
        json = changed;
    }
    if (lm_tokenizer_parse(&t, "t.json", json.data, json.length, NULL, &err) != LM_OK)
        fail_msg("%s", err.message);
    lm_text_free(&json);
    return t;
}

/* llama.cpp splits as Llama 3 does with and without looking whole pieces up first. */
static void test_whole_pieces(void **state) {
    (void)state;
    /* "ab" is a token that no merge makes. */
    static const char *const merging[] = {"\"ignore_merges\": true", "\"ignore_merges\": false",
                                          "\"!\": 1", "\"zqz\": 341, \"!\": 1", NULL};
    static const char *const whole[] = {"\"!\": 1", "\"zqz\": 341, \"!\": 1", NULL};
    static const char *const harmless[] = {"\"ignore_merges\": true", "\"ignore_merges\": false",
                                           NULL};
    static const char *const gpt2[] = {"\"ignore_merges\": false", "\"ignore_merges\": true",
                                       "\"!\": 1", "\"zqz\": 341, \"!\": 1", NULL};
    static const struct {
        const char *file, *const *changes, *pre;
    } cases[] = {
        {"tests/tokenizer/small_llama3.json", merging, "smaug-bpe"},
        {"tests/tokenizer/small_llama3.json", whole, "llama-bpe"},
        {"tests/tokenizer/small_llama3.json", harmless, "llama-bpe"},
        {"tests/tokenizer/small_gpt2.json", gpt2, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lm_error err = {0};
        lm_gguf_vocabulary v;
        lm_tokenizer *t = change(cases[i].file, cases[i].changes);
        lm_status status = lm_tokenizer_to_gguf(t, 400, &v, &err);
        assert_int_equal(status, cases[i].pre ? LM_OK : LM_ERR_USAGE);
        if (cases[i].pre)
            assert_string(v.pre, cases[i].pre);
        else
            assert_non_null(strstr(err.message, "pieces that are tokens before any merge"));
        lm_gguf_vocabulary_free(&v);
        lm_tokenizer_close(t);
    }
}

/* A post-processor that puts a token in front of texts is kept, in a tokenizer.json as well. */
static void test_token_in_front(void **state) {
    (void)state;
    static const char *const template[] = {
        "\"post_processor\": null",
        "\"post_processor\": {\"type\": \"TemplateProcessing\", \"single\": [{\"SpecialToken\":"
        " {\"id\": \"<|endoftext|>\", \"type_id\": 0}}, {\"Sequence\": {\"id\": \"A\","
        " \"type_id\": 0}}], \"pair\": [], \"special_tokens\": {}}",
        NULL};
    lm_error err = {0};
    lm_text saved = {0}, again = {0}, config = {0};
    lm_tokenizer *u, *t = change("tests/tokenizer/small_gpt2.json", template);
    lm_gguf_vocabulary v = convert(t, 341);
    assert_true(v.add_begin);
    lm_gguf_vocabulary_free(&v);
    assert_int_equal(lm_tokenizer_save(t, &saved, &err), LM_OK);
    assert_non_null(strstr(saved.data, "\"type\": \"TemplateProcessing\""));
    assert_int_equal(lm_tokenizer_parse(&u, "saved", saved.data, saved.length, NULL, &err), LM_OK);
    assert_int_equal(lm_tokenizer_save(u, &again, &err), LM_OK);
    assert_string_equal(saved.data, again.data);
    v = convert(u, 341);
    assert_true(v.add_begin);
    lm_gguf_vocabulary_free(&v);
    const lm_tokenizer_config how = {.length = 128, .bos = -1, .eos = -1, .pad = -1};
    assert_int_equal(lm_tokenizer_save_config(t, &how, &config, &err), LM_OK);
    assert_non_null(strstr(config.data, "\"bos_token\": \"<|endoftext|>\""));
    assert_non_null(strstr(config.data, "\"eos_token\": \"<|endoftext|>\""));
    assert_non_null(strstr(config.data, "\"model_max_length\": 128"));
    lm_tokenizer_close(t);
    lm_tokenizer_close(u);
    lm_text_free(&saved);
    lm_text_free(&again);
    lm_text_free(&config);
}

/* ---- read again -------------------------------------------------------------------------------*/

static const char *path_of(const char *name) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", tempdir, name);
    return path;
}

static lm_tokenizer *read_again(const lm_gguf_vocabulary *v) {
    lm_error err = {0};
    if (write_gguf(v, path_of("v.gguf"), &err) != LM_OK) fail_msg("%s", err.message);
    return open_tokenizer(path_of("v.gguf"));
}

/* A tokenizer that was written as GGUF and read from it gives the same ids. */
static void test_read_again(void **state) {
    (void)state;
    static const struct {
        const char *file, *text;
    } cases[] = {
        {"tests/tokenizer/small_gpt2.json", "Hello world! It's 2024.<|sep|> na\u00EFve\n\n x"},
        {"tests/tokenizer/small_llama3.json", "Hello world! It's 2024.<|sep|> na\u00EFve\n\n x"},
        {"tests/tokenizer/small_o200k.json", "Hello world! It's 2024.<|sep|> na\u00EFve\n\n x"},
        {"tests/tokenizer/small_digits.json", "Hello world! It's 2024.<|sep|> na\u00EFve\n\n x"},
        {"tests/tokenizer/small_sentence.json", " Hello  world! \u4E2D<|sep|> the \u2581x\n"},
        {"tests/tokenizer/small_sentence.bin", " Hello  world! \u4E2D the \u2581x\n"},
        {"tests/tokenizer/small_chars.pkl", "Hello, w\u00F6rld \U0001F680\n\u4E2D\u6587"},
        {"bytes", "Hello, w\u00F6rld\xFF"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lm_error err = {0};
        lm_token_list a = {0}, b = {0};
        lm_tokenizer *t = open_tokenizer(cases[i].file);
        int64_t n = lm_tokenizer_vocab_size(t);
        lm_gguf_vocabulary v = convert(t, n);
        lm_tokenizer *u = read_again(&v);
        size_t size = strlen(cases[i].text);
        assert_int_equal(lm_tokenizer_vocab_size(u), n);
        assert_int_equal(lm_tokenizer_document_token(u), lm_tokenizer_document_token(t));
        assert_int_equal(lm_tokenizer_encode(t, cases[i].text, size, &a, &err), LM_OK);
        assert_int_equal(lm_tokenizer_encode(u, cases[i].text, size, &b, &err), LM_OK);
        assert_int_equal(a.count, b.count);
        assert_memory_equal(a.ids, b.ids, (size_t)a.count * sizeof *a.ids);
        lm_token_list_free(&a);
        lm_token_list_free(&b);
        lm_gguf_vocabulary_free(&v);
        lm_tokenizer_close(t);
        lm_tokenizer_close(u);
    }
}

/* Splits by several patterns have names, too. */
static void test_splits_by_patterns(void **state) {
    (void)state;
    static const struct {
        const char *pre, *text;
        size_t ends[8];
    } cases[] = {
        {"falcon", "a b12345--c", {1, 3, 6, 8, 10, 11}},
        {"deepseek-v3", "a b12345\u4E2D\u6587c", {1, 3, 6, 8, 14, 15}},
        {"qwen35", "a b12\u0939\u093F", {1, 3, 4, 5, 11}},
        {"tekken", "aB'c 12", {1, 2, 4, 5, 6, 7}},
        {"deepseek-coder", "a b1\n\n--", {1, 3, 4, 5, 6, 8}},
    };
    lm_tokenizer *t = open_tokenizer("bytes");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lm_error err = {0};
        lm_tokenizer *u;
        size_t at = 0;
        lm_gguf_vocabulary v = convert(t, 256), w;
        v.pre = (lm_gguf_string){cases[i].pre, strlen(cases[i].pre)};
        assert_int_equal(write_gguf(&v, path_of("p.gguf"), &err), LM_OK);
        lm_gguf_vocabulary_free(&v);
        if (lm_tokenizer_open(&u, path_of("p.gguf"), NULL, &err) != LM_OK) {
            assert_non_null(strstr(err.message, "needs PCRE2"));
            continue;
        }
        for (int k = 0; cases[i].ends[k] > 0; k++) {
            at = lm_tokenizer_piece(u, cases[i].text, strlen(cases[i].text), at);
            if (at != cases[i].ends[k]) fail_msg("%s: piece %d ends at %zu", cases[i].pre, k, at);
        }
        assert_int_equal(at, strlen(cases[i].text));
        w = convert(u, 256);
        assert_string(w.pre, cases[i].pre);
        lm_gguf_vocabulary_free(&w);
        lm_tokenizer_close(u);
    }
    lm_tokenizer_close(t);
}

static void expect_refused(const lm_gguf_vocabulary *v, const char *message) {
    lm_error err = {0};
    lm_tokenizer *t;
    assert_int_equal(write_gguf(v, path_of("bad.gguf"), &err), LM_OK);
    assert_true(lm_tokenizer_open(&t, path_of("bad.gguf"), NULL, &err) != LM_OK);
    if (!strstr(err.message, message) || !strstr(err.message, "bad.gguf"))
        fail_msg("expected \"%s\", found \"%s\"", message, err.message);
}

static void test_what_we_do_not_have_is_refused(void **state) {
    (void)state;
    lm_tokenizer *t = open_tokenizer("tests/tokenizer/small_gpt2.json");
    lm_gguf_vocabulary v = convert(t, 341), w;
    w = v;
    w.model = (lm_gguf_string){"t5", 2};
    expect_refused(&w, "tokenizer.ggml.model other than gpt2 and llama");
    w.model = (lm_gguf_string){"none", 4};
    expect_refused(&w, "expected a tokenizer (tokenizer.ggml.model), found none");
    w = v;
    w.pre = (lm_gguf_string){"viking", 6};
    expect_refused(&w, "tokenizer.ggml.pre \"viking\", a split of text that lmtrain does not have");
    w.pre.size = 0;
    expect_refused(&w, "expected tokenizer.ggml.pre, which says how text is split, found none");
    w = v;
    lm_gguf_string merge = v.merges[3];
    v.merges[3] = (lm_gguf_string){"ab", 2};
    expect_refused(&v, "merge 3: expected two tokens");
    v.merges[3] = merge;
    v.types[7] = 9;
    expect_refused(&v, "token 7: expected a type from 1 to 6, found 9");
    v.types[7] = LM_GGUF_BYTE;
    expect_refused(&v, "token 7, \"'\", is a byte: expected a name like <0x0A>");
    v.types[7] = LM_GGUF_UNUSED;
    expect_refused(&v, "no token for the byte 0x27 alone");
    lm_gguf_vocabulary_free(&v);
    lm_tokenizer_close(t);
}

/* A vocabulary without tokens for rare bytes encodes everything else. */
static void test_bytes_that_are_no_text(void **state) {
    (void)state;
    lm_error err = {0};
    lm_token_list list = {0};
    lm_tokenizer *t = open_tokenizer("bytes");
    lm_gguf_vocabulary v = convert(t, 256);
    v.types[0xC0] = v.types[0x04] = v.types[0xF5] = v.types[0xFF] = LM_GGUF_UNUSED;
    lm_tokenizer *u = read_again(&v);
    assert_int_equal(lm_tokenizer_encode(u, "w\u00F6rld", 6, &list, &err), LM_OK);
    assert_int_equal(list.count, 6);
    assert_int_equal(lm_tokenizer_encode(u, "w\xF5rld", 5, &list, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "the byte 0xF5, for which this tokenizer has no token"));
    assert_int_equal(lm_tokenizer_encode(u, "w\x04rld", 5, &list, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "the byte 0x04, for which"));
    lm_token_list_free(&list);
    lm_gguf_vocabulary_free(&v);
    lm_tokenizer_close(t);
    lm_tokenizer_close(u);
}

/* Mutations of good files: read or refused, nothing else. */
static void test_mutations(void **state) {
    (void)state;
    static const char *const files[] = {"tests/tokenizer/small_gpt2.json",
                                        "tests/tokenizer/small_sentence.bin",
                                        "tests/tokenizer/small_chars.pkl"};
    lm_rng rng = {.seed = 41, .purpose = LM_RNG_TEST};
    uint64_t draws = 0;
    for (int i = 0; i < 3; i++) {
        lm_error err = {0};
        lm_text good = {0};
        lm_tokenizer *t = open_tokenizer(files[i]), *u;
        lm_gguf_vocabulary v = convert(t, lm_tokenizer_vocab_size(t));
        assert_int_equal(write_gguf(&v, path_of("v.gguf"), &err), LM_OK);
        assert_int_equal(lm_file_read(path_of("v.gguf"), 1 << 20, &good, &err), LM_OK);
        for (int n = 0; n < 300; n++) {
            lm_text bad = {0};
            lm_token_list list = {0};
            lm_text_append(&bad, good.data, good.length);
            for (int k = 1 + n % 3; k > 0; k--) {
                size_t at = (size_t)(lm_rng_uniform(&rng, draws++) * (double)bad.length);
                bad.data[at] = (char)(unsigned char)(lm_rng_uniform(&rng, draws++) * 256);
            }
            FILE *file = fopen(path_of("m.gguf"), "wb");
            assert_int_equal(fwrite(bad.data, 1, bad.length, file), bad.length);
            fclose(file);
            if (lm_tokenizer_open(&u, path_of("m.gguf"), NULL, &err) == LM_OK) {
                lm_tokenizer_encode(u, "some text", 9, &list, &err);
                lm_tokenizer_close(u);
            }
            lm_token_list_free(&list);
            lm_text_free(&bad);
        }
        lm_text_free(&good);
        lm_gguf_vocabulary_free(&v);
        lm_tokenizer_close(t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_byte_level),
        cmocka_unit_test(test_whole_pieces),
        cmocka_unit_test(test_token_in_front),
        cmocka_unit_test(test_read_again),
        cmocka_unit_test(test_splits_by_patterns),
        cmocka_unit_test(test_what_we_do_not_have_is_refused),
        cmocka_unit_test(test_bytes_that_are_no_text),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, tempdir_open, tempdir_close);
}

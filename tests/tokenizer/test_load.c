#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "containers/json_pull.h"
#include "tests/support/tempdir.h"
#include "tokenizer/encoding.h"
#include "tokenizer/normal_form.h"

typedef struct small_case {
    const char *split, *text;
    int64_t n;
    int32_t ids[128];
} small_case;

static const small_case cases[] = {
#include "tests/tokenizer/small.inc"
};

enum { COUNT = sizeof cases / sizeof *cases };

static lm_text path;

static const char *small_path(const char *split) {
    path.length = 0;
    lm_text_printf(&path, "tests/tokenizer/small_%s.json", split);
    return lm_text_cstr(&path);
}

static lm_tokenizer *open_file(const char *name, const lm_tokenizer_options *o) {
    lm_error err = {0};
    lm_tokenizer *t;
    if (lm_tokenizer_open(&t, name, o, &err) != LM_OK) fail_msg("%s", err.message);
    return t;
}

static void read_small(const char *split, lm_text *out) {
    lm_error err = {0};
    out->length = 0;
    assert_int_equal(lm_file_read(small_path(split), 1 << 20, out, &err), LM_OK);
}

static lm_token_list encode(const lm_tokenizer *t, const char *text, size_t size) {
    lm_error err = {0};
    lm_token_list list = {0};
    assert_int_equal(lm_tokenizer_encode(t, text, size, &list, &err), LM_OK);
    return list;
}

static lm_status take(void *to, const int32_t *ids, int64_t n, lm_error *err) {
    lm_token_list *list = to;
    assert_int_equal(lm_token_list_reserve(list, (size_t)n, err), LM_OK);
    memcpy(list->ids + list->count, ids, (size_t)n * sizeof *ids);
    list->count += n;
    return LM_OK;
}

static void check_cases(const lm_tokenizer *t, const char *split) {
    for (int i = 0; i < COUNT; i++) {
        const small_case *c = &cases[i];
        if (strcmp(c->split, split) != 0) continue;
        lm_token_list list = encode(t, c->text, strlen(c->text));
        lm_text back = {0};
        assert_int_equal(list.count, c->n);
        assert_memory_equal(list.ids, c->ids, (size_t)c->n * sizeof *list.ids);
        for (int64_t j = 0; j < list.count; j++) lm_tokenizer_decode(t, list.ids[j], &back);
        assert_string_equal(lm_text_cstr(&back), c->text);
        lm_text_free(&back);
        lm_token_list_free(&list);
    }
}

/* On several threads, cut into parts, the ids are those of the whole. */
static void test_long_texts(void **state) {
    (void)state;
    const lm_tokenizer_options allow = {.allow_special = true};
    lm_error err = {0};
    lm_pool *pool;
    lm_text text = {0};
    for (int i = 0; text.length < 3000000; i++) {
        lm_text_append(&text, cases[i % COUNT].text, strlen(cases[i % COUNT].text));
        if (i % 5 == 0) lm_text_printf(&text, " %d\n", i);
    }
    assert_int_equal(lm_pool_create(&pool, 3, &err), LM_OK);
    for (int i = 0; i < 4; i++) {
        static const char *const splits[] = {"gpt2", "llama3", "o200k", "digits"};
        lm_encoding *e;
        lm_tokenizer *t = open_file(small_path(splits[i]), i % 2 ? &allow : NULL);
        lm_token_list list = {0}, whole = encode(t, text.data, text.length);
        assert_int_equal(lm_encoding_open(&e, t, pool, take, &err), LM_OK);
        lm_encoding_begin(e, &list, -1, &err);
        for (size_t at = 0, n; at < text.length; at += n) {
            n = text.length - at < 77777 ? text.length - at : 77777;
            lm_encoding_put(e, text.data + at, n, &err);
        }
        assert_int_equal(lm_encoding_finish(e, &err), LM_OK);
        assert_int_equal(list.count, whole.count);
        assert_memory_equal(list.ids, whole.ids, (size_t)list.count * sizeof *list.ids);
        lm_token_list_free(&list);
        lm_token_list_free(&whole);
        lm_encoding_close(e);
        lm_tokenizer_close(t);
    }
    lm_pool_free(pool);
    lm_text_free(&text);
}

/* The ids are those of Hugging Face's library, and what we write gives them again. */
static void test_tokenizer_json(void **state) {
    (void)state;
    static const char *const splits[] = {"gpt2", "llama3", "o200k", "digits"};
    for (int i = 0; i < 4; i++) {
        lm_error err = {0};
        lm_text saved = {0}, again = {0};
        lm_tokenizer *t = open_file(small_path(splits[i]), NULL), *u;
        assert_string_equal(lm_tokenizer_kind(t), "bpe");
        assert_int_equal(lm_tokenizer_vocab_size(t), 341);
        assert_int_equal(lm_tokenizer_document_token(t), 0);
        check_cases(t, splits[i]);
        assert_int_equal(lm_tokenizer_save(t, &saved, &err), LM_OK);
        lm_tokenizer_close(t);
        assert_int_equal(lm_tokenizer_parse(&u, "saved", saved.data, saved.length, NULL, &err),
                         LM_OK);
        check_cases(u, splits[i]);
        assert_int_equal(lm_tokenizer_save(u, &again, &err), LM_OK);
        assert_string_equal(saved.data, again.data);
        lm_tokenizer_close(u);
        lm_text_free(&saved);
        lm_text_free(&again);
    }
}

static void test_special_tokens_in_text(void **state) {
    (void)state;
    static const char text[] = "a<|sep|>b<|endoftext|>";
    const lm_tokenizer_options allow = {.allow_special = true};
    lm_tokenizer *t = open_file(small_path("gpt2"), NULL);
    lm_tokenizer *u = open_file(small_path("gpt2"), &allow);
    lm_token_list list = encode(t, text, strlen(text));
    assert_true(list.count > 5); /* <|sep|> is added but not special: a token all the same */
    assert_int_equal(list.ids[1], 340);
    lm_token_list_free(&list);
    list = encode(u, text, strlen(text));
    assert_int_equal(list.count, 4);
    assert_int_equal(list.ids[1], 340);
    assert_int_equal(list.ids[3], 0);
    lm_token_list_free(&list);
    lm_tokenizer_close(t);
    lm_tokenizer_close(u);
}

static void test_any_bytes_come_back(void **state) {
    (void)state;
    lm_rng rng = {.seed = 9, .purpose = LM_RNG_TEST};
    static const unsigned char often[] = {' ', '\n', 0xC3, 0xA9, 0xE2, 0x80, 'a', '<', '|'};
    uint64_t draws = 0;
    for (int i = 0; i < 400; i++) {
        lm_tokenizer *t = open_file(small_path(i % 2 ? "gpt2" : "o200k"), NULL);
        unsigned char text[600];
        size_t size = (size_t)(lm_rng_uniform(&rng, draws++) * sizeof text);
        for (size_t j = 0; j < size; j++) {
            unsigned x = (unsigned)(lm_rng_uniform(&rng, draws++) * 512);
            text[j] = x < 256 ? (unsigned char)x : often[x % sizeof often];
        }
        lm_token_list list = encode(t, (const char *)text, size);
        lm_text back = {0};
        for (int64_t j = 0; j < list.count; j++) lm_tokenizer_decode(t, list.ids[j], &back);
        assert_int_equal(back.length, size);
        if (size > 0) assert_memory_equal(back.data, text, size);
        lm_text_free(&back);
        lm_token_list_free(&list);
        lm_tokenizer_close(t);
    }
}

/* ---- other formats ----------------------------------------------------------------------------*/

static const char *put(const char *name, const char *text) {
    lm_error err = {0};
    path.length = 0;
    lm_text_printf(&path, "%s/%s", tempdir, name);
    assert_int_equal(lm_file_replace(lm_text_cstr(&path), text, strlen(text), &err), LM_OK);
    return lm_text_cstr(&path);
}

/* The members "vocab" and "merges" of a tokenizer.json as GPT-2's two files. */
static void split_files(const lm_text *json, lm_text *vocab, lm_text *merges) {
    lm_error err = {0};
    lm_json_pull p;
    const char *begin = strstr(json->data, "\"vocab\": "),
               *end = strstr(json->data, ", \"merges\"");
    assert_true(begin && end);
    lm_text_append(vocab, begin + 9, (size_t)(end - begin) - 9);
    lm_text_printf(merges, "#version: 0.2\n");
    end += strlen(", \"merges\":");
    lm_json_pull_begin(&p, "merges", end, (size_t)(strrchr(end, ']') + 1 - end), &err);
    lm_json_pull_array(&p);
    while (lm_json_pull_element(&p)) {
        lm_json_pull_array(&p);
        for (int n = 0; lm_json_pull_element(&p); n++) {
            lm_json_pull_string(&p);
            lm_text_printf(merges, "%s%s", n ? " " : "", lm_text_cstr(&p.string));
        }
        lm_text_printf(merges, "\n");
    }
    assert_int_equal(lm_json_pull_end(&p), LM_OK);
}

static void test_vocab_and_merges(void **state) {
    (void)state;
    lm_text json = {0}, vocab = {0}, merges = {0};
    read_small("gpt2", &json);
    split_files(&json, &vocab, &merges);
    put("vocab.json", lm_text_cstr(&vocab));
    put("merges.txt", lm_text_cstr(&merges));
    static const char *const names[] = {"", "/vocab.json", "/merges.txt"};
    for (int i = 0; i < 3; i++) {
        path.length = 0;
        lm_text_printf(&path, "%s%s", tempdir, names[i]);
        lm_tokenizer *u = open_file(lm_text_cstr(&path), NULL);
        assert_int_equal(lm_tokenizer_document_token(u), 0);
        for (int j = 0; j < COUNT; j++) {
            if (strcmp(cases[j].split, "gpt2") != 0 || strstr(cases[j].text, "<|sep|>")) continue;
            lm_token_list list = encode(u, cases[j].text, strlen(cases[j].text));
            assert_int_equal(list.count, cases[j].n);
            assert_memory_equal(list.ids, cases[j].ids, (size_t)list.count * sizeof *list.ids);
            lm_token_list_free(&list);
        }
        lm_tokenizer_close(u);
    }
    lm_text_free(&vocab);
    lm_text_free(&merges);
    lm_text_free(&json);
}

/* 256 bytes, then more lines. */
static void print_ranks(lm_text *out, const char *more) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out->length = 0;
    for (int c = 0; c < 256; c++)
        lm_text_printf(out, "%c%c== %d\n", digits[c / 4], digits[c % 4 * 16], c);
    lm_text_printf(out, "%s", more);
}

static void test_ranks(void **state) {
    (void)state;
    const lm_tokenizer_options gpt2 = {.pretokenizer = "gpt2"};
    lm_text ranks = {0}, saved = {0};
    lm_error err = {0};
    lm_tokenizer *t, *u;
    /* aa = 256, ba = 257, aab = 258: in "aaba" aa comes first, then aab, whose parts are any. */
    print_ranks(&ranks, "YWE= 256\nYmE= 257\nYWFi 258\n");
    const char *file = put("small.tiktoken", lm_text_cstr(&ranks));
    assert_int_equal(lm_tokenizer_open(&t, file, NULL, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "add --pretokenizer, one of gpt2, digits, cl100k"));
    t = open_file(file, &gpt2);
    assert_int_equal(lm_tokenizer_vocab_size(t), 260);
    assert_int_equal(lm_tokenizer_document_token(t), 259);
    lm_token_list list = encode(t, "aaba", 4);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.ids[0], 256);
    assert_int_equal(list.ids[1], 257);
    lm_token_list_free(&list);
    /* Saved as merges, read back as ranks. */
    assert_int_equal(lm_tokenizer_save(t, &saved, &err), LM_OK);
    assert_non_null(strstr(saved.data, "[\"aa\", \"b\"]"));
    assert_int_equal(lm_tokenizer_parse(&u, "saved", saved.data, saved.length, NULL, &err), LM_OK);
    assert_int_equal(lm_tokenizer_document_token(u), 259);
    list = encode(u, "aab aaba", 8);
    assert_int_equal(list.count, 4);
    assert_int_equal(list.ids[0], 258);
    lm_token_list_free(&list);
    lm_tokenizer_close(u);
    lm_tokenizer_close(t);
    print_ranks(&ranks, "YWE= 256\nYm= 257\n");
    assert_int_equal(lm_tokenizer_open(&t, put("bad", lm_text_cstr(&ranks)), &gpt2, &err),
                     LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "bad:258: expected base64, a space and a rank"));
    lm_text_free(&saved);
    lm_text_free(&ranks);
}

/* ---- what is refused --------------------------------------------------------------------------*/

/* small_gpt2.json with one part replaced. */
static void expect_refused(const char *from, const char *to, const char *message) {
    lm_text json = {0}, changed = {0};
    lm_error err = {0};
    lm_tokenizer *t;
    read_small("gpt2", &json);
    const char *at = strstr(json.data, from);
    assert_non_null(at);
    lm_text_append(&changed, json.data, (size_t)(at - json.data));
    lm_text_printf(&changed, "%s%s", to, at + strlen(from));
    assert_true(lm_tokenizer_parse(&t, "t.json", changed.data, changed.length, NULL, &err) !=
                LM_OK);
    assert_null(t);
    if (!strstr(err.message, message) || !strstr(err.message, "t.json"))
        fail_msg("expected \"%s\", found \"%s\"", message, err.message);
    lm_text_free(&json);
    lm_text_free(&changed);
}

static void test_what_we_do_not_have_is_refused(void **state) {
    (void)state;
    expect_refused("\"normalizer\": null", "\"normalizer\": {\"type\": \"Lowercase\"}",
                   "t.json:1:");
    expect_refused("\"normalizer\": null", "\"normalizer\": {\"type\": \"Lowercase\"}",
                   "a normalizer \"Lowercase\", which lmtrain does not have");
    expect_refused("\"add_prefix_space\": false", "\"add_prefix_space\": true",
                   "add_prefix_space true");
    expect_refused("{\"type\": \"ByteLevel\"", "{\"type\": \"Whitespace\"",
                   "a pre-tokenizer \"Whitespace\"");
    expect_refused("\"truncation\": null", "\"truncation\": {}", "truncation");
    expect_refused("\"type\": \"BPE\"", "\"type\": \"Unigram\"", "a model of type \"Unigram\"");
    expect_refused("\"dropout\": null", "\"dropout\": 0.1", "dropout");
    expect_refused("\"byte_fallback\": false", "\"byte_fallback\": true", "byte_fallback true");
    expect_refused("\"end_of_word_suffix\": null", "\"end_of_word_suffix\": \"</w>\"",
                   "end_of_word_suffix \"</w>\"");
    expect_refused(
        "\"lstrip\": false, \"rstrip\": false, \"normalized\": false, \"special\": false",
        "\"lstrip\": true, \"rstrip\": false, \"normalized\": false, \"special\": false",
        "the added token \"<|sep|>\" is lstrip");
    expect_refused("\"fuse_unk\"", "\"phoneme\": 1, \"fuse_unk\"",
                   "\"phoneme\", which lmtrain does not know");
    expect_refused("\"id\": 340", "\"id\": 65536", "from 0 to 65535");
    expect_refused("\"id\": 340", "\"id\": 7", "two tokens have the id 7");
    expect_refused("[\"e\", \"r\"]", "[\"e\", \"\\u4e2d\"]", "two tokens in GPT-2's printable");
    expect_refused("\"!\": 1,", "", "no token for the byte 0x21 alone");
    expect_refused("\"!\": 1,", "\"\\u4e2d\": 1,", "no token for the byte 0x21 alone");
    expect_refused("[\"e\", \"r\"]", "[\"e\", \"\\u00e9\\u4e2d\"]", "printable alphabet");
    expect_refused("\"model\"", "\"module\"", "expected a tokenizer (tokenizer.json, ");
}

/* small_gpt2.json with a normalizer: text in form D has the ids of its form C, but for what stands
 * in added tokens that are not normalized; bytes that are not UTF-8 stay. */
static void test_form_c(void **state) {
    (void)state;
    static const char from[] = "\"normalizer\": null";
    static const char *const pairs[][2] = {
        {"cafe\u0301 x", "caf\u00e9 x"},
        {"\xFFo\u0308\xC3<|sep|>A\u030A", "\xFF\u00f6\xC3<|sep|>\u00c5"},
        {"\u1100\u1161", "\uac00"}};
    lm_text json = {0}, changed = {0}, saved = {0};
    lm_error err = {0};
    lm_tokenizer *t;
    read_small("gpt2", &json);
    const char *at = strstr(json.data, from);
    lm_text_append(&changed, json.data, (size_t)(at - json.data));
    lm_text_printf(&changed, "\"normalizer\": {\"type\": \"NFC\"}%s", at + strlen(from));
    lm_status status = lm_tokenizer_parse(&t, "t", changed.data, changed.length, NULL, &err);
    if (lm_normal_form_check(&err) != LM_OK) {
        assert_int_equal(status, LM_ERR_USAGE);
        assert_non_null(strstr(err.message, "NFC needs utf8proc"));
        goto out;
    }
    assert_int_equal(status, LM_OK);
    for (int i = 0; i < 3; i++) {
        lm_token_list d = encode(t, pairs[i][0], strlen(pairs[i][0]));
        lm_token_list c = encode(t, pairs[i][1], strlen(pairs[i][1]));
        assert_int_equal(d.count, c.count);
        assert_memory_equal(d.ids, c.ids, (size_t)c.count * sizeof *c.ids);
        lm_token_list_free(&d);
        lm_token_list_free(&c);
    }
    assert_int_equal(lm_tokenizer_save(t, &saved, &err), LM_OK);
    assert_non_null(strstr(saved.data, "\"normalizer\": {\"type\": \"NFC\"}"));
    lm_tokenizer_close(t);
out:
    lm_text_free(&json);
    lm_text_free(&changed);
    lm_text_free(&saved);
}

/* Special tokens that are not looked for may have any flags, which are kept. */
static void test_flags_of_special_tokens(void **state) {
    (void)state;
    static const char from[] = "\"lstrip\": false, \"rstrip\": false";
    const lm_tokenizer_options allow = {.allow_special = true};
    lm_text json = {0}, changed = {0}, saved = {0};
    lm_error err = {0};
    lm_tokenizer *t;
    read_small("gpt2", &json);
    const char *at = strstr(json.data, from);
    lm_text_append(&changed, json.data, (size_t)(at - json.data));
    lm_text_printf(&changed, "\"lstrip\": false, \"rstrip\": true%s", at + strlen(from));
    assert_int_equal(lm_tokenizer_parse(&t, "t", changed.data, changed.length, &allow, &err),
                     LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "the added token \"<|endoftext|>\" is rstrip"));
    assert_int_equal(lm_tokenizer_parse(&t, "t", changed.data, changed.length, NULL, &err), LM_OK);
    assert_int_equal(lm_tokenizer_save(t, &saved, &err), LM_OK);
    assert_non_null(strstr(saved.data, "\"rstrip\": true"));
    lm_tokenizer_close(t);
    lm_text_free(&json);
    lm_text_free(&changed);
    lm_text_free(&saved);
}

static void test_files_that_are_none(void **state) {
    (void)state;
    lm_error err = {0};
    lm_tokenizer *t;
    assert_int_equal(lm_tokenizer_open(&t, put("text", "one two three\n"), NULL, &err),
                     LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "expected a tokenizer"));
    assert_int_equal(lm_tokenizer_open(&t, "bpe", NULL, &err), LM_ERR_USAGE);
    const lm_tokenizer_options no_split = {.pretokenizer = "gpt3"}, gpt2 = {.pretokenizer = "gpt2"};
    assert_int_equal(lm_tokenizer_open(&t, "bytes", &no_split, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "no pre-tokenizer \"gpt3\""));
    assert_int_equal(lm_tokenizer_open(&t, "bytes", &gpt2, &err), LM_ERR_USAGE);
    assert_int_equal(lm_tokenizer_open(&t, small_path("gpt2"), &gpt2, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "leave --pretokenizer out"));
}

/* Mutations of a good file: accepted or refused, nothing else. */
static void test_mutations(void **state) {
    (void)state;
    lm_rng rng = {.seed = 21, .purpose = LM_RNG_TEST};
    uint64_t draws = 0;
    lm_text json = {0};
    int accepted = 0;
    read_small("llama3", &json);
    char *copy = malloc(json.length + 1);
    for (int i = 0; i < 3000; i++) {
        lm_error err = {0};
        lm_tokenizer *t;
        memcpy(copy, json.data, json.length + 1);
        for (int n = 1 + i % 3; n > 0; n--) {
            size_t at = (size_t)(lm_rng_uniform(&rng, draws++) * (double)json.length);
            size_t from = (size_t)(lm_rng_uniform(&rng, draws++) * (double)json.length);
            copy[at] = i % 2 ? json.data[from]
                             : (char)(unsigned char)(lm_rng_uniform(&rng, draws++) * 256);
        }
        if (lm_tokenizer_parse(&t, "t.json", copy, json.length, NULL, &err) != LM_OK) {
            assert_true(strlen(err.message) > 0);
            continue;
        }
        lm_token_list list = encode(t, "some text", 9);
        lm_token_list_free(&list);
        lm_tokenizer_close(t);
        accepted++;
    }
    assert_in_range(accepted, 10, 2900);
    free(copy);
    lm_text_free(&json);
}

static int close_all(void **state) {
    lm_text_free(&path);
    return tempdir_close(state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokenizer_json),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_special_tokens_in_text),
        cmocka_unit_test(test_any_bytes_come_back),
        cmocka_unit_test(test_vocab_and_merges),
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_what_we_do_not_have_is_refused),
        cmocka_unit_test(test_form_c),
        cmocka_unit_test(test_flags_of_special_tokens),
        cmocka_unit_test(test_files_that_are_none),
        cmocka_unit_test(test_mutations),
    };
    return cmocka_run_group_tests(tests, tempdir_open, close_all);
}

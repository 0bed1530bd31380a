#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "tokenizer/gguf_vocabulary.h"
#include "tokenizer/pattern.h"

typedef struct pattern_case {
    const char *patterns[3];
    int n;
    const char *text;
    size_t count, ends[64];
} pattern_case;

static const pattern_case cases[] = {
#include "tests/tokenizer/patterns.inc"
};
enum { COUNT = sizeof cases / sizeof *cases };

static bool is_there(void) {
    return strcmp(lm_pattern_library(), "without PCRE2") != 0;
}

/* Skips a test that needs PCRE2, by saying so. */
#define NEED_PCRE2() \
    if (!is_there()) skip()

/* ---- pieces -----------------------------------------------------------------------------------*/

static lm_pattern *create(const char *const *patterns, int n) {
    lm_error err = {0};
    lm_pattern *p;
    if (lm_pattern_create(&p, patterns, n, &err) != LM_OK) fail_msg("%s", err.message);
    return p;
}

/* All ends, `most` at a time; their number, or 0 when a pattern gave up. */
static size_t scan(lm_pattern_scan *s, const char *text, size_t size, size_t most, size_t *ends) {
    size_t n = 0;
    lm_pattern_scan_begin(s, (const unsigned char *)text, size);
    for (size_t at = 0, found; at < size; at = ends[n - 1]) {
        if ((found = lm_pattern_scan_next(s, at, ends + n, most)) == 0) return 0;
        n += found;
    }
    return n;
}

static void test_pieces(void **state) {
    (void)state;
    NEED_PCRE2();
    for (int i = 0; i < COUNT; i++)
        for (size_t most = 1; most < 8; most += 3) {
            const pattern_case *c = &cases[i];
            lm_error err = {0};
            lm_pattern_scan *s;
            size_t ends[256];
            lm_pattern *p = create(c->patterns, c->n);
            assert_int_equal(lm_pattern_scan_create(&s, p, &err), LM_OK);
            size_t n = scan(s, c->text, strlen(c->text), most, ends);
            if (n != c->count || memcmp(ends, c->ends, n * sizeof *ends) != 0)
                fail_msg("%s: \"%s\": %zu pieces, expected %zu", c->patterns[0], c->text, n,
                         c->count);
            lm_pattern_scan_free(s);
            lm_pattern_free(p);
        }
}

static void test_any_bytes_are_split(void **state) {
    (void)state;
    NEED_PCRE2();
    lm_rng rng = {.seed = 17, .purpose = LM_RNG_TEST};
    uint64_t draws = 0;
    for (int i = 0; i < COUNT; i += 8) {
        lm_error err = {0};
        lm_pattern_scan *s;
        lm_pattern *p = create(cases[i].patterns, cases[i].n);
        assert_int_equal(lm_pattern_scan_create(&s, p, &err), LM_OK);
        for (int round = 0; round < 300; round++) {
            char text[200];
            size_t ends[512], size = 1 + (size_t)(lm_rng_uniform(&rng, draws++) * 199);
            for (size_t j = 0; j < size; j++) {
                size_t x = (size_t)(lm_rng_uniform(&rng, draws++) * 300);
                text[j] = x < 256 ? (char)x : " aA1\n\xC3\xA9\xE4"[x % 8];
            }
            size_t n = scan(s, text, size, 1 + (size_t)round % 5, ends);
            assert_true(n > 0);
            for (size_t j = 0; j < n; j++) assert_true(ends[j] > (j ? ends[j - 1] : 0));
            assert_int_equal(ends[n - 1], size);
        }
        lm_pattern_scan_free(s);
        lm_pattern_free(p);
    }
}

/* ---- limits -----------------------------------------------------------------------------------*/

static size_t count_pieces(const char *pattern, const lm_text *text) {
    lm_error err = {0};
    lm_pattern_scan *s;
    lm_pattern *p = create(&pattern, 1);
    size_t *ends = malloc((text->length + 1) * sizeof *ends);
    assert_int_equal(lm_pattern_scan_create(&s, p, &err), LM_OK);
    size_t n = scan(s, text->data, text->length, 64, ends);
    lm_pattern_scan_free(s);
    lm_pattern_free(p);
    free(ends);
    return n;
}

static void repeat(lm_text *t, const char *s, int n) {
    for (; n > 0; n--) lm_text_append(t, s, strlen(s));
}

/* A pattern that would try for ages gives up; long runs of one class do not. */
static void test_limits(void **state) {
    (void)state;
    NEED_PCRE2();
    lm_text text = {0};
    repeat(&text, "x", 60);
    repeat(&text, "zy", 1);
    assert_int_equal(count_pieces("(?:x+x+)+y", &text), 0);
    text.length = 0;
    repeat(&text, "x", 1000000);
    repeat(&text, " ", 1000000);
    repeat(&text, "x1", 100000);
    assert_int_equal(count_pieces(cases[0].patterns[0], &text), 200002);
    lm_text_free(&text);
}

/* ---- what is refused --------------------------------------------------------------------------*/

static void test_what_engines_read_differently(void **state) {
    (void)state;
    static const char *const refused[][2] = {
        {"a\\wb", "character 2: \\w, which lmtrain does not have"},
        {"\\bx", "\\b"},
        {"[\\S]", "\\S in brackets"},
        {"\\h", "\\h"},
        {"[a&&b]", "&& in brackets"},
        {"[a[bc]]", "brackets in brackets"},
        {"[[:alpha:]]", "brackets in brackets"},
        {"[]a]", "an unescaped ]"},
        {"\\p{N}{1,3}+", "a + or ? behind {n,m}"},
        {"a{2}?", "a + or ? behind {n,m}"},
        {"a{,2}", "{,n}"},
        {"(?m:.)", "a group that begins so"},
        {"(?x)a", "a group that begins so"},
        {"(*UTF)a", "(*"},
        {"\\xff", "\\x of a byte"},
        {"\\u00g0", "\\u without four digits"},
        {"a\\", "a backslash at the end"},
        {"(a", "parenthes"},
        {"\\p{Nope}", "the pattern \\p{Nope}: "},
    };
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        lm_error err = {0};
        lm_pattern *p;
        assert_int_equal(lm_pattern_create(&p, refused[i], 1, &err), LM_ERR_USAGE);
        assert_null(p);
        const char *expected =
            is_there() ? refused[i][1] : "needs PCRE2, and this lmtrain was built";
        if (!strstr(err.message, expected))
            fail_msg("%s: expected \"%s\", found \"%s\"", refused[i][0], expected, err.message);
    }
}

/* ---- in tokenizer.json ------------------------------------------------------------------------*/

/* small_gpt2.json with other pre-tokenizers; NULL: it is refused with the message. */
static lm_tokenizer *with(const char *pre_tokenizer, const char *message) {
    static const char from[] = "{\"type\": \"ByteLevel\", \"add_prefix_space\": false,"
                               " \"trim_offsets\": true, \"use_regex\": true}";
    lm_text json = {0}, changed = {0};
    lm_error err = {0};
    lm_tokenizer *t;
    assert_int_equal(lm_file_read("tests/tokenizer/small_gpt2.json", 1 << 20, &json, &err), LM_OK);
    const char *at = strstr(json.data, from);
    assert_non_null(at);
    lm_text_append(&changed, json.data, (size_t)(at - json.data));
    lm_text_printf(&changed, "%s%s", pre_tokenizer, at + sizeof from - 1);
    lm_status status = lm_tokenizer_parse(&t, "t.json", changed.data, changed.length, NULL, &err);
    if (message) {
        assert_true(status != LM_OK);
        if (!strstr(err.message, message))
            fail_msg("expected \"%s\", found \"%s\"", message, err.message);
    } else if (status != LM_OK) {
        fail_msg("%s", err.message);
    }
    lm_text_free(&json);
    lm_text_free(&changed);
    return t;
}

#define BYTE_LEVEL                                                                    \
    "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, \"trim_offsets\": true, " \
    "\"use_regex\": false}"
#define SPLIT(pattern)                                                             \
    "{\"type\": \"Split\", \"pattern\": " pattern ", \"behavior\": \"Isolated\", " \
    "\"invert\": false}"
#define TWO(a, b)      "{\"type\": \"Sequence\", \"pretokenizers\": [" a ", " b "]}"
#define THREE(a, b, c) TWO(a ", " b, c)

/* Pieces of text, and the same by what we write. */
static void expect_pieces(lm_tokenizer *t, const char *text, const char *const *pieces) {
    lm_error err = {0};
    lm_text saved = {0}, again = {0};
    lm_tokenizer *u;
    size_t at = 0;
    for (int i = 0; pieces[i]; i++) {
        size_t end = lm_tokenizer_piece(t, text, strlen(text), at);
        assert_int_equal(end - at, strlen(pieces[i]));
        assert_memory_equal(text + at, pieces[i], end - at);
        at = end;
    }
    assert_int_equal(at, strlen(text));
    assert_int_equal(lm_tokenizer_save(t, &saved, &err), LM_OK);
    assert_int_equal(lm_tokenizer_parse(&u, "u", saved.data, saved.length, NULL, &err), LM_OK);
    assert_int_equal(lm_tokenizer_save(u, &again, &err), LM_OK);
    assert_string_equal(saved.data, again.data);
    lm_tokenizer_close(u);
    lm_tokenizer_close(t);
    lm_text_free(&saved);
    lm_text_free(&again);
}

static void test_tokenizer_json(void **state) {
    (void)state;
    static const char *const words[] = {"the", " ", "cat", " ", "12", "3", " x", NULL};
    static const char *const digits[] = {"cat", "123", " x", NULL};
    static const char *const strings[] = {"a", "--", "b", "--", "c", NULL};
    if (!is_there()) {
        assert_null(with(TWO(SPLIT("{\"Regex\": \"[a-z]+\"}"), BYTE_LEVEL),
                         "the pattern [a-z]+ needs PCRE2"));
        return;
    }
    expect_pieces(with(TWO(SPLIT("{\"Regex\": \"the|cat|\\\\p{N}{2}\"}"), BYTE_LEVEL), NULL),
                  "the cat 123 x",
                  (const char *const[]){"the", " ", "cat", " ", "12", "3 x", NULL});
    expect_pieces(with(THREE(SPLIT("{\"Regex\": \"the|cat|\\\\p{N}{2}\"}"),
                             SPLIT("{\"Regex\": \" x\"}"), BYTE_LEVEL),
                       NULL),
                  "the cat 123 x", words);
    expect_pieces(
        with(TWO("{\"type\": \"Digits\", \"individual_digits\": false}", BYTE_LEVEL), NULL),
        "cat123 x", digits);
    expect_pieces(with(TWO(SPLIT("{\"String\": \"--\"}"), BYTE_LEVEL), NULL), "a--b--c", strings);
    with(TWO(SPLIT("{\"Regex\": \"a\\\\wb\"}"), BYTE_LEVEL), "\\w, which lmtrain does not have");
    with(TWO("{\"type\": \"Split\", \"pattern\": {\"Regex\": \"[a-z]+\"}, \"behavior\":"
             " \"Removed\", \"invert\": true}",
             BYTE_LEVEL),
         "with behavior \"Removed\" and invert true");
    lm_error err = {0};
    lm_gguf_vocabulary v;
    lm_tokenizer *t = with(TWO(SPLIT("{\"Regex\": \"[a-z]+\"}"), BYTE_LEVEL), NULL);
    assert_int_equal(lm_tokenizer_to_gguf(t, 400, &v, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "llama.cpp does not split text as this tokenizer does"));
    lm_tokenizer_close(t);
}

/* Splits that have scanners are found wherever they are given as patterns, without PCRE2 too. */
static void test_splits_of_ours(void **state) {
    (void)state;
    static const char *const pieces[] = {"It", "'s", " a", "1", "2", NULL};
    expect_pieces(with(THREE(SPLIT("{\"Regex\": \"\\\\p{N}\"}"),
                             SPLIT("{\"Regex\": \"'s|'t|'re|'ve|'m|'ll|'d| ?\\\\p{L}+| ?\\\\p{N}+|"
                                   " ?[^\\\\s\\\\p{L}\\\\p{N}]+|\\\\s+(?!\\\\S)|\\\\s+\"}"),
                             BYTE_LEVEL),
                       NULL),
                  "It's a12", pieces);
}

/* Text that is not split at all is merged as one piece. */
static void test_no_split(void **state) {
    (void)state;
    lm_error err = {0};
    lm_token_list list = {0};
    lm_text back = {0};
    static const char text[] = "Hello world! It's 2024.\n\n na\u00EFve";
    lm_tokenizer *t = with(BYTE_LEVEL, NULL);
    assert_int_equal(lm_tokenizer_encode(t, text, strlen(text), &list, &err), LM_OK);
    for (int64_t i = 0; i < list.count; i++) lm_tokenizer_decode(t, list.ids[i], &back);
    assert_string_equal(back.data, text);
    lm_token_list_free(&list);
    lm_text_free(&back);
    lm_tokenizer_close(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),         cmocka_unit_test(test_any_bytes_are_split),
        cmocka_unit_test(test_limits),         cmocka_unit_test(test_what_engines_read_differently),
        cmocka_unit_test(test_tokenizer_json), cmocka_unit_test(test_splits_of_ours),
        cmocka_unit_test(test_no_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Keys that take several corpora: the mixture of data.train, the named sets of data.val. Mistakes
 * in them are tests/config/bad/mixture*.json. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "config/keys.h"

#define RUN   "{\"run\": {\"dir\": \"r\"}, \"data\": {"
#define SOUND RUN "\"train\": \"t\"}}"

static lm_config c;
static lm_error err;

static lm_status parse(const char *text, const char *set) {
    return lm_config_parse(&c, "f.json", text, strlen(text), &set, set != NULL, &err);
}

static void expect(const char *text, const char *set) {
    if (parse(text, set) != LM_OK) fail_msg("%s", err.message);
}

static void expect_error(const char *text, const char *set, const char *message) {
    assert_int_equal(parse(text, set), LM_ERR_USAGE);
    if (!strstr(err.message, message)) fail_msg("expected \"%s\" in: %s", message, err.message);
    lm_config_free(&c);
}

static void expect_printed(const char *key, const char *expected) {
    lm_text out = {0};
    lm_key_print(lm_key_at(lm_key_find(key)), &c, &out);
    assert_string_equal(lm_text_cstr(&out), expected);
    lm_text_free(&out);
}

static void test_a_mixture(void **state) {
    (void)state;
    expect(RUN "\"train\": [{\"path\": \"a\", \"weight\": 7}, // a comment\n"
               "{\"weight\": 3e0, \"name\": \"code\", \"path\": \"~/b\"}]}}",
           NULL);
    assert_int_equal(c.data.train.count, 2);
    assert_null(c.data.train.items[0].name);
    assert_string_equal(c.data.train.items[0].path, "a");
    assert_true(c.data.train.items[0].weight == 7);
    assert_string_equal(c.data.train.items[1].name, "code");
    assert_string_equal(c.data.train.items[1].path, "/h/b");
    assert_true(c.data.train.items[1].weight == 3);
    expect_printed("data.train", "[{\"path\": \"a\", \"weight\": 7}, "
                                 "{\"name\": \"code\", \"path\": \"/h/b\", \"weight\": 3}]");
    lm_config_free(&c);
}

/* So that equal runs have equal checkpoints. */
static void test_a_list_of_one_is_a_path(void **state) {
    (void)state;
    static const char *const lists[] = {"[{\"path\": \"a\", \"weight\": 0.5}]",
                                        "[{\"path\": \"a\"}]", "\"a\""};
    for (int i = 0; i < 3; i++) {
        lm_text text = {0};
        lm_text_printf(&text, RUN "\"train\": %s}}", lists[i]);
        expect(text.data, NULL);
        assert_int_equal(c.data.train.count, 1);
        assert_true(c.data.train.items[0].weight == 0);
        expect_printed("data.train", "\"a\"");
        expect_printed("data.val", "\"\"");
        lm_config_free(&c);
        lm_text_free(&text);
    }
}

static void test_named_sets(void **state) {
    (void)state;
    expect(RUN "\"train\": \"t\", \"val\": {\"prose\": \"v/p\", \"code\": \"v/c\"}}}", NULL);
    assert_int_equal(c.data.val.count, 2);
    assert_string_equal(c.data.val.items[1].name, "code");
    assert_string_equal(c.data.val.items[1].path, "v/c");
    expect_printed("data.val", "{\"prose\": \"v/p\", \"code\": \"v/c\"}");
    lm_config_free(&c);
    /* The keys of validation are known then. */
    expect(RUN "\"train\": \"t\", \"val\": {\"prose\": \"p\"}}, \"eval\": {\"every\": 3}}", NULL);
    expect_printed("data.val", "{\"prose\": \"p\"}");
    lm_config_free(&c);
}

static void test_overrides(void **state) {
    (void)state;
    expect(SOUND,
           "data.train= [ {\"path\": \"a\", \"weight\": 1}, {\"path\": \"b\", \"weight\": 1}]");
    assert_int_equal(c.data.train.count, 2);
    lm_config_free(&c);
    expect(SOUND, "data.val={\"x\": \"v\"}");
    assert_string_equal(c.data.val.items[0].name, "x");
    lm_config_free(&c);
    expect(SOUND, "data={\"train\": [{\"path\": \"a\", \"weight\": 1}, {\"path\": \"b\","
                  " \"weight\": 1}]}");
    assert_int_equal(c.data.train.count, 2);
    lm_config_free(&c);
    expect(SOUND, "data.train=[ab]*.bin"); /* a pattern */
    assert_string_equal(c.data.train.items[0].path, "[ab]*.bin");
    lm_config_free(&c);
    expect_error(SOUND, "data.train=[{\"path\": \"a\"",
                 "--set data.train=[{\"path\": \"a\": syntax");
    expect_error(SOUND, "data.train=[]", "--set data.train=[]: data.train: expected a source or");
    expect_error(SOUND, "data.train=", "data.train: expected a path, found an empty string");
    expect_error(SOUND, "data.val={\"x\": 1}", "--set data.val={\"x\": 1}: data.val.x: expected a");
}

static void test_limits(void **state) {
    (void)state;
    lm_text many = {0};
    for (int n = 256; n <= 257; n++) {
        many.length = 0;
        lm_text_printf(&many, RUN "\"train\": [");
        for (int i = 0; i < n; i++)
            lm_text_printf(&many, "%s{\"path\": \"p%d\", \"weight\": 1}", i ? ", " : "", i);
        lm_text_printf(&many, "]}}");
        if (n == 256) {
            expect(many.data, NULL);
            assert_int_equal(c.data.train.count, 256);
            lm_config_free(&c);
        } else {
            expect_error(many.data, NULL, "data.train: expected 256 sources at most, found 257");
        }
    }
    lm_text_free(&many);
}

/* What a checkpoint says is taken as it is; what is not known in it, a newer lmtrain wrote. */
static void test_checkpoints(void **state) {
    (void)state;
    lm_text newer = {0};
    static const char *const texts[] = {
        "{\"data\": {\"train\": [{\"path\": \"~/a\", \"weight\": 1}, {\"path\": \"b\","
        " \"weight\": 2}]}}",
        "{\"data\": {\"train\": [{\"path\": \"~/a\", \"weight\": 1}, {\"path\": \"b\","
        " \"weight\": 2, \"until\": 3}]}}",
    };
    assert_int_equal(lm_config_parse_saved(&c, "x", texts[0], strlen(texts[0]), NULL, &err), LM_OK);
    assert_string_equal(c.data.train.items[0].path, "~/a");
    lm_config_free(&c);
    assert_int_equal(lm_config_parse_saved(&c, "x", texts[1], strlen(texts[1]), NULL, &err),
                     LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "written by a newer lmtrain"));
    assert_non_null(strstr(err.message, "unknown key \"data.train[1].until\""));
    lm_config_free(&c);
    assert_int_equal(lm_config_parse_saved(&c, "x", texts[1], strlen(texts[1]), &newer, &err),
                     LM_OK);
    assert_non_null(strstr(lm_text_cstr(&newer), "data.train"));
    expect_printed("data.train", "\"\"");
    lm_text_free(&newer);
    lm_config_free(&c);
}

/* Text in which bytes were changed gives a config or an error; a config then has its corpora. */
static void test_mangled_text(void **state) {
    (void)state;
    static const char good[] =
        RUN "\"train\": [{\"path\": \"a\", \"weight\": 7.5}, {\"weight\": 3, \"name\":"
            " \"code\", \"path\": \"b\"}], \"val\": {\"prose\": \"p\", \"code\": \"c\"}}}";
    static const char bytes[] = "{}[]\",:\\/*019.eE+-tn \n\xff\x00\xc3";
    const lm_rng rng = {.seed = 13, .purpose = LM_RNG_TEST};
    char text[sizeof good];
    int accepted = 0;
    for (uint64_t i = 0; i < 10000; i++) {
        memcpy(text, good, sizeof good);
        for (uint64_t change = 0; change < 1 + i % 3; change++) {
            uint32_t words[4];
            lm_rng_block(&rng, 4 * i + change, words);
            text[words[0] % (sizeof good - 1)] = bytes[words[1] % (sizeof bytes - 1)];
        }
        if (lm_config_parse(&c, "mangled", text, sizeof good - 1, NULL, 0, &err) == LM_OK) {
            accepted++;
            assert_true(c.data.train.count > 0);
            for (int64_t k = 0; k < c.data.train.count; k++)
                assert_true(*lm_data_source_name(&c.data.train.items[k]) &&
                            (c.data.train.count == 1 || c.data.train.items[k].weight > 0));
        }
        lm_config_free(&c);
    }
    assert_true(accepted > 100);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_mixture),    cmocka_unit_test(test_a_list_of_one_is_a_path),
        cmocka_unit_test(test_named_sets),   cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_mangled_text),
    };
    setenv("HOME", "/h", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}

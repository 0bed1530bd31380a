/* Overrides that make keys of the file moot, and --unset. */
#include "tests/support/test.h"

#include <string.h>

#include "config/keys.h"

#define RUN   "{\"run\": {\"dir\": \"r\"}, \"data\": {\"train\": \"t\", \"val\": \"v\"}"
#define MODEL ", \"model\": {\"d_model\": 64}"

static lm_config c;
static lm_error err;

/* The file has `more` behind RUN; a and b are overrides, b may be NULL. */
static lm_status parse(const char *more, const char *a, const char *b) {
    lm_text text = {0};
    const char *const set[] = {a, b};
    lm_text_printf(&text, RUN "%s}", more);
    lm_status status =
        lm_config_parse(&c, "f.json", lm_text_cstr(&text), text.length, set, b ? 2 : 1, &err);
    lm_text_free(&text);
    return status;
}

static void expect(const char *more, const char *a, const char *b) {
    if (parse(more, a, b) != LM_OK) fail_msg("%s", err.message);
}

static void expect_error(const char *more, const char *a, const char *b, const char *message) {
    assert_int_equal(parse(more, a, b), LM_ERR_USAGE);
    if (!strstr(err.message, message)) fail_msg("expected \"%s\" in: %s", message, err.message);
    lm_config_free(&c);
}

static bool given(const char *path) {
    return c.given[lm_key_find(path)];
}

static void test_a_key_of_the_file_that_an_override_makes_moot_is_left_out(void **state) {
    (void)state;
    static const struct {
        const char *more, *set, *key, *note;
    } rows[] = {
        {", \"schedule\": {\"min_lr_ratio\": 0.5}", "schedule.name=constant",
         "schedule.min_lr_ratio",
         "note: f.json:1:88: schedule.min_lr_ratio has no effect when schedule.name is "
         "\"constant\": left out\n"},
        {", \"optimizer\": {\"beta2\": 0.9}", "optimizer.name=sgd", "optimizer.beta2",
         "optimizer.beta2 has no effect when optimizer.name is \"sgd\": left out\n"},
        {", \"eval\": {\"every\": 7}", "data.val=", "eval.every",
         "eval.every has no effect when data.val is \"\": left out\n"},
        {", \"eval\": {\"every\": 7}", "-data.val", "eval.every",
         "eval.every has no effect when data.val is \"\": left out\n"},
        {MODEL ", \"model.rope_theta\": 5e3", "model.preset=gpt2", "model.rope_theta",
         "model.rope_theta has no effect when model.position is \"learned\": left out\n"},
        {", \"train\": {\"micro_batch\": 2, \"grad_accumulation\": 2}", "train.batch=32",
         "train.grad_accumulation",
         "train.grad_accumulation has no effect when train.batch is given: left out\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lm_text printed = {0};
        lm_config again;
        expect(rows[i].more, rows[i].set, NULL);
        if (!strstr(lm_text_cstr(&c.notes), rows[i].note))
            fail_msg("expected \"%s\" in: %s", rows[i].note, lm_text_cstr(&c.notes));
        assert_false(given(rows[i].key));
        lm_config_print(&c, &printed); /* which reads back */
        if (lm_config_parse(&again, "p", printed.data, printed.length, NULL, 0, &err) != LM_OK)
            fail_msg("%s", err.message);
        lm_config_free(&again);
        lm_text_free(&printed);
        lm_config_free(&c);
    }
}

static void test_keys_of_groups_are_left_out_alike(void **state) {
    (void)state;
    const char *more =
        ", \"optimizer\": {\"groups\": {\"e\": {\"match\": \"wte.*\", \"beta2\": 0.9, "
        "\"lr\": 0.5}}}";
    expect(more, "optimizer.name=sgd", NULL);
    assert_non_null(strstr(lm_text_cstr(&c.notes), "optimizer.groups.e.beta2 has no effect when"));
    assert_true(lm_group_options(&c, 0).lr == 0.5);
    lm_config_free(&c);
    expect(more, "-optimizer.groups", NULL);
    assert_int_equal(c.groups.count, 0);
    lm_config_free(&c);
    expect_error(more, "optimizer.name=sgd", "optimizer.groups.e.beta2=0.8", "has no effect when");
}

static void test_one_that_the_file_decides_stays_an_error(void **state) {
    (void)state;
    const char *sgd = ", \"optimizer\": {\"name\": \"sgd\"}";
    expect_error(sgd, "optimizer.beta2=0.9", NULL,
                 "--set optimizer.beta2=0.9: optimizer.beta2 has no effect when optimizer.name is");
    expect_error(", \"optimizer\": {\"name\": \"sgd\", \"beta2\": 0.9}", "optimizer.lr=1", NULL,
                 "optimizer.beta2 has no effect");
}

static void test_two_overrides_that_contradict_each_other_are_an_error(void **state) {
    (void)state;
    expect_error("", "optimizer.name=sgd", "optimizer.beta2=0.9",
                 "--set optimizer.beta2=0.9: optimizer.beta2 has no effect");
    expect_error("", "-optimizer.lr", "optimizer.lr=1",
                 "--set optimizer.lr=1: contradicts --unset optimizer.lr");
    expect_error("", "optimizer.lr=1", "-optimizer.lr",
                 "--set optimizer.lr=1: contradicts --unset optimizer.lr");
}

static void test_two_values_of_one_key_are_an_error_and_equal_ones_are_not(void **state) {
    (void)state;
    static const char *const groups =
        ", \"optimizer\": {\"groups\": {\"e\": {\"match\": \"wte.*\"}}}";
    expect_error("", "optimizer.lr=1e-3", "optimizer.lr=2e-3",
                 "--set optimizer.lr=2e-3: contradicts --set optimizer.lr=1e-3");
    expect_error("", "model.d_model=32", "model={\"d_model\": 64}",
                 "--set model={\"d_model\": 64}: contradicts --set model.d_model=32");
    expect_error("", "model={\"d_model\": 32}", "model={\"n_layers\": 2, \"d_model\": 64}",
                 "contradicts --set model={\"d_model\": 32}");
    expect_error("", "data.train=a",
                 "data.train=[{\"path\": \"b\", \"weight\": 1}, {\"path\": \"c\", \"weight\": 1}]",
                 "contradicts --set data.train=a");
    expect_error(groups, "optimizer.groups.e.lr=0.5", "optimizer.groups.e.lr=0.25",
                 "contradicts --set optimizer.groups.e.lr=0.5");
    expect("", "optimizer.lr=1e-3", "optimizer.lr=0.001");
    lm_config_free(&c);
    expect(groups, "optimizer.groups.e.lr=0.5", "optimizer.groups.e.beta1=0.5");
    lm_config_free(&c);
    expect("", "model={\"d_model\": 32, \"n_layers\": 3}", "model.d_model=64");
    assert_int_equal(c.model.d_model, 64); /* a key changes what its section gave */
    assert_int_equal(c.model.n_layers, 3);
    lm_config_free(&c);
    expect("", "optimizer.lr=1e-3", "=optimizer.lr=2e-3"); /* the command decides */
    assert_true(c.optimizer.lr == 2e-3);
    lm_config_free(&c);
}

static void test_unset_takes_away_what_the_file_gives(void **state) {
    (void)state;
    const char *more = MODEL ", \"eval\": {\"every\": 7, \"tokens\": 9}";
    expect(more, "-model.d_model", "-data.val");
    assert_false(given("model.d_model"));
    assert_int_equal(c.data.val.count, 0);
    lm_config_free(&c);
    expect(more, "-eval", "eval.every=8"); /* a whole section, of which one is given anew */
    assert_int_equal(c.eval.every, 8);
    assert_false(given("eval.tokens"));
    assert_int_equal(c.notes.length, 0);
    lm_config_free(&c);
    expect(more, "-optimizer.lr", NULL); /* which it does not give */
    lm_config_free(&c);
    expect_error(more, "-run.dir", NULL, "f.json: run.dir: required, but not given");
    expect_error(more, "-model.d_modle", NULL, "did you mean \"model.d_model\"?");
}

static void test_an_object_gives_keys_and_leaves_the_others(void **state) {
    (void)state;
    expect(MODEL, "model={\"n_heads\": 2, // two\n\"n_layers\": 3}", NULL);
    assert_int_equal(c.model.d_model, 64);
    assert_int_equal(c.model.n_heads, 2);
    assert_int_equal(c.model.n_layers, 3);
    lm_config_free(&c);
    expect_error("", "model={\"n_heads\": 2,}", NULL, "--set model=");
    expect_error("", "model=3", NULL, "model: expected an object");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_key_of_the_file_that_an_override_makes_moot_is_left_out),
        cmocka_unit_test(test_keys_of_groups_are_left_out_alike),
        cmocka_unit_test(test_one_that_the_file_decides_stays_an_error),
        cmocka_unit_test(test_two_overrides_that_contradict_each_other_are_an_error),
        cmocka_unit_test(test_two_values_of_one_key_are_an_error_and_equal_ones_are_not),
        cmocka_unit_test(test_unset_takes_away_what_the_file_gives),
        cmocka_unit_test(test_an_object_gives_keys_and_leaves_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

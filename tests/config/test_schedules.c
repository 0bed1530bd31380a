/* The keys of the section "schedule" that take objects: what is read, printed and refused. */
#include "tests/support/test.h"

#include <string.h>

#include "config/keys.h"

static lm_config c;
static lm_error err;

static lm_status parse(const char *schedule, const char *const *sets, int n) {
    lm_text text = {0};
    lm_text_printf(&text,
                   "{\"run\": {\"dir\": \"r\"}, \"data\": {\"train\": \"t\"}, \"train\":"
                   " {\"steps\": 200, \"batch\": 32, \"lanes\": 2}, \"optimizer\": {\"name\":"
                   " \"momentum\"}, \"schedule\": %s}",
                   schedule);
    lm_status status =
        lm_config_parse(&c, "f.json", lm_text_cstr(&text), text.length, sets, n, &err);
    lm_text_free(&text);
    return status;
}

static void expect(const char *schedule, const char *const *sets, int n) {
    if (parse(schedule, sets, n) != LM_OK) fail_msg("%s", err.message);
}

static void expect_printed(const char *key, const char *expected) {
    lm_text out = {0};
    lm_key_print(lm_key_at(lm_key_find(key)), &c, &out);
    assert_string_equal(lm_text_cstr(&out), expected);
    lm_text_free(&out);
}

static void test_objects_and_names(void **state) {
    (void)state;
    expect("{\"lr\": {\"shape\": \"wsd\", \"warmup\": \"5%\", \"decay\": \"1M tokens\","
           " \"decay_shape\": \"power\", \"power\": 2, \"end\": 0.01},"
           " \"momentum\": {\"start\": 0.8, \"warmup\": 50}, \"weight_decay\": \"cosine\","
           " \"batch\": {\"stages\": [[0, 8], [\"33%\", 16]]},"
           " \"window\": {\"shape\": \"constant\", \"start\": 16, \"warmup\": \"50%\"}}",
           NULL, 0);
    expect_printed("schedule.lr", "{\"shape\": \"wsd\", \"warmup\": \"5%\", \"decay\":"
                                  " \"1000000 tokens\", \"decay_shape\": \"power\", \"power\": 2,"
                                  " \"end\": 0.01}");
    expect_printed("schedule.momentum",
                   "{\"shape\": \"constant\", \"warmup\": 50, \"start\": 0.8}");
    expect_printed("schedule.weight_decay", "{\"shape\": \"cosine\"}");
    expect_printed("schedule.batch",
                   "{\"shape\": \"stages\", \"stages\": [[0, 8], [\"33%\", 16]]}");
    assert_true(c.schedule.weight_decay.warmup.amount == 0);
    lm_config_free(&c);
    /* The default warm-up of the learning rate is that of the short form. */
    expect("{\"lr\": \"linear\"}", NULL, 0);
    assert_true(c.schedule.lr.warmup.amount == 20 && c.schedule.lr.end == 0);
    lm_config_free(&c);
}

static void test_the_printed_config_is_read_back(void **state) {
    (void)state;
    lm_text text = {0}, again = {0};
    expect("{\"lr\": {\"shape\": \"inverse_sqrt\", \"decay\": 0}, \"batch\": {\"shape\":"
           " \"linear\", \"end\": 4}, \"window\": {\"stages\": [[\"2k tokens\", 7]]}}",
           NULL, 0);
    lm_config_print_result(&c, &text);
    assert_null(strstr(lm_text_cstr(&text), "warmup_steps"));
    assert_null(strstr(lm_text_cstr(&text), "null"));
    lm_config_free(&c);
    assert_int_equal(
        lm_config_parse_saved(&c, "meta", lm_text_cstr(&text), text.length, NULL, &err), LM_OK);
    lm_config_print_result(&c, &again);
    assert_string_equal(lm_text_cstr(&again), lm_text_cstr(&text));
    lm_config_free(&c);
    lm_text_free(&text);
    lm_text_free(&again);
}

static void test_overrides_reach_members(void **state) {
    (void)state;
    static const char *const sets[] = {"schedule.lr=wsd", "schedule.lr.decay=40%",
                                       "schedule.lr.end=.1", "schedule.lr.warmup=2k tokens"};
    expect("{\"lr\": {\"shape\": \"cosine\", \"end\": 0.5}}", sets, 4);
    expect_printed("schedule.lr", "{\"shape\": \"wsd\", \"warmup\": \"2000 tokens\", \"decay\":"
                                  " \"40%\", \"end\": 0.1}");
    lm_config_free(&c);
}

static void test_mistakes_are_named(void **state) {
    (void)state;
    static const struct {
        const char *schedule, *message;
    } rows[] = {
        {"{\"lr\": 3}", "schedule.lr: expected an object {\"shape\": ..., ...} or the name"},
        {"{\"lr\": \"wsdd\"}", "schedule.lr: expected one of: constant, cosine, linear"},
        {"{\"lr\": \"stages\"}", "schedule.lr: expected one of: constant"},
        {"{\"lr\": {\"shap\": \"wsd\"}}",
         "unknown key \"schedule.lr.shap\"; did you mean \"shape\"?"},
        {"{\"lr\": {\"warmup\": \"5\"}, \"name\": \"linear\"}",
         "schedule.name has no effect when schedule.lr is {\"shape\": \"constant\""},
        {"{\"lr\": {\"warmup\": 0.5}}",
         "schedule.lr.warmup: expected a length such as 300, \"5%\""},
        {"{\"lr\": {\"warmup\": \"30m\"}}", "schedule.lr.warmup: expected a length such as 300"},
        {"{\"lr\": {\"shape\": \"cosine\", \"decay\": 3}}",
         "schedule.lr.decay has no effect with this shape"},
        {"{\"lr\": {\"shape\": \"constant\", \"end\": 0.5}}",
         "schedule.lr.end has no effect with this shape"},
        {"{\"lr\": {\"shape\": \"wsd\", \"power\": 2}}",
         "schedule.lr.power has no effect with another decay_shape than power"},
        {"{\"lr\": {\"shape\": \"wsd\", \"power\": 0}}",
         "schedule.lr.power: expected a number above 0, at most 100, found 0"},
        {"{\"lr\": {\"warmup\": 0, \"start\": 0.1}}", "schedule.lr.start has no effect without a"},
        {"{\"lr\": {\"shape\": \"wsd\", \"warmup\": 150, \"decay\": \"50%\"}}",
         "schedule.lr: warmup and decay take 250 steps, more than train.steps = 200"},
        {"{\"momentum\": {\"warmup\": 10}}", "schedule.momentum: a warmup needs a \"start\""},
        {"{\"momentum\": \"linear\"}", "schedule.momentum: this shape needs an \"end\""},
        {"{\"momentum\": {\"warmup\": 10, \"start\": 1}}",
         "schedule.momentum.start: expected a number from 0 to 0.9999999, found 1"},
        {"{\"batch\": {\"stages\": [[0, 8.5]]}}",
         "schedule.batch.stages: expected a whole number from 1 to 2147483647, found 8.5"},
        {"{\"batch\": {\"stages\": [[0, 33]]}}",
         "schedule.batch: 33 windows are more than train.batch = 32"},
        {"{\"batch\": {\"stages\": []}}", "schedule.batch.stages: expected a list of stages"},
        {"{\"batch\": {\"stages\": [[0]]}}", "expected a list of stages [[LENGTH, VALUE], ...]"},
        {"{\"batch\": {\"stages\": [[9, 8], [9, 16]]}}",
         "a stage that begins after the one before"},
        {"{\"batch\": {\"shape\": \"stages\"}}", "the shape stages needs \"stages\""},
        {"{\"batch\": {\"shape\": \"linear\", \"warmup\": \"1k tokens\", \"start\": 1, \"end\": "
         "2}}",
         "schedule.batch: with this shape lengths cannot be tokens"},
        {"{\"window\": {\"stages\": [[0, 1000]]}}",
         "schedule.window: 1000 tokens are more than model.context_length = 256"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(parse(rows[i].schedule, NULL, 0), LM_ERR_USAGE);
        if (!strstr(err.message, rows[i].message))
            fail_msg("expected \"%s\" in: %s", rows[i].message, err.message);
        lm_config_free(&c);
    }
}

/* An override that makes a schedule of the file moot leaves it out. */
static void test_a_schedule_that_an_override_makes_moot(void **state) {
    (void)state;
    static const char *const adam[] = {"optimizer.name=adam"};
    expect("{\"momentum\": {\"warmup\": 10, \"start\": 0.5}}", adam, 1);
    assert_false(c.schedule.momentum.given);
    lm_config_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_objects_and_names),
        cmocka_unit_test(test_the_printed_config_is_read_back),
        cmocka_unit_test(test_overrides_reach_members),
        cmocka_unit_test(test_mistakes_are_named),
        cmocka_unit_test(test_a_schedule_that_an_override_makes_moot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

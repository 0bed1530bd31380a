/* What a space may name beside plain keys: parts of values, sections, constants. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "sweep/sweep.h"
#include "tests/support/tempdir.h"

/* The base has a group and a schedule; `section` is more of the sweep's keys. */
static lm_status open_space(lm_sweep *s, const char *section, const char *space, lm_error *err) {
    char text[4096];
    char *path = lm_file_join(tempdir, "s.json");
    snprintf(text, sizeof text,
             "{\"sweep\": {\"dir\": \"d\", %s}, \"base\": {\"data\": {\"train\": \"t\"},\n"
             " \"train\": {\"steps\": 100}, \"model\": {\"d_model\": 64, \"n_heads\": 4},\n"
             " \"optimizer\": {\"groups\": {\"embed\": {\"match\": \"wte.*\", \"lr\": 0.5}}},\n"
             " \"schedule\": {\"lr\": {\"shape\": \"wsd\", \"warmup\": 10}}},\n"
             " \"space\": {%s}}",
             section, space);
    assert_int_equal(lm_file_replace(path, text, strlen(text), err), LM_OK);
    lm_status status = lm_sweep_open(s, path, NULL, err);
    free(path);
    return status;
}

static void open_sound(lm_sweep *s, const char *section, const char *space) {
    lm_error err = {0};
    if (open_space(s, section, space, &err) != LM_OK) fail_msg("%s", err.message);
}

static void expect(const lm_sweep *s, int64_t setting, const char *want) {
    lm_text text = {0};
    lm_sweep_describe(s, setting, &text);
    assert_string_equal(lm_text_cstr(&text), want);
    lm_text_free(&text);
}

/* The setting's config holds the text. */
static void expect_config(const lm_sweep *s, int64_t setting, const char *want) {
    lm_config c;
    lm_error err = {0};
    lm_text text = {0};
    if (lm_sweep_config(s, setting, "x", &c, &err) != LM_OK) fail_msg("%s", err.message);
    lm_config_print(&c, &text);
    if (!strstr(lm_text_cstr(&text), want))
        fail_msg("expected %s in: %s", want, lm_text_cstr(&text));
    lm_text_free(&text);
    lm_config_free(&c);
}

#define GRID "\"method\": \"grid\", \"baseline\": false"

static void test_parts(void **state) {
    (void)state;
    lm_sweep s;
    open_sound(&s, GRID,
               "\"optimizer.groups.embed.lr\": [0.1, 0.2],"
               " \"optimizer.groups.head\": [{\"match\": \"head.*\", \"lr_scale\": 2}],"
               " \"schedule.lr.warmup\": [\"5%\", \"7%\"],"
               " \"optimizer.lr\": \"optimizer.groups.embed.lr / 10\","
               " \"optimizer.weight_decay\": \"if(schedule.lr.warmup == '7%', 0.3, 0.2)\"");
    assert_int_equal(s.n_points, 4);
    expect(&s, 1,
           "optimizer.groups.embed.lr = 0.1, optimizer.groups.head = {\"match\": \"head.*\","
           " \"lr_scale\": 2}, schedule.lr.warmup = \"7%\", optimizer.lr = 0.01,"
           " optimizer.weight_decay = 0.3");
    expect_config(&s, 1, "\"embed\": {\"match\": \"wte.*\", \"lr\": 0.1}");
    expect_config(&s, 1, "\"head\": {\"match\": \"head.*\", \"lr_scale\": 2}");
    expect_config(&s, 1, "\"lr\": {\"shape\": \"wsd\", \"warmup\": \"7%\"}");
    expect_config(&s, 2, "\"warmup\": \"5%\"");
    lm_sweep_close(&s);
    /* Ranges, and a part that the base alone gives. */
    open_sound(&s, "\"points\": 8",
               "\"optimizer.groups.v.match\": \"'wv.*'\","
               " \"optimizer.groups.v.lr_scale\": {\"log_uniform\": [0.5, 2]},"
               " \"optimizer.groups.embed.weight_decay\": {\"uniform\": [0, 1]},"
               " \"schedule.lr.warmup\": {\"integer\": [0, 50]},"
               " \"optimizer.lr\": \"schedule.lr.warmup / 1000 + 0.001\"");
    lm_sweep_close(&s);
    open_sound(&s, GRID, "\"optimizer.lr\": \"optimizer.groups.embed.lr / 5\"");
    expect(&s, 0, "optimizer.lr = 0.1");
    lm_sweep_close(&s);
}

/* Objects of a section give several keys together; expressions see what they give, and the base's
 * value of what they leave out. */
static void test_sections(void **state) {
    (void)state;
    lm_sweep s;
    open_sound(&s, GRID,
               "\"model\": [{\"d_model\": 128, \"n_layers\": 2}, {\"n_layers\": 8}],"
               " \"optimizer\": {\"lr\": \"0.64 / model.d_model\", \"beta2\": [0.9, 0.99]}");
    assert_int_equal(s.n_points, 4);
    expect(&s, 0,
           "model = {\"d_model\": 128, \"n_layers\": 2}, optimizer.lr = 0.005,"
           " optimizer.beta2 = 0.9");
    expect(&s, 3, "model = {\"n_layers\": 8}, optimizer.lr = 0.01, optimizer.beta2 = 0.99");
    expect_config(&s, 0, "\"d_model\": 128");
    expect_config(&s, 3, "\"d_model\": 64");
    expect_config(&s, 3, "\"n_layers\": 8");
    lm_sweep_close(&s);
}

/* What all settings have, the base has too; lists of one value are choices like others. */
static void test_constants(void **state) {
    (void)state;
    lm_sweep s;
    open_sound(&s, "\"method\": \"grid\"",
               "\"train.steps\": 50, \"optimizer.name\": \"'lion'\", \"model.n_heads\": [2],"
               " \"optimizer.lr\": [0.1, 0.2]");
    expect(&s, 0, "the base config");
    expect_config(&s, 0, "\"steps\": 50");
    expect_config(&s, 0, "\"n_heads\": 4");
    expect(&s, 1, "model.n_heads = 2, optimizer.lr = 0.1");
    expect_config(&s, 1, "\"steps\": 50");
    assert_int_equal(s.settings[0].steps, 50);
    lm_sweep_close(&s);
}

static void test_bad_keys(void **state) {
    (void)state;
    static const struct {
        const char *space, *error;
    } cases[] = {
        {"\"optimizer.groups.embed.lr\": [0.1, \"x\"]",
         "s.json:5:47: optimizer.groups.embed.lr: expected a number above 0"},
        {"\"optimizer.groups.embed.rl\": [0.1]", "unknown key \"optimizer.groups.embed.rl\"; did"},
        {"\"optimizer.groups.embed.lr\": {\"uniform\": [-1, 1]}",
         "5:54: optimizer.groups.embed.lr: expected a number above 0"},
        {"\"optimizer.groups.embed.name\": {\"uniform\": [0, 1]}",
         "optimizer.groups.embed.name: expected one of:"},
        {"\"schedule.window.start\": {\"uniform\": [2, 5]}",
         "takes whole numbers: expected \"integer\" or \"power_of_two\", found \"uniform\""},
        {"\"schedule.lr.warmup\": [\"5 parsecs\"]",
         "5:35: schedule.lr.warmup: expected a length such as"},
        {"\"schedule.lr\": {\"choice\": [\"zigzag\"]}", "schedule.lr: expected one of:"},
        {"\"model\": [{\"d_modle\": 3}]", "5:22: unknown key \"model.d_modle\"; did you mean"},
        {"\"model\": [3]", "model: expected an object"},
        {"\"modle\": [{}]", "unknown key \"modle\"; did you mean \"model\"?"},
        {"\"model\": {\"d_modle\": [3]}", "5:22: unknown key \"model.d_modle\"; did you mean"},
        {"\"run\": [{\"seed\": 3}]", "give sweep.seeds"},
        {"\"run\": {\"dir\": [\"x\"]}", "run.dir is each trial's own"},
        {"\"model\": [{\"d_model\": 32}], \"model.d_model\": [64]",
         "model.d_model: \"model\" of this space gives it too"},
        {"\"optimizer.groups.embed.lr\": [0.1], \"optimizer.groups\": [{}]",
         "optimizer.groups.embed.lr: \"optimizer.groups\" of this space gives it too"},
        {"\"model.n_layers\": [1], \"model\": {\"n_layers\": [2]}",
         "duplicate key \"model.n_layers\""},
        {"\"optimizer.lr\": \"optimizer.groups.head.lr\"",
         "is given neither by the space nor by the base config"},
        {"\"optimizer.groups.embed.lr\": \"0 - 1\"",
         "its value: optimizer.groups.embed.lr: expected a number above 0"},
        {"\"optimizer.lr\": null", "optimizer.lr: expected a value, found null"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lm_sweep s;
        lm_error err = {0};
        if (open_space(&s, "\"points\": 4", cases[i].space, &err) != LM_ERR_USAGE ||
            !strstr(err.message, cases[i].error))
            fail_msg("%s: expected \"%s\" in: %s", cases[i].space, cases[i].error, err.message);
        lm_sweep_close(&s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_sections),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_bad_keys),
    };
    return cmocka_run_group_tests(tests, tempdir_open, tempdir_close);
}

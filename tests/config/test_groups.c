/* optimizer.groups: what is read, printed and refused. */
#include "tests/support/test.h"

#include <string.h>

#include "config/keys.h"

#define RUN "{\"run\": {\"dir\": \"r\"}, \"data\": {\"train\": \"t\"}, \"optimizer\": "

static lm_config c;
static lm_error err;

static lm_status parse(const char *text, const char *const *sets, int n) {
    return lm_config_parse(&c, "f.json", text, strlen(text), sets, n, &err);
}

static void expect(const char *text, const char *const *sets, int n) {
    if (parse(text, sets, n) != LM_OK) fail_msg("%s", err.message);
}

static void expect_error(const char *text, const char *set, const char *message) {
    assert_int_equal(parse(text, &set, set != NULL), LM_ERR_USAGE);
    if (!strstr(err.message, message)) fail_msg("expected \"%s\" in: %s", message, err.message);
    lm_config_free(&c);
}

static void expect_printed(const char *expected) {
    lm_text out = {0};
    lm_key_print(lm_key_at(lm_key_find("optimizer.groups")), &c, &out);
    assert_string_equal(lm_text_cstr(&out), expected);
    lm_text_free(&out);
}

static void test_values_are_read_and_the_rest_is_the_optimizers(void **state) {
    (void)state;
    expect(RUN "{\"lr\": 0.5, \"beta1\": 0.8, \"groups\": {\"e\": {\"match\": \"wte.*\", \"lr\": 2,"
               " \"eps\": 1e-10}, \"q-1\": {\"lr_scale\": 0.5, \"match\": \"*.q.*\"}}}}",
           NULL, 0);
    lm_optimizer_options e = lm_group_options(&c, 0), q = lm_group_options(&c, 1);
    assert_int_equal(c.groups.count, 2);
    assert_true(e.lr == 2 && e.eps == 1e-10 && e.beta1 == 0.8 && e.beta2 == c.optimizer.beta2);
    assert_true(q.lr == 0.25 && q.eps == c.optimizer.eps && q.kind == c.optimizer.kind);
    expect_printed("{\"e\": {\"match\": \"wte.*\", \"lr\": 2, \"eps\": 1e-10},"
                   " \"q-1\": {\"match\": \"*.q.*\", \"lr_scale\": 0.5}}");
    lm_config_free(&c);
    expect(RUN "{}}", NULL, 0);
    expect_printed("{}");
    lm_config_free(&c);
}

/* A run's config is read back from a checkpoint as it was. */
static void test_a_saved_config_has_its_groups(void **state) {
    (void)state;
    lm_text text = {0}, again = {0};
    expect(RUN "{\"groups\": {\"e\": {\"match\": \"wte.*\", \"lr\": 2}}}}", NULL, 0);
    lm_config_print_result(&c, &text);
    lm_config_free(&c);
    const char *s = lm_text_cstr(&text);
    assert_int_equal(lm_config_parse_saved(&c, "meta", s, strlen(s), NULL, &err), LM_OK);
    assert_int_equal(c.groups.count, 1);
    lm_config_print_result(&c, &again);
    assert_string_equal(lm_text_cstr(&again), s);
    lm_config_free(&c);
    lm_text_free(&text);
    lm_text_free(&again);
}

static void test_overrides_reach_single_values(void **state) {
    (void)state;
    static const char text[] = RUN "{\"groups\": {\"e\": {\"match\": \"wte.*\", \"lr\": 2}}}}";
    static const char *const sets[] = {"optimizer.groups.e.lr=.5", "optimizer.groups.e.beta1=0",
                                       "optimizer.groups.h.match=lm_head.*",
                                       "optimizer.groups.h={\"eps\": 1e-9}"};
    static const char *const whole[] = {"optimizer.groups={\"x\": {\"match\": \"ln_f.*\"}}"};
    static const char *const none[] = {"optimizer={\"groups\": {}}"};
    expect(text, sets, 4);
    expect_printed("{\"e\": {\"match\": \"wte.*\", \"lr\": 0.5, \"beta1\": 0},"
                   " \"h\": {\"match\": \"lm_head.*\", \"eps\": 1e-09}}");
    lm_config_free(&c);
    expect(text, whole, 1);
    expect_printed("{\"x\": {\"match\": \"ln_f.*\"}}");
    lm_config_free(&c);
    expect(text, none, 1);
    assert_int_equal(c.groups.count, 0);
    lm_config_free(&c);
    expect("{\"run.dir\": \"r\", \"data.train\": \"t\", \"optimizer.groups.e\": {\"match\": \"*\"},"
           " \"optimizer.groups.e.lr\": 3}",
           NULL, 0);
    expect_printed("{\"e\": {\"match\": \"*\", \"lr\": 3}}");
    lm_config_free(&c);
}

static void test_mistakes_are_named(void **state) {
    (void)state;
    static const struct {
        const char *groups, *set, *message;
    } rows[] = {
        {"3", NULL, "f.json:1:"},
        {"3", NULL, "optimizer.groups: expected {\"NAME\": {\"match\": PATTERN, ...}}, found 3"},
        {"{\"e\": 3}", NULL, "optimizer.groups.e: expected an object {\"match\": PATTERN, ...}"},
        {"{\"e\": {\"lr\": 1}}", NULL, "optimizer.groups.e: expected a \"match\", found none"},
        {"{\"e\": {\"match\": 7}}", NULL, "optimizer.groups.e.match: expected a pattern of names"},
        {"{\"e\": {\"match\": \"\"}}", NULL, "optimizer.groups.e.match: expected a pattern"},
        {"{\"e\": {\"match\": \"*\", \"lr\": -1}}", NULL,
         "optimizer.groups.e.lr: expected a number above 0, at most 1000000, found -1"},
        {"{\"e\": {\"match\": \"*\", \"beta1\": true}}", NULL,
         "optimizer.groups.e.beta1: expected"},
        {"{\"e\": {\"match\": \"*\", \"lr_scale\": 0}}", NULL,
         "optimizer.groups.e.lr_scale: expected a number above 0, at most 1000000, found 0"},
        {"{\"e\": {\"match\": \"*\", \"beta\": 1}}", NULL,
         "unknown key \"optimizer.groups.e.beta\"; did you mean \"beta1\"?"},
        {"{\"e\": {\"match\": \"*\", \"lr\": 1, \"lr\": 2}}", NULL,
         "duplicate key \"optimizer.groups.e.lr\""},
        {"{\"e\": {\"match\": \"*\"}, \"e\": {\"match\": \"*\"}}", NULL,
         "duplicate key \"optimizer.groups.e\""},
        {"{\"e\": {\"match\": \"*\", \"lr\": 1, \"lr_scale\": 2}}", NULL, "found both"},
        {"{\"a.b\": {\"match\": \"*\"}}", NULL, "expected a name of up to 64 letters, digits"},
        {"{\"e\": {\"match\": \"*\", \"momentum\": 0.5}}", NULL,
         "optimizer.groups.e.momentum has no effect when its name is adamw"},
        {"{}", "optimizer.groups.e.lr=much",
         "--set optimizer.groups.e.lr=much: "
         "optimizer.groups.e.lr: expected a number"},
        {"{}", "optimizer.groups.e.lr=1", "expected a \"match\", found none"},
        {"{}", "optimizer.groups..lr=1", "found \"\""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lm_text text = {0};
        lm_text_printf(&text, RUN "{\"groups\": %s}}", rows[i].groups);
        expect_error(lm_text_cstr(&text), rows[i].set, rows[i].message);
        lm_text_free(&text);
    }
}

static void test_too_many_groups(void **state) {
    (void)state;
    lm_text text = {0};
    lm_text_printf(&text, RUN "{\"groups\": {");
    for (int i = 0; i <= LM_GROUPS_MOST; i++)
        lm_text_printf(&text, "%s\"g%d\": {\"match\": \"*\"}", i ? ", " : "", i);
    lm_text_printf(&text, "}}}");
    expect_error(lm_text_cstr(&text), NULL, "expected 64 groups at most");
    lm_text_free(&text);
}

static void test_patterns(void **state) {
    (void)state;
    static const struct {
        const char *match, *name;
        bool matches;
    } rows[] = {
        {"wte.*", "wte.weight", true},
        {"wte", "wte.weight", false},
        {"*", "h.0.ln_1.weight", true},
        {"h.*.weight", "h.10.attn.qkv.weight", true},
        {"h.1.*", "h.10.mlp.weight", false},
        {"*.q.*,wte.*", "wte.weight", true},
        {"a,b", "c", false},
        {"a*b*c", "axxbyybzc", true},
        {"a*b*c", "axxbyybz", false},
        {"**", "x", true},
        {"wte.weight*", "wte.weight", true},
        {"a,", "", true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (lm_group_matches(rows[i].match, rows[i].name) != rows[i].matches)
            fail_msg("\"%s\" and \"%s\"", rows[i].match, rows[i].name);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values_are_read_and_the_rest_is_the_optimizers),
        cmocka_unit_test(test_a_saved_config_has_its_groups),
        cmocka_unit_test(test_overrides_reach_single_values),
        cmocka_unit_test(test_mistakes_are_named),
        cmocka_unit_test(test_too_many_groups),
        cmocka_unit_test(test_patterns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Defaults that belong to an optimizer. */
#include "tests/support/test.h"

#include <stdlib.h>

#include "config/keys.h"

static lm_config c;

static void parse(const char *optimizer) {
    lm_text text = {0};
    lm_error err = {0};
    lm_text_printf(&text,
                   "{\"run\": {\"dir\": \"r\"}, \"data\": {\"train\": \"t\"}, \"optimizer\": %s}",
                   optimizer);
    if (lm_config_parse(&c, "f.json", lm_text_cstr(&text), text.length, NULL, 0, &err) != LM_OK)
        fail_msg("%s", err.message);
    lm_text_free(&text);
}

static void test_an_optimizer_has_defaults_of_its_own(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double momentum;
    } cases[] = {{"{\"name\": \"momentum\"}", 0.9},
                 {"{\"name\": \"muon\"}", 0.95},
                 {"{\"name\": \"muon\", \"momentum\": 0.8}", 0.8}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        parse(cases[i].text);
        assert_true(c.optimizer.momentum == cases[i].momentum);
        lm_config_free(&c);
    }
    for (int i = 0; i < lm_n_optimizer_defaults; i++) {
        const lm_key *k = lm_key_at(lm_key_find(lm_optimizer_defaults[i].path));
        assert_true(lm_key_accepts_number(k, strtod(lm_optimizer_defaults[i].value, NULL)));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_an_optimizer_has_defaults_of_its_own)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

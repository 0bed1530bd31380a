/* How many windows a step takes: the keys that say it, together and alone. */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "config/config.h"

#define SOUND "{\"run\": {\"dir\": \"r\"}, \"data\": {\"train\": \"t\"}"

static lm_status parse(lm_config *c, const char *text, lm_error *err) {
    return lm_config_parse(c, "f.json", text, strlen(text), NULL, 0, err);
}

/* train.batch, train.micro_batch and train.grad_accumulation: any two say the third, all three must
 * agree, and what is printed says the same again. */
static void test_batch(void **state) {
    (void)state;
    static const struct {
        const char *train;
        int64_t batch, micro_batch;
    } sound[] = {
        {"", 16, 16},
        {"\"micro_batch\": 4", 4, 4},
        {"\"micro_batch\": 4, \"grad_accumulation\": 3", 12, 4},
        {"\"grad_accumulation\": 3", 48, 16},
        {"\"batch\": 10", 10, 0},
        {"\"batch\": 10, \"micro_batch\": 0", 10, 0},
        {"\"batch\": 10, \"micro_batch\": 4", 10, 4},
        {"\"batch\": 10, \"grad_accumulation\": 5", 10, 2},
        {"\"batch\": 10, \"micro_batch\": 2, \"grad_accumulation\": 5", 10, 2},
        {"\"batch\": 0, \"micro_batch\": 5, \"grad_accumulation\": 0", 5, 5},
        {"\"batch\": 24, \"lanes\": 8", 24, 0},
    };
    static const struct {
        const char *train, *error;
    } wrong[] = {
        {"\"batch\": 10, \"micro_batch\": 4, \"grad_accumulation\": 3",
         "train.batch = 10 is not train.micro_batch = 4 times train.grad_accumulation = 3"},
        {"\"batch\": 10, \"grad_accumulation\": 3",
         "train.batch = 10 is not divisible by train.grad_accumulation = 3"},
        {"\"batch\": 10, \"micro_batch\": 11",
         "train.micro_batch = 11 is more than train.batch = 10"},
        {"\"batch\": 10, \"micro_batch\": 0, \"grad_accumulation\": 5", "train.micro_batch = 0"},
        {"\"micro_batch\": 0", "it needs train.batch"},
        {"\"micro_batch\": 0, \"lanes\": 2", "it needs train.batch"},
        {"\"micro_batch\": 2000000000, \"grad_accumulation\": 2000000000", "is too large"},
        {"\"batch\": 10, \"lanes\": 3", "train.lanes: expected a power of two, found 3"},
        {"\"batch\": 10, \"lanes\": 4", "train.batch = 10 is not divisible by train.lanes = 4"},
        {"\"micro_batch\": 5, \"lanes\": 2", "train.batch = 5 is not divisible by"},
    };
    char text[512];
    lm_error err = {0};
    for (size_t i = 0; i < sizeof sound / sizeof *sound; i++) {
        lm_config c, again;
        lm_text printed = {0}, second = {0};
        snprintf(text, sizeof text, SOUND ", \"train\": {%s}}", sound[i].train);
        if (parse(&c, text, &err) != LM_OK) fail_msg("%s", err.message);
        assert_int_equal(c.train.batch, sound[i].batch);
        assert_int_equal(c.train.micro_batch, sound[i].micro_batch);
        lm_config_print(&c, &printed);
        if (parse(&again, lm_text_cstr(&printed), &err) != LM_OK) fail_msg("%s", err.message);
        lm_config_print(&again, &second);
        assert_string_equal(lm_text_cstr(&second), lm_text_cstr(&printed));
        lm_text_free(&printed);
        lm_text_free(&second);
        lm_config_free(&c);
        lm_config_free(&again);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, SOUND ", \"train\": {%s}}", wrong[i].train);
        lm_config c;
        assert_int_equal(parse(&c, text, &err), LM_ERR_USAGE);
        if (!strstr(err.message, wrong[i].error) || strchr(err.message, '\n'))
            fail_msg("expected \"%s\" alone in: %s", wrong[i].error, err.message);
        lm_config_free(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_batch)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

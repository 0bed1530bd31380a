#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "config/keys.h"

static lm_status parse(lm_config *c, const char *text, lm_text *newer, lm_error *err) {
    return lm_config_parse_saved(c, "c.npz", text, strlen(text), newer, err);
}

/* What checkpoints of the first versions mean by lacking a key never changes: a key whose default
 * changes needs LEGACY. Keys that came later are not in the file. */
static void test_legacy_values_stay(void **state) {
    (void)state;
    lm_error err = {0};
    lm_text text = {0};
    int lines = 0;
    assert_int_equal(lm_file_read("tests/config/legacy.txt", 1 << 16, &text, &err), LM_OK);
    for (char *line = strtok(text.data, "\n"); line; line = strtok(NULL, "\n"), lines++) {
        size_t n = strcspn(line, " ");
        const char *value = line[n] ? line + n + 1 : "";
        line[n] = '\0';
        int key = lm_key_find(line);
        if (key < 0) fail_msg("%s: checkpoints have this key, the table has not", line);
        if (strcmp(lm_key_legacy(lm_key_at(key)), value) != 0)
            fail_msg("%s: its default changed: add LEGACY(\"%s\") to its row", line, value);
    }
    assert_true(lines >= 60);
    lm_text_free(&text);
}

/* A key that is lacking is at its legacy value, whatever the preset and the other keys are. */
static void test_what_a_checkpoint_lacks(void **state) {
    (void)state;
    lm_config c;
    lm_error err = {0};
    if (parse(&c, "{\"model\": {\"preset\": \"gpt2\", \"d_model\": 16}}", NULL, &err) != LM_OK)
        fail_msg("%s", err.message);
    assert_int_equal(c.model.d_model, 16);
    assert_int_equal(c.model.position, LM_POSITION_ROPE); /* not what the preset sets */
    assert_int_equal(c.train.batch, 16);
    for (int key = 0; key < lm_key_count(); key++) {
        const lm_key *k = lm_key_at(key);
        lm_config legacy = {0};
        lm_text expected = {0}, found = {0};
        if (strcmp(k->path, "model.d_model") == 0 || strcmp(k->path, "model.preset") == 0) continue;
        if (strcmp(k->path, "schedule.warmup_steps") == 0) continue; /* cut to a tenth of steps */
        if (strcmp(k->path, "train.batch") == 0) continue;           /* made of the next two */
        if (strcmp(k->path, "train.grad_accumulation") == 0) continue;
        assert_true(lm_key_set_literal(k, &legacy, lm_key_legacy(k)));
        lm_key_print(k, &legacy, &expected);
        lm_key_print(k, &c, &found);
        assert_string_equal(lm_text_cstr(&found), lm_text_cstr(&expected));
        lm_text_free(&expected);
        lm_text_free(&found);
        lm_config_free(&legacy);
    }
    lm_config_free(&c);
    /* The paths in it are those of the run: nothing is expanded again. */
    assert_int_equal(parse(&c, "{\"run\": {\"dir\": \"~you/r\"}}", NULL, &err), LM_OK);
    assert_string_equal(c.run.dir, "~you/r");
    lm_config_free(&c);
}

/* Checkpoints say the batch; those of before train.batch, the micro-batch and how many. */
static void test_batches_of_checkpoints(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t batch, lanes;
    } cases[] = {
        {"{\"train\": {\"micro_batch\": 6, \"grad_accumulation\": 4}}", 24, 1},
        {"{\"train\": {\"micro_batch\": 6, \"grad_accumulation\": 1}}", 6, 1},
        {"{\"train\": {\"batch\": 10, \"lanes\": 2}}", 10, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lm_config c;
        lm_error err = {0};
        if (parse(&c, cases[i].text, NULL, &err) != LM_OK) fail_msg("%s", err.message);
        assert_int_equal(c.train.batch, cases[i].batch);
        assert_int_equal(c.train.lanes, cases[i].lanes);
        lm_config_free(&c);
    }
}

static void test_what_is_not_known_is_of_a_newer_lmtrain(void **state) {
    (void)state;
    static const struct {
        const char *text, *line;
    } cases[] = {
        {"{\"model\": {\"d_model\": 8, \"wings\": 2}}", "model.wings"},
        {"{\"model\": {\"d_model\": 8}, \"wings\": {}}", "wings"},
        {"{\"model\": {\"norm\": \"supernorm\", \"d_model\": 8}}", "supernorm"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lm_config c;
        lm_error err = {0};
        lm_text newer = {0};
        assert_int_equal(parse(&c, cases[i].text, NULL, &err), LM_ERR_USAGE);
        if (!strstr(err.message, "c.npz: written by a newer lmtrain (this one is ") ||
            !strstr(err.message, cases[i].line))
            fail_msg("%s", err.message);
        lm_config_free(&c);
        if (parse(&c, cases[i].text, &newer, &err) != LM_OK) fail_msg("%s", err.message);
        assert_int_equal(c.model.d_model, 8);
        assert_non_null(strstr(lm_text_cstr(&newer), cases[i].line));
        lm_text_free(&newer);
        lm_config_free(&c);
    }
    /* A value out of range is no sign of a newer one. */
    lm_config c;
    lm_error err = {0};
    assert_int_equal(parse(&c, "{\"model\": {\"d_model\": 0}}", NULL, &err), LM_ERR_USAGE);
    assert_null(strstr(err.message, "newer"));
    lm_config_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_legacy_values_stay),
        cmocka_unit_test(test_what_a_checkpoint_lacks),
        cmocka_unit_test(test_batches_of_checkpoints),
        cmocka_unit_test(test_what_is_not_known_is_of_a_newer_lmtrain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

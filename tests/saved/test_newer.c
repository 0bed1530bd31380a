/* Checkpoints that a newer lmtrain has written, and ones whose figures cannot be. */
#include "tests/support/test.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "checkpoint/checkpoint.h"
#include "cli/commands.h"
#include "saved/meta.h"
#include "saved/saved.h"
#include "tests/support/tempdir.h"

/* meta.json of a run, malloc'd, with one text in it replaced. */
static char *meta_with(const char *old, const char *new) {
    static const char run[] = "{\"run\": {\"dir\": \"r\"}, \"data\": {\"train\": \"t\"}, "
                              "\"model\": {\"d_model\": 8, \"n_heads\": 2, \"vocab_size\": 5}}";
    lm_config c;
    lm_error err = {0};
    lm_text text = {0}, changed = {0};
    lm_run_state s = {.step = 7,
                      .tokens = 70,
                      .train_loss = 2.5,
                      .val_loss = NAN,
                      .best_val_loss = NAN,
                      .tokenizer = "bytes"};
    if (lm_config_parse(&c, "f", run, strlen(run), NULL, 0, &err) != LM_OK)
        fail_msg("%s", err.message);
    lm_run_state_print(&s, &c, &text);
    lm_config_free(&c);
    const char *at = strstr(lm_text_cstr(&text), old);
    if (!at) fail_msg("no %s in %s", old, lm_text_cstr(&text));
    lm_text_append(&changed, text.data, (size_t)(at - text.data));
    lm_text_printf(&changed, "%s%s", new, at + strlen(old));
    lm_text_free(&text);
    return changed.data;
}

static void expect(const char *old, const char *new, const char *part) {
    char *meta = meta_with(old, new);
    lm_run_state s;
    lm_config c = {0};
    lm_error err = {0};
    lm_status status = lm_run_state_parse(&s, &c, "c.npz", meta, &err);
    if (!part && status != LM_OK) fail_msg("%s", err.message);
    if (part) {
        assert_int_not_equal(status, LM_OK);
        if (!strstr(err.message, part)) fail_msg("expected \"%s\" in: %s", part, err.message);
    }
    lm_config_free(&c);
    free(meta);
}

static void test_figures_that_cannot_be(void **state) {
    (void)state;
    expect("\"step\": 7", "\"step\": 9999999999", NULL);
    expect("\"step\": 7", "\"step\": 9999999999999",
           "\"step\": expected a whole number from 0 to 9999999999");
    expect("\"step\": 7", "\"step\": -1", "expected a whole number from 0");
    expect("\"val_step\": 0", "\"val_step\": 9999999999999", "expected a whole number from 0 to");
    expect("\"best_val_step\": 0", "\"best_val_step\": 1e300", "expected a whole number from 0 to");
    expect("\"samples\": 0", "\"samples\": 1e300", "expected a whole number from 0 to");
}

static void test_a_newer_one_is_refused_as_such(void **state) {
    (void)state;
    expect("\"version\": 1", "\"version\": 2",
           "c.npz: meta.json: written by a newer lmtrain: its format has version 2");
    expect("\"d_model\": 8", "\"d_model\": 8, \"wings\": 2", "c.npz: written by a newer lmtrain");
    expect("\"version\": 1", "\"version\": 0", "\"version\": expected a whole number from 1");
    expect("\"format\": \"lmtrain", "\"format\": \"other", "\"format\"");
    expect("\"version\": 1", "\"version\": 1", NULL);
}

/* What `lmtrain inspect PATH` prints, malloc'd; its status must be LM_OK. */
static char *inspected(const char *path) {
    lm_error err = {0};
    lm_text text = {0};
    char *name = lm_file_join(tempdir, "out");
    const char *const argv[] = {"lmtrain", "inspect", path};
    int before = dup(STDOUT_FILENO), file = open(name, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    assert_true(before >= 0 && file >= 0);
    fflush(stdout);
    dup2(file, STDOUT_FILENO);
    lm_status status = lm_commands_run(3, argv, &err);
    fflush(stdout);
    dup2(before, STDOUT_FILENO);
    close(before);
    close(file);
    if (status != LM_OK) fail_msg("%s", err.message);
    assert_int_equal(lm_file_read(name, 1 << 20, &text, &err), LM_OK);
    free(name);
    return text.data;
}

static void test_inspect_reads_what_it_can(void **state) {
    (void)state;
    static const struct {
        const char *old, *new, *part;
        bool step_is_known;
    } cases[] = {
        {"\"version\": 1", "\"version\": 2", "version 2", true},
        {"\"version\": 1,\n  \"lmtrain", "\"version\": 2,\n  \"step\": {\"a\": 1},\n  \"lmtrain",
         "version 2", false},
        {"\"d_model\": 8", "\"d_model\": 8, \"wi\\u001bngs\": 2", "model.wi\\x1bngs", true},
        {"\"norm\": \"rmsnorm\"", "\"norm\": \"supernorm\"", "supernorm", true},
    };
    float numbers[6] = {1, 2, 3, 4, 5, 6};
    lm_checkpoint_array a = {"h.0.mlp.up", 2, {2, 3, 0, 0}, numbers};
    lm_pool *pool;
    lm_error err = {0};
    char *path = lm_file_join(tempdir, "step-0000000007.npz");
    assert_int_equal(lm_pool_create(&pool, 1, &err), LM_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *meta = meta_with(cases[i].old, cases[i].new);
        if (lm_checkpoint_write(path, &a, 1, NULL, 0, meta, pool, NULL, &err) != LM_OK)
            fail_msg("%s", err.message);
        char *text = inspected(path);
        if (!strstr(text, "written by a newer lmtrain") || !strstr(text, cases[i].part) ||
            !strstr(text, "h.0.mlp.up") || strchr(text, '\x1b'))
            fail_msg("case %zu: %s", i, text);
        if (cases[i].step_is_known) assert_non_null(strstr(text, "step         7 of 1000"));
        free(text);
        /* No other command takes it. */
        lm_saved saved;
        lm_text skipped = {0};
        assert_int_not_equal(lm_saved_open(&saved, path, pool, &skipped, &err), LM_OK);
        assert_non_null(strstr(err.message, "newer lmtrain"));
        lm_text_free(&skipped);
        free(meta);
    }
    lm_pool_free(pool);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures_that_cannot_be),
        cmocka_unit_test(test_a_newer_one_is_refused_as_such),
        cmocka_unit_test(test_inspect_reads_what_it_can),
    };
    return cmocka_run_group_tests(tests, tempdir_open, tempdir_close);
}

/* What a run took to each of some losses: at evaluations, between them, out of metrics.jsonl. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/targets.h"
#include "tests/support/tempdir.h"

static lm_error err;

static void add(lm_targets *t, double step, double loss, int64_t reached) {
    const lm_target_point at = {step, 100 * step, step / 10};
    assert_int_equal(lm_targets_add(t, loss, &at), reached);
}

static void test_first_crossing(void **state) {
    (void)state;
    const double losses[] = {1.5, 3, 2, 3, 0.5};
    lm_targets t;
    lm_targets_begin(&t, losses, 5);
    assert_int_equal(t.count, 4); /* 3 is there twice */
    for (int64_t i = 1; i < t.count; i++) assert_true(t.items[i].loss < t.items[i - 1].loss);
    add(&t, 10, 4, 0);
    add(&t, 20, 2, 2);   /* 3 and 2: at most that is enough */
    add(&t, 30, 2.5, 0); /* a loss that rises again takes nothing back */
    add(&t, 40, NAN, 0);
    add(&t, 50, 1.25, 1);
    assert_true(t.items[0].at.step == 20 && t.items[1].at.step == 20);
    assert_true(t.items[0].crossed.step == 15 && t.items[0].crossed.tokens == 1500);
    assert_true(fabs(t.items[0].crossed.seconds - 1.5) < 1e-12);
    assert_true(t.items[1].crossed.step == 20);
    assert_true(t.items[2].at.step == 50 && t.items[2].crossed.step == 50); /* after a NaN */
    assert_false(t.items[3].reached);
}

static void test_reached_at_the_first_evaluation(void **state) {
    (void)state;
    const double loss = 2;
    lm_targets t;
    lm_targets_begin(&t, &loss, 1);
    add(&t, 5, 1, 1);
    assert_true(t.items[0].crossed.step == 5 && t.items[0].at.step == 5);
}

static void test_json_and_text(void **state) {
    (void)state;
    const double losses[] = {1, 3};
    lm_targets t;
    lm_text text = {0};
    lm_json_writer w = {.out = &text};
    lm_targets_begin(&t, losses, 2);
    add(&t, 10, 4, 0);
    add(&t, 20, 2, 1);
    lm_json_object(&w, NULL, LM_JSON_LINES);
    lm_targets_write(&t, 1000, &w);
    lm_targets_write_reached(&t, 20, &w);
    lm_targets_write_reached(&t, 30, &w);
    lm_json_end(&w);
    assert_string_equal(
        lm_text_cstr(&text),
        "{\n  \"targets\": [\n"
        "    {\"loss\": 3, \"step\": 20, \"tokens\": 2000, \"flops\": 2000000, \"seconds\": 2,"
        " \"interpolated\": {\"step\": 15, \"tokens\": 1500, \"flops\": 1500000,"
        " \"seconds\": 1.5}},\n"
        "    {\"loss\": 1, \"step\": null, \"tokens\": null, \"flops\": null, \"seconds\": null,"
        " \"interpolated\": {\"step\": null, \"tokens\": null, \"flops\": null,"
        " \"seconds\": null}}\n"
        "  ],\n  \"targets\": [3]\n}");
    text.length = 0;
    lm_target_print(&t.items[0], 1000, &text);
    assert_string_equal(lm_text_cstr(&text), "3 at step 20: 2.00 s, 2.00 k tokens, 2.00 MFLOP");
    text.length = 0;
    lm_target_print(&t.items[1], 1000, &text);
    assert_string_equal(lm_text_cstr(&text), "1 not reached");
    lm_text_free(&text);
}

static void test_read_back(void **state) {
    (void)state;
    static const char lines[] =
        "{\"step\":1,\"tokens\":8,\"loss\":2,\"seconds\":0.5}\n"
        "{\"step\":2,\"tokens\":16,\"val_loss\":4,\"val_loss_raw\":1,\"seconds\":1}\n"
        "no JSON\n"
        "{\"step\":4,\"tokens\":32,\"val_loss\":null,\"seconds\":1.5}\n"
        "{\"step\":6,\"tokens\":48,\"val_loss\":2,\"seconds\":2}\n"
        "{\"step\":8,\"tokens\":64,\"val_loss\":0.5,\"sec";
    const double losses[] = {3, 1};
    char *path = lm_file_join(tempdir, "metrics.jsonl");
    lm_targets t;
    lm_targets_begin(&t, losses, 2);
    assert_int_equal(lm_targets_read(&t, path, &err), LM_OK); /* not there */
    assert_false(t.began);
    assert_int_equal(lm_file_replace(path, lines, sizeof lines - 1, &err), LM_OK);
    assert_int_equal(lm_targets_read(&t, path, &err), LM_OK);
    assert_true(t.items[0].at.step == 6 && t.items[0].at.tokens == 48);
    assert_true(t.items[0].crossed.step == 4 && t.items[0].crossed.seconds == 1.5);
    assert_false(t.items[1].reached); /* a line that was cut off counts for nothing */
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_crossing),
        cmocka_unit_test(test_reached_at_the_first_evaluation),
        cmocka_unit_test(test_json_and_text),
        cmocka_unit_test(test_read_back),
    };
    return cmocka_run_group_tests(tests, tempdir_open, tempdir_close);
}

#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "report/history.h"
#include "tests/support/tempdir.h"

static void read_text(lm_history *h, const char *text) {
    lm_error err = {0};
    char *path = lm_file_join(tempdir, "metrics.jsonl");
    assert_int_equal(lm_file_replace(path, text, strlen(text), &err), LM_OK);
    assert_int_equal(lm_history_read(h, path, &err), LM_OK);
    free(path);
}

static void losses_are_read_and_other_lines_passed_over(void **state) {
    (void)state;
    lm_history h = {0};
    read_text(&h, "{\"step\":1,\"tokens\":8,\"loss\":4.5,\"lr\":1}\n"
                  "a line of somebody else's\n"
                  "{\"step\":2,\"tokens\":16,\"loss\":null}\n"
                  "{\"step\":2,\"tokens\":16,\"val_loss\":3.25,\"val_tokens\":4}\n"
                  "{\"step\":3,\"loss\":2}\n"
                  "{\"step\":4,\"loss\":1"); /* not whole */
    assert_int_equal(h.train.count, 2);
    assert_int_equal(h.train.points[0].step, 1);
    assert_true(h.train.points[0].loss == 4.5 && h.train.points[1].loss == 2);
    assert_int_equal(h.val.count, 1);
    assert_int_equal(h.val.points[0].step, 2);
    assert_true(h.val.points[0].loss == 3.25);
    lm_history_free(&h);
}

static void a_curve_falls_from_the_highest_loss_to_the_lowest(void **state) {
    (void)state;
    lm_history h = {0};
    lm_text text = {0}, out = {0};
    for (int i = 0; i < 8; i++) lm_text_printf(&text, "{\"step\":%d,\"loss\":%d}\n", i, 7 - i);
    lm_text_printf(&text, "{\"step\":7,\"val_loss\":7}\n");
    read_text(&h, lm_text_cstr(&text));
    lm_history_print(&h, 8, 4, &out);
    assert_string_equal(lm_text_cstr(&out), "       7 |'.     o\n"
                                            "         |  '.\n"
                                            "         |    '.\n"
                                            "       0 |      '.\n"
                                            "    step 0       7   . training loss"
                                            "  o validation loss\n");
    lm_text_free(&text);
    lm_text_free(&out);
    lm_history_free(&h);
}

static void fewer_than_two_points_are_no_curve(void **state) {
    (void)state;
    lm_history h = {0};
    lm_text out = {0};
    read_text(&h, "{\"step\":1,\"loss\":4.5}\n");
    lm_history_print(&h, 8, 4, &out);
    assert_int_equal(out.length, 0);
    lm_history_free(&h);
}

/* Equal losses have no range to share out, and steps far apart many columns without any. */
static void a_flat_curve_and_one_with_gaps_are_drawn(void **state) {
    (void)state;
    lm_history h = {0};
    lm_text out = {0};
    read_text(&h, "{\"step\":1,\"loss\":2}\n{\"step\":1000000,\"loss\":2}\n");
    lm_history_print(&h, 10000, 10000, &out);
    assert_non_null(strstr(lm_text_cstr(&out), "       2 |."));
    lm_text_free(&out);
    lm_history_free(&h);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(losses_are_read_and_other_lines_passed_over, tempdir_open,
                                        tempdir_close),
        cmocka_unit_test_setup_teardown(a_curve_falls_from_the_highest_loss_to_the_lowest,
                                        tempdir_open, tempdir_close),
        cmocka_unit_test_setup_teardown(fewer_than_two_points_are_no_curve, tempdir_open,
                                        tempdir_close),
        cmocka_unit_test_setup_teardown(a_flat_curve_and_one_with_gaps_are_drawn, tempdir_open,
                                        tempdir_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "tests/view/run_files.h"
#include "view/picture.h"

static void test_dots(void **state) {
    (void)state;
    const lm_look look = {.columns = 80, .rows = 24}, ascii = {.ascii = true};
    lm_braille b = {0};
    lm_text t = {0};
    assert_true(lm_braille_begin(&b, 3, 1));
    lm_braille_dot(&b, 0, 0, 0);
    lm_braille_dot(&b, 0, 3, 3);
    lm_braille_dot(&b, 0, -1, 0);
    lm_braille_dot(&b, 0, 6, 0);
    lm_braille_dot(&b, 0, 0, 4);
    assert_int_equal(lm_braille_row(&b, 0, &look, &t), 2);
    assert_string_equal(lm_text_cstr(&t), "\xe2\xa0\x81\xe2\xa2\x80"); /* U+2801 U+2880 */
    t.length = 0;
    lm_braille_row(&b, 0, &ascii, &t);
    assert_string_equal(lm_text_cstr(&t), "'.");
    t.length = 0;
    lm_braille_line(&b, 0, 0, 0, 5, 3);
    assert_int_equal(lm_braille_row(&b, 0, &look, &t), 3);
    lm_braille_free(&b);
    lm_text_free(&t);
}

static void write_runs(lm_view_run *runs, int n) {
    lm_error err;
    for (int k = 0; k < n; k++) {
        char name[64];
        snprintf(name, sizeof name, k == 0 ? "hostile\033[31m\n\xe2\x80\xae name" : "run-%d", k);
        write_file(name, "resolved.json", "w", "{\"train\":{\"steps\":2000}}");
        write_file(name, "metrics.jsonl", "w", "");
        for (int i = 1; i <= 500; i++) {
            write_file(name, "metrics.jsonl", "a",
                       "{\"step\":%d,\"tokens\":%d,\"loss\":%g,\"tokens_per_s\":1000,"
                       "\"seconds\":%g}\n",
                       i, i * 8, k == 1 && i > 400 ? 1e30 : 2 + k + exp(-i / 20.0), i * 0.5);
            if (i % 100 == 0)
                write_file(name, "metrics.jsonl", "a",
                           "{\"step\":%d,\"tokens\":%d,\"val_loss\":%d,\"seconds\":%g}\n", i, i * 8,
                           3 + k, i * 0.5);
        }
        assert_int_equal(lm_view_run_open(&runs[k], name, &err), LM_OK);
        assert_int_equal(lm_view_run_read(&runs[k], &err), LM_OK);
    }
}

/* Characters of the widest line, without escape sequences; *lines: how many there are. */
static int width_of(const char *text, int *lines) {
    int most = 0, width = 0;
    *lines = 0;
    for (; *text; text++) {
        if (*text == '\033') {
            while (*text != 'm') text++;
        } else if (*text == '\n') {
            most = width > most ? width : most;
            width = 0;
            ++*lines;
        } else {
            width += ((unsigned char)*text & 0xC0) != 0x80;
        }
    }
    return most;
}

static void test_a_picture_fits_its_terminal(void **state) {
    (void)state;
    lm_view_run runs[30] = {0};
    write_runs(runs, 4);
    for (int k = 4; k < 30; k++) runs[k] = runs[k % 4];
    static const int sizes[][2] = {{1, 1}, {12, 4}, {40, 12}, {80, 24}, {200, 60}, {1000, 5}};
    static const int counts[] = {1, 2, 4, 30};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int c = 0; c < 4; c++)
            for (int colour = 0; colour < 2; colour++) {
                lm_text t = {0};
                int lines;
                lm_look look = {sizes[i][0], sizes[i][1], colour, false};
                lm_picture_print(runs, counts[c], &look, &t);
                assert_true(width_of(lm_text_cstr(&t), &lines) <=
                            (look.columns > 12 ? look.columns : 14));
                assert_true(lines <= (look.rows > 4 ? look.rows : 4));
                assert_true(colour || !strchr(lm_text_cstr(&t), '\033'));
                assert_null(strstr(lm_text_cstr(&t), "\033[31m\\"));
                assert_null(strstr(lm_text_cstr(&t), "\xe2\x80\xae"));
                lm_text_free(&t);
            }
    for (int k = 0; k < 4; k++) lm_view_run_free(&runs[k]);
}

static void test_what_is_said(void **state) {
    (void)state;
    lm_view_run runs[3] = {0};
    lm_text t = {0};
    const lm_look look = {100, 24, false, false};
    write_runs(runs, 3);
    runs[2].running = true;
    lm_picture_print(&runs[2], 1, &look, &t);
    const char *text = lm_text_cstr(&t);
    assert_non_null(strstr(text, "run-2  running"));
    assert_non_null(strstr(text, " 25%  step 500 of 2000"));
    assert_non_null(strstr(text, "4:10, 12:30 left")); /* half a second a step */
    assert_non_null(strstr(text, "loss 4.0000  val 5.0000  best 5.0000 at 100  1.00 k tok/s"));
    t.length = 0;
    /* The one that runs first, then the best; what diverged does not press the others flat. */
    lm_picture_print(runs, 3, &look, &t);
    text = lm_text_cstr(&t);
    assert_true(strstr(text, "run-2") < strstr(text, "hostile\\x1b"));
    assert_true(strstr(text, "hostile\\x1b") < strstr(text, "run-1"));
    assert_null(strstr(text, "e+30 \xe2\x94\xa4"));
    lm_text_free(&t);
    for (int k = 0; k < 3; k++) lm_view_run_free(&runs[k]);
}

static void test_runs_are_in_order(void **state) {
    (void)state;
    static const char *const names[] = {"first-broke", "second-unseen", "third-good"};
    lm_view_run runs[3];
    lm_error err;
    lm_text t = {0};
    for (int i = 0; i < 3; i++) {
        write_file(names[i], "metrics.jsonl", "w",
                   "{\"step\":1,\"tokens\":8,\"loss\":%d,\"seconds\":0.1}\n", i + 1);
        write_file(names[i], "summary.json", "w", "{\"state\":\"%s\"}",
                   i == 0 ? "diverged" : "finished");
    }
    write_file("third-good", "metrics.jsonl", "a", "{\"step\":1,\"val_loss\":3}\n");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(lm_view_run_open(&runs[i], names[i], &err), LM_OK);
        assert_int_equal(lm_view_run_read(&runs[i], &err), LM_OK);
    }
    lm_picture_print(runs, 3, &(lm_look){100, 24, false, false}, &t);
    const char *good = strstr(lm_text_cstr(&t), names[2]);
    assert_non_null(good);
    const char *unseen = strstr(good, names[1]);
    assert_non_null(unseen);
    assert_non_null(strstr(unseen, names[0]));
    lm_text_free(&t);
    for (int i = 0; i < 3; i++) lm_view_run_free(&runs[i]);
}

/* A run that has just begun, or of whose lines none could be read. */
static void test_a_run_without_losses(void **state) {
    (void)state;
    lm_view_run run = {0};
    lm_error err;
    lm_text t = {0};
    const lm_look look = {100, 24, false, false};
    write_file("begun", "metrics.jsonl", "w", "not a line\n");
    assert_int_equal(lm_view_run_open(&run, "begun", &err), LM_OK);
    assert_int_equal(lm_view_run_read(&run, &err), LM_OK);
    lm_picture_print(&run, 1, &look, &t);
    assert_non_null(strstr(lm_text_cstr(&t), "no loss yet"));
    assert_null(strstr(lm_text_cstr(&t), "nan"));
    lm_text_free(&t);
    lm_view_run_free(&run);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dots),
        cmocka_unit_test(test_a_picture_fits_its_terminal),
        cmocka_unit_test(test_what_is_said),
        cmocka_unit_test(test_runs_are_in_order),
        cmocka_unit_test(test_a_run_without_losses),
    };
    return cmocka_run_group_tests(tests, enter_tempdir, tempdir_close);
}

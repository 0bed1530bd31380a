/* Progress of work that goes through bytes: what is printed where no line can be drawn again, and
 * when. (tests/cli/test_tokenize_again.sh sees it on a terminal.) */
#include "tests/support/test.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "report/bar.h"

/* What the bar prints of one call, after so many seconds of work. */
static const char *said(uint64_t total, double seconds, uint64_t done, uint64_t passed) {
    static char text[256];
    FILE *stream = tmpfile();
    lm_bar b;
    assert_non_null(stream);
    lm_bar_start(&b, stream, "tokenize", total);
    b.started -= seconds;
    lm_bar_at(&b, done, passed);
    lm_bar_at(&b, done, passed); /* not again at once */
    lm_bar_finish(&b);
    rewind(stream);
    text[fread(text, 1, sizeof text - 1, stream)] = '\0';
    fclose(stream);
    return text;
}

static void test_a_line_begins_with_the_time_of_day(void **state) {
    (void)state;
    int h, m, s, read = 0;
    const char *line = said(4 << 20, 20, 1 << 20, 2 << 20);
    assert_int_equal(sscanf(line, "%2d:%2d:%2d %n", &h, &m, &s, &read), 3);
    assert_string_equal(line + read, "tokenize 25% of 4.00 MiB  102 KiB/s  left 1:00\n");
}

static void test_work_of_unknown_size_says_how_far_it_is(void **state) {
    (void)state;
    const char *line = said(0, 20, 0, 3 << 20);
    assert_non_null(strstr(line, " tokenize  3.00 MiB  154 KiB/s\n"));
}

static void test_nothing_is_said_early(void **state) {
    (void)state;
    assert_string_equal(said(100, 9, 50, 50), "");
}

static void test_files_that_grew_are_not_more_than_all(void **state) {
    (void)state;
    assert_non_null(strstr(said(100, 20, 150, 150), "100% of 100 B"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_begins_with_the_time_of_day),
        cmocka_unit_test(test_work_of_unknown_size_says_how_far_it_is),
        cmocka_unit_test(test_nothing_is_said_early),
        cmocka_unit_test(test_files_that_grew_are_not_more_than_all),
    };
    return cmocka_run_group_tests_name("bar", tests, NULL, NULL);
}

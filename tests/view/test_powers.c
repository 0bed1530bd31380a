/* Power laws as a picture: what is drawn where, and which files are replaced. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "tests/support/tempdir.h"
#include "view/powers.h"

static int count(const char *text, const char *what) {
    int n = 0;
    for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what)) n++;
    return n;
}

static void draw(lm_text *out) {
    static const double x[] = {64, 128, 256};
    static const double rising[] = {0.1, 1, 10}, holes[] = {0, NAN, 1};
    const lm_power_line lines[] = {{"a<b", 3.32, rising}, {"holes", NAN, holes}};
    const lm_power_panel panels[] = {{"over widths", "d_model", 3, x, 2, lines},
                                     {"again", "d_model", 3, x, 1, lines}};
    lm_powers_svg(panels, 2, out);
    assert_false(out->failed);
}

static void test_lines_lie_on_logarithmic_axes(void **state) {
    (void)state;
    lm_text out = {0};
    draw(&out);
    const char *svg = lm_text_cstr(&out);
    assert_int_equal(count(svg, "<svg "), 1);
    assert_int_equal(count(svg, "<path "), 3);
    assert_non_null(strstr(svg, "viewBox=\"0 0 1280 400\""));
    assert_non_null(strstr(svg, ">a&lt;b +3.32</text>"));
    assert_non_null(strstr(svg, ">holes</text>")); /* without a slope */
    /* equal ratios are equal distances: from 0.1 to 10 in the whole height of 315 */
    assert_non_null(strstr(svg, "d=\"M70.0 355.0L260.0 197.5L450.0 40.0\""));
    assert_non_null(strstr(svg, "d=\"M450.0 197.5\"")); /* only what has a logarithm */
    lm_text_free(&out);
}

static void test_only_pictures_of_its_own_are_replaced(void **state) {
    (void)state;
    static lm_error err;
    lm_text out = {0};
    draw(&out);
    char *ours = lm_file_join(tempdir, "ours.svg"), *other = lm_file_join(tempdir, "other.svg");
    assert_int_equal(lm_powers_check(ours, &err), LM_OK); /* there is none */
    assert_int_equal(lm_file_replace(ours, out.data, out.length, &err), LM_OK);
    assert_int_equal(lm_powers_check(ours, &err), LM_OK);
    assert_int_equal(lm_file_replace(other, "<svg/>", 6, &err), LM_OK);
    assert_int_equal(lm_powers_check(other, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "other.svg: lmtrain did not write this file"));
    lm_text_free(&out);
    free(ours);
    free(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_lie_on_logarithmic_axes),
        cmocka_unit_test(test_only_pictures_of_its_own_are_replaced),
    };
    return cmocka_run_group_tests_name("powers", tests, tempdir_open, tempdir_close);
}

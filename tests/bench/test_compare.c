/* When a row counts as slower than recorded: by given figures, without measuring anything. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/compare.h"

/* Of a row that is recorded at 0.90, where the best peak of the run is 200: limits 0.765 and
 * 190. */
static lm_bench_verdict verdict(const lm_bench_attempt *attempts, int n) {
    return lm_bench_verdict_of(0.90, 200, attempts, n);
}

static void test_a_row_fell_below_the_tolerance(void **unused) {
    (void)unused;
    assert_true(lm_bench_fell(0.76, 0.90));
    assert_false(lm_bench_fell(0.77, 0.90));
    assert_false(lm_bench_fell(2, 0.90));
    assert_false(lm_bench_fell(0.01, (double)NAN));
}

static void test_a_row_that_holds_is_measured_once(void **unused) {
    (void)unused;
    const lm_bench_attempt good = {0.88, 200, 0}, beside_noise = {0.80, 100, 0};
    assert_int_equal(verdict(&good, 1), LM_BENCH_HELD);
    assert_int_equal(verdict(&beside_noise, 1), LM_BENCH_HELD);
    assert_int_equal(lm_bench_verdict_of((double)NAN, 200, &beside_noise, 1), LM_BENCH_HELD);
}

static void test_three_falls_in_quiet_are_slower(void **unused) {
    (void)unused;
    const lm_bench_attempt a[] = {{0.70, 200, 0}, {0.75, 191, 0}, {0.71, 199, 0}};
    assert_int_equal(verdict(a, 1), LM_BENCH_AGAIN);
    assert_int_equal(verdict(a, 2), LM_BENCH_AGAIN);
    assert_int_equal(verdict(a, 3), LM_BENCH_FELL);
}

static void test_the_best_attempt_is_compared(void **unused) {
    (void)unused;
    const lm_bench_attempt a[] = {{0.40, 200, 0}, {0.41, 200, 0}, {0.77, 200, 0}};
    assert_int_equal(verdict(a, 3), LM_BENCH_HELD);
}

static void test_falls_beside_a_peak_that_moved_do_not_count(void **unused) {
    (void)unused;
    const lm_bench_attempt noise[] = {{0.45, 120, 0}, {0.45, 189, 0}, {0.45, 100, 0},
                                      {0.45, 110, 0}, {0.45, 120, 0}, {0.45, 130, 0}};
    for (int n = 1; n < 6; n++) assert_int_equal(verdict(noise, n), LM_BENCH_AGAIN);
    assert_int_equal(verdict(noise, 6), LM_BENCH_NOISE);
    /* Twice in quiet is not enough, thrice is. */
    lm_bench_attempt mixed[6];
    memcpy(mixed, noise, sizeof mixed);
    mixed[0].peak = mixed[4].peak = 200;
    assert_int_equal(verdict(mixed, 6), LM_BENCH_NOISE);
    mixed[5].peak = 191;
    assert_int_equal(verdict(mixed, 5), LM_BENCH_AGAIN);
    assert_int_equal(verdict(mixed, 6), LM_BENCH_FELL);
}

static void test_falls_that_are_marked_do_not_count(void **unused) {
    (void)unused;
    lm_bench_attempt a[6];
    for (int i = 0; i < 6; i++)
        a[i] = (lm_bench_attempt){0.45, 200, i == 2 ? 0 : 1u << LM_BENCH_FAR};
    for (int n = 1; n < 6; n++) assert_int_equal(verdict(a, n), LM_BENCH_AGAIN);
    assert_int_equal(verdict(a, 6), LM_BENCH_NOISE);
    a[3].marks = a[4].marks = 0;
    assert_int_equal(verdict(a, 5), LM_BENCH_FELL);
    a[5].figure = 0.9; /* marked, but it held */
    assert_int_equal(verdict(a, 6), LM_BENCH_HELD);
}

/* What seemed quiet was not, once the machine has shown more. */
static void test_quiet_is_by_the_best_peak_of_the_run(void **unused) {
    (void)unused;
    const lm_bench_attempt a[] = {{0.70, 120, 0}, {0.70, 120, 0}, {0.70, 120, 0}};
    assert_int_equal(lm_bench_verdict_of(0.90, 120, a, 3), LM_BENCH_FELL);
    assert_int_equal(lm_bench_verdict_of(0.90, 200, a, 3), LM_BENCH_AGAIN);
}

/* ---- the host ---------------------------------------------------------------------------------*/

static void test_what_marks_a_row(void **unused) {
    (void)unused;
    static const struct {
        lm_bench_host host;
        const char *marks;
    } cases[] = {
        {{.peak = 0.99, .word = 1.2, .stolen = 0.01, .switched = 5}, ""},
        {{.peak = 0}, ""}, /* nothing is known */
        {{.peak = 0.94, .word = 1}, "neighbour"},
        {{.peak = 0.99, .word = 5}, "far"},
        {{.peak = 0.5, .word = 5}, "neighbour, far"},
        {{.peak = 0.5, .stolen = 0.4}, "stolen"},
        {{.peak = 0.5, .switched = 100}, "switched"},
        {{.peak = 1, .stolen = 0.03, .switched = 100, .word = 2}, "stolen, switched, far"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lm_text said = {0};
        lm_bench_host_say(lm_bench_host_marks(&cases[i].host), &said);
        assert_string_equal(lm_text_cstr(&said), cases[i].marks);
        lm_text_free(&said);
    }
}

static void test_the_state_between_two_looks(void **unused) {
    (void)unused;
    lm_bench_host_look before = {.at = 10, .stolen = 100, .switched = 1000};
    lm_bench_host_look after = {.at = 12, .stolen = 100.5, .switched = 1100};
    lm_bench_host h = lm_bench_host_between(&before, &after, 2);
    assert_true(fabs(h.stolen - 0.125) < 1e-12 && fabs(h.switched - 25) < 1e-12);
    after = (lm_bench_host_look){.at = 10.001, .stolen = 100.02, .switched = 1004};
    h = lm_bench_host_between(&before, &after, 2); /* two ticks, four switches: too few to say */
    assert_true(h.stolen == 0 && h.switched == 0);
    before.stolen = after.stolen = -1; /* no /proc/stat */
    h = lm_bench_host_between(&before, &after, 2);
    assert_true(h.stolen == 0);
    h = lm_bench_host_between(&before, &before, 2);
    assert_true(h.stolen == 0 && h.switched == 0);
    after = lm_bench_host_look_now();
    assert_true(after.at > 0 && (after.stolen >= 0 || access("/proc/stat", R_OK) != 0));
}

/* ---- the end of a run -------------------------------------------------------------------------*/

static lm_text printed;

/* The result of a run with rows that fell and rows that are noise; 0: none. */
static lm_status judge(bool fell, bool noise, lm_error *err) {
    lm_bench_comparison c = {.path = "before.json", .compared = 5};
    if (fell) lm_text_printf(&c.fallen, "\n  gemm slow");
    if (noise) lm_text_printf(&c.noise, "\n  step noisy");
    lm_text_free(&printed);
    lm_status status = lm_bench_comparison_judge(&c, &printed, err);
    lm_bench_comparison_free(&c);
    return status;
}

static void test_noise_is_named_but_does_not_fail(void **unused) {
    (void)unused;
    lm_error err = {0};
    assert_int_equal(judge(false, false, &err), LM_OK);
    assert_string_equal(lm_text_cstr(&printed), "\n5 rows, none more than 15% below before.json\n");
    assert_int_equal(judge(false, true, &err), LM_OK);
    assert_non_null(strstr(lm_text_cstr(&printed), "before.json in quiet\nnoise: "));
    assert_non_null(strstr(lm_text_cstr(&printed), "\n  step noisy\n"));
    assert_int_equal(judge(true, false, &err), LM_ERR_RUNTIME);
    assert_string_equal(err.message, "slower than recorded in before.json:\n  gemm slow");
    assert_int_equal(judge(true, true, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "\n  gemm slow\nnoise: "));
    assert_non_null(strstr(err.message, "\n  step noisy"));
    lm_text_free(&printed);
}

/* ---- a record ---------------------------------------------------------------------------------*/

static const char record[] =
    "{\"gemm\": [{\"name\": \"a\", \"best_share\": 0.5}, {\"name\": \"b\", \"best_share\": 0.25},\n"
    "  {\"name\": \"too large\", \"skipped\": \"memory\"}],\n"
    " \"machine\": [{\"name\": \"word between threads\", \"best_seconds\": 5e-8}],\n"
    " \"kernels\": [{\"name\": \"a\", \"times_scalar\": 4, \"best_share\": 0.1}]}\n";

static lm_status open_record(lm_bench_comparison *c, size_t size, lm_error *err) {
    char path[] = "/tmp/lmtrain-record.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, record, size) == (ssize_t)size && close(fd) == 0);
    lm_status status = lm_bench_comparison_open(c, path, err);
    unlink(path);
    c->path = "before.json";
    return status;
}

static void test_rows_on_record_that_were_not_measured_are_named(void **unused) {
    (void)unused;
    lm_bench_comparison c;
    lm_error err = {0};
    const lm_bench_record *first;
    assert_int_equal(open_record(&c, sizeof record - 1, &err), LM_OK);
    assert_true(lm_bench_comparison_find(&c, LM_BENCH_GEMM, "a") == 0.5);
    assert_true(lm_bench_comparison_find(&c, LM_BENCH_KERNELS, "a") == 4);
    assert_true(isnan(lm_bench_comparison_find(&c, LM_BENCH_GEMM, "too large")));
    assert_true(isnan(lm_bench_comparison_find(&c, LM_BENCH_STEP, "a")));
    assert_int_equal(lm_bench_comparison_left(&c, &first), 1);
    assert_true(c.word == 5e-8);
    assert_string_equal(first->name, "b");
    lm_bench_comparison_add(&c, &(lm_bench_outcome){.section = LM_BENCH_GEMM,
                                                    .name = "a",
                                                    .figure = 0.5,
                                                    .recorded = 0.5,
                                                    .measured = 1,
                                                    .verdict = LM_BENCH_HELD});
    lm_text_free(&printed);
    assert_int_equal(lm_bench_comparison_judge(&c, &printed, &err), LM_OK);
    assert_string_equal(lm_text_cstr(&printed),
                        "\n1 row, none more than 15% below before.json\n"
                        "not measured: 1 row of before.json, the first: gemm b\n");
    lm_text_free(&printed);
    lm_bench_comparison_free(&c);
}

static void test_the_words_time_is_that_of_all_runs_on_record(void **unused) {
    (void)unused;
    static const char text[] =
        "{\"word_seconds\": 4e-8, \"machine\": [{\"name\": \"word between threads\","
        " \"best_seconds\": 3e-7}], \"gemm\": [{\"name\": \"a\", \"best_share\": 0.5}]}";
    lm_bench_comparison c;
    lm_error err = {0};
    char path[] = "/tmp/lmtrain-record.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) &&
                close(fd) == 0);
    assert_int_equal(lm_bench_comparison_open(&c, path, &err), LM_OK);
    unlink(path);
    assert_true(c.word == 4e-8);
    lm_bench_comparison_free(&c);
}

static void test_a_record_that_is_cut_off_is_named_with_the_place(void **unused) {
    (void)unused;
    lm_bench_comparison c;
    lm_error err = {0};
    assert_int_equal(open_record(&c, (size_t)(strstr(record, "too") - record), &err),
                     LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, ": expected a JSON object, found text that cannot be parsed"
                                        " at line 2, column "));
    lm_bench_comparison_free(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_row_fell_below_the_tolerance),
        cmocka_unit_test(test_a_row_that_holds_is_measured_once),
        cmocka_unit_test(test_three_falls_in_quiet_are_slower),
        cmocka_unit_test(test_the_best_attempt_is_compared),
        cmocka_unit_test(test_falls_beside_a_peak_that_moved_do_not_count),
        cmocka_unit_test(test_falls_that_are_marked_do_not_count),
        cmocka_unit_test(test_what_marks_a_row),
        cmocka_unit_test(test_the_state_between_two_looks),
        cmocka_unit_test(test_quiet_is_by_the_best_peak_of_the_run),
        cmocka_unit_test(test_noise_is_named_but_does_not_fail),
        cmocka_unit_test(test_rows_on_record_that_were_not_measured_are_named),
        cmocka_unit_test(test_the_words_time_is_that_of_all_runs_on_record),
        cmocka_unit_test(test_a_record_that_is_cut_off_is_named_with_the_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

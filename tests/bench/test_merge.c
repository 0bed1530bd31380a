/* Rows that a run puts into a file of rows: by given texts, without measuring anything. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "bench/merge.h"

static const lm_bench_maker here = {.cpu = "A CPU", .isas = "scalar avx2", .threads = 2};
#define HEAD     "\"cpu\": \"A CPU\", \"isas\": \"scalar avx2\", \"threads\": 2"
#define NOW_HEAD "\"version\": \"9\", " HEAD

static char path[64];
static lm_text text, said; /* freed at the end */

/* A file of this text; NULL: none. */
static void given(const char *content) {
    snprintf(path, sizeof path, "/tmp/lmtrain-merge.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    if (content) assert_true(write(fd, content, strlen(content)) == (ssize_t)strlen(content));
    close(fd);
    if (!content) unlink(path);
}

/* What is in the file `old` once the rows of `now` are put into it; until the next call. */
static const char *merged(const char *old, const char *now, bool whole) {
    lm_bench_merge m;
    lm_error err = {0};
    given(old);
    lm_text_free(&text);
    lm_text_free(&said);
    assert_int_equal(lm_bench_merge_open(&m, path, &here, &err), LM_OK);
    assert_int_equal(lm_bench_merge_write(&m, now, strlen(now), m.word, whole, &said, &err), LM_OK);
    assert_int_equal(lm_file_read(path, 10000, &text, &err), LM_OK);
    lm_bench_merge_free(&m);
    unlink(path);
    return lm_text_cstr(&text);
}

static void test_the_first_part_makes_the_file(void **unused) {
    (void)unused;
    const char *now = "{" NOW_HEAD ", \"gemm\": [{\"name\": \"a\", \"best_share\": 0.5}],"
                      " \"host\": {\"stolen\": 0}, \"interrupted\": false}";
    assert_string_equal(
        merged(NULL, now, true),
        "{\n  \"version\": \"9\",\n  \"cpu\": \"A CPU\",\n  \"isas\": \"scalar avx2\",\n"
        "  \"threads\": 2,\n  \"gemm\": [\n"
        "    {\"name\": \"a\", \"best_share\": 0.5}\n  ]\n}\n");
    assert_non_null(strstr(lm_text_cstr(&said), ": 1 row recorded\n"));
}

/* Sections stand in the bench's order, whichever was measured first. */
static void test_rows_that_were_not_measured_stay(void **unused) {
    (void)unused;
    const char *old = "{" HEAD ", \"step\": [{\"name\": \"s\", \"best_share\": 0.75}],\n"
                      " \"gemm\": [{\"name\": \"a\", \"best_share\": 0.5},"
                      " {\"name\": \"b\", \"best_share\": 0.25}]}";
    const char *now = "{" NOW_HEAD ", \"gemm\": [{\"name\": \"c\", \"best_share\": 0.125},"
                      " {\"name\": \"b\", \"best_share\": 0.375}]}";
    const char *after = merged(old, now, false);
    assert_non_null(strstr(after, "  \"gemm\": [\n"
                                  "    {\"name\": \"a\", \"best_share\": 0.5},\n"
                                  "    {\"name\": \"b\", \"best_share\": 0.375},\n"
                                  "    {\"name\": \"c\", \"best_share\": 0.125}\n  ],\n"
                                  "  \"step\": [\n"
                                  "    {\"name\": \"s\", \"best_share\": 0.75}\n  ]\n}\n"));
    assert_non_null(strstr(after, "\"version\": \"9\""));
    assert_non_null(strstr(lm_text_cstr(&said), ": 2 rows recorded\n"));
    assert_null(strstr(lm_text_cstr(&said), "not replaced"));
}

static void test_rows_of_an_older_lmtrain_are_dropped(void **unused) {
    (void)unused;
    const char *old = "{" HEAD ", \"step\": [{\"name\": \"s\", \"best_share\": 0.75}],"
                      " \"gemm\": [{\"name\": \"old\", \"best_share\": 0.5}]}";
    const char *after =
        merged(old, "{" NOW_HEAD ", \"gemm\": [{\"name\": \"c\", \"best_share\": 0.125}]}", true);
    assert_null(strstr(after, "old"));
    assert_non_null(strstr(after, "\"s\""));
    assert_non_null(strstr(lm_text_cstr(&said), "dropped: 1 row "));
    /* Where some could not be measured here, others may be theirs. */
    after =
        merged(old, "{" NOW_HEAD ", \"gemm\": [{\"name\": \"c\", \"skipped\": \"memory\"}]}", true);
    assert_non_null(strstr(after, "\"old\""));
}

/* The share of row "a" when it was `old` and is measured as `now`. */
static double share_of(const char *old, const char *now) {
    lm_text before = {0}, is = {0};
    lm_text_printf(&before, "{" HEAD ", \"gemm\": [{\"name\": \"a\", %s}]}", old);
    lm_text_printf(&is, "{" NOW_HEAD ", \"gemm\": [{\"name\": \"a\", %s}]}", now);
    const char *after = merged(lm_text_cstr(&before), lm_text_cstr(&is), true);
    const char *at = strstr(after, "\"best_share\": ");
    lm_text_free(&before);
    lm_text_free(&is);
    return at ? atof(at + strlen("\"best_share\": ")) : 0;
}

static void test_a_marked_row_does_not_replace_one_in_quiet(void **unused) {
    (void)unused;
    assert_true(share_of("\"best_share\": 0.5", "\"best_share\": 0.75, \"marks\": \"far\"") == 0.5);
    assert_non_null(strstr(lm_text_cstr(&said), "not replaced: 1 row "));
    assert_non_null(strstr(lm_text_cstr(&said), "the first: a\n"));
    assert_true(share_of("\"best_share\": 0.75, \"marks\": \"far\"", "\"best_share\": 0.5") == 0.5);
    assert_true(share_of("\"best_share\": 0.5", "\"skipped\": \"memory\"") == 0.5);
    assert_true(share_of("\"skipped\": \"memory\"", "\"best_share\": 0.5, \"marks\": \"far\"") ==
                0.5);
}

static void test_of_two_in_quiet_and_of_two_marked_rows_the_faster_stays(void **unused) {
    (void)unused;
    assert_true(share_of("\"best_share\": 0.75", "\"best_share\": 0.5") == 0.75);
    assert_non_null(strstr(lm_text_cstr(&said), ": 0 rows recorded\nnot replaced: 1 row "));
    assert_true(share_of("\"best_share\": 0.5", "\"best_share\": 0.75") == 0.75);
    const char *slow = "\"best_share\": 0.5, \"marks\": \"far\"",
               *fast = "\"best_share\": 0.75, \"marks\": \"stolen\"";
    assert_true(share_of(slow, fast) == 0.75);
    assert_true(share_of(fast, slow) == 0.75);
}

static void test_kernels_are_judged_by_their_own_figure(void **unused) {
    (void)unused;
    const char *old = "{" HEAD ", \"kernels\": [{\"name\": \"k\", \"best_share\": 0.5,"
                      " \"times_scalar\": 9, \"marks\": \"far\"}]}";
    const char *now = "{" NOW_HEAD ", \"kernels\": [{\"name\": \"k\", \"best_share\": 0.75,"
                      " \"times_scalar\": 8, \"marks\": \"far\"}]}";
    assert_non_null(strstr(merged(old, now, true), "\"times_scalar\": 9"));
}

/* By it other rows are marked, so the shortest counts. */
static void test_the_shortest_time_of_a_word_stays(void **unused) {
    (void)unused;
    static const char *const rows[] = {
        "{" NOW_HEAD
        ", \"machine\": [{\"name\": \"word between threads\", \"best_seconds\": 5e-8}]}",
        "{" NOW_HEAD
        ", \"machine\": [{\"name\": \"word between threads\", \"best_seconds\": 3e-7}]}"};
    for (int i = 0; i < 2; i++)
        assert_non_null(strstr(merged(rows[i], rows[1 - i], true), "\"best_seconds\": 5e-8"));
    const char *far = "{" HEAD ", \"word_seconds\": 4e-8, \"gemm\": []}";
    assert_non_null(strstr(merged(far, rows[1], true), "\"word_seconds\": 4e-08"));
    lm_bench_merge m;
    lm_error err = {0};
    given(rows[0]);
    assert_int_equal(lm_bench_merge_open(&m, path, &here, &err), LM_OK);
    assert_true(m.word == 5e-8);
    lm_bench_merge_free(&m);
    unlink(path);
}

static void test_other_files_are_refused(void **unused) {
    (void)unused;
    static const struct {
        const char *content;
        lm_status status;
        const char *says;
    } cases[] = {
        {"", LM_ERR_RUNTIME, "expected"},
        {"{\"cpu\": 3}", LM_ERR_RUNTIME, "expected what lmtrain bench --json or --record wrote"},
        {"[]", LM_ERR_RUNTIME, "expected what lmtrain bench --json or --record wrote"},
        {"{" HEAD ", \"gemm\": 3}", LM_ERR_RUNTIME, "expected what lmtrain bench"},
        {"{" HEAD ", \"gemm\": [{\"best_share\": 1}]}", LM_ERR_RUNTIME, "expected what"},
        {"{" HEAD ", \"gemm\": [", LM_ERR_RUNTIME, ":1:"},
        {"{\"cpu\": \"B\", \"isas\": \"scalar avx2\", \"threads\": 2}", LM_ERR_USAGE,
         "expected rows with \"cpu\" \"A CPU\", as here, found \"B\""},
        {"{\"cpu\": \"A CPU\", \"isas\": \"scalar\", \"threads\": 2}", LM_ERR_USAGE,
         "expected rows with \"isas\" \"scalar avx2\", as here, found \"scalar\""},
        {"{\"cpu\": \"A CPU\", \"isas\": \"scalar avx2\", \"threads\": 8}", LM_ERR_USAGE,
         "expected rows of 2 threads, as here, found 8"},
        {"{\"cpu\": \"A CPU\", \"isas\": \"scalar avx2\"}", LM_ERR_RUNTIME,
         "expected what lmtrain"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lm_bench_merge m;
        lm_error err = {0};
        lm_text after = {0};
        given(cases[i].content);
        assert_int_equal(lm_bench_merge_open(&m, path, &here, &err), cases[i].status);
        assert_non_null(strstr(err.message, cases[i].says));
        assert_non_null(strstr(err.message, path));
        lm_bench_merge_free(&m);
        assert_int_equal(lm_file_read(path, 10000, &after, &err), LM_OK);
        assert_string_equal(lm_text_cstr(&after), cases[i].content);
        lm_text_free(&after);
        unlink(path);
    }
}

static void test_a_file_that_cannot_be_written_is_named_at_once(void **unused) {
    (void)unused;
    lm_bench_merge m;
    lm_error err = {0};
    assert_int_equal(lm_bench_merge_open(&m, "/nowhere/recorded.json", &here, &err),
                     LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "/nowhere/recorded.json"));
    lm_bench_merge_free(&m);
}

static int free_texts(void **unused) {
    (void)unused;
    lm_text_free(&text);
    lm_text_free(&said);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_part_makes_the_file),
        cmocka_unit_test(test_rows_that_were_not_measured_stay),
        cmocka_unit_test(test_rows_of_an_older_lmtrain_are_dropped),
        cmocka_unit_test(test_a_marked_row_does_not_replace_one_in_quiet),
        cmocka_unit_test(test_of_two_in_quiet_and_of_two_marked_rows_the_faster_stays),
        cmocka_unit_test(test_kernels_are_judged_by_their_own_figure),
        cmocka_unit_test(test_the_shortest_time_of_a_word_stays),
        cmocka_unit_test(test_other_files_are_refused),
        cmocka_unit_test(test_a_file_that_cannot_be_written_is_named_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, free_texts);
}

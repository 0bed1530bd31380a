#include "tests/support/test.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

#include "tests/view/run_files.h"
#include "view/run.h"

static void write_step(const char *run, int64_t step, double loss) {
    write_file(run, "metrics.jsonl", "a",
               "{\"step\":%lld,\"tokens\":%lld,\"loss\":%g,\"lr\":0.1,\"phases\":{\"gemm\":0.5},"
               "\"seconds\":%g}\n",
               (long long)step, (long long)step * 10, loss, (double)step / 2);
}

static int64_t count(const lm_view_run *r, const char *name) {
    const lm_series *s = lm_view_run_series(r, name);
    return s ? s->count : 0;
}

static void test_only_what_is_new_is_read(void **state) {
    (void)state;
    lm_error err;
    lm_view_run r;
    write_step("a", 1, 5);
    assert_int_equal(lm_view_run_open(&r, "a/", &err), LM_OK);
    assert_string_equal(r.name, "a");
    assert_int_equal(lm_view_run_read(&r, &err), LM_OK);
    assert_int_equal(count(&r, "loss"), 1);
    /* Half a line is left until the rest is there. */
    write_file("a", "metrics.jsonl", "a", "{\"step\":2,\"tokens\":20,\"lo");
    assert_int_equal(lm_view_run_read(&r, &err), LM_OK);
    assert_int_equal(count(&r, "loss"), 1);
    write_file("a", "metrics.jsonl", "a", "ss\":4.5,\"seconds\":1}\n");
    write_step("a", 3, 4);
    assert_int_equal(lm_view_run_read(&r, &err), LM_OK);
    assert_int_equal(lm_view_run_read(&r, &err), LM_OK);
    const lm_series *loss = lm_view_run_series(&r, "loss");
    assert_int_equal(loss->count, 3);
    assert_true(loss->buckets[1].min == 4.5 && loss->last == 4);
    assert_int_equal(count(&r, "phases.gemm"), 2);
    assert_true(r.step == 3 && r.tokens == 30 && r.seconds == 1.5);
    lm_view_run_free(&r);
}

/* A run that is resumed cuts lines off. */
static void test_a_file_that_became_shorter_is_read_anew(void **state) {
    (void)state;
    lm_error err;
    lm_view_run r;
    for (int i = 1; i <= 10; i++) write_step("b", i, 5);
    assert_int_equal(lm_view_run_open(&r, "b", &err), LM_OK);
    assert_int_equal(lm_view_run_read(&r, &err), LM_OK);
    write_file("b", "metrics.jsonl", "w", "");
    for (int i = 1; i <= 4; i++) write_step("b", i, 3);
    assert_int_equal(lm_view_run_read(&r, &err), LM_OK);
    assert_int_equal(count(&r, "loss"), 4);
    assert_true(r.step == 4 && lm_view_run_series(&r, "loss")->last == 3);
    lm_view_run_free(&r);
}

/* And may have written more than these by the time it is looked at. */
static void test_a_file_that_was_cut_and_grew_is_read_anew(void **state) {
    (void)state;
    lm_error err;
    lm_view_run r;
    for (int i = 1; i <= 10; i++) write_step("g", i, 5);
    assert_int_equal(lm_view_run_open(&r, "g", &err), LM_OK);
    assert_int_equal(lm_view_run_read(&r, &err), LM_OK);
    write_file("g", "metrics.jsonl", "w", "");
    for (int i = 1; i <= 4; i++) write_step("g", i, 5);
    write_file("g", "metrics.jsonl", "a",
               "{\"step\":4,\"tokens\":40,\"event\":\"rewind\",\"rewinds\":1,\"skips\":0,"
               "\"worst\":[{\"window\":3,\"text\":\"a\"}],\"seconds\":6}\n");
    for (int i = 5; i <= 14; i++) write_step("g", i, 3);
    assert_int_equal(lm_view_run_read(&r, &err), LM_OK);
    assert_int_equal(count(&r, "loss"), 14);
    assert_true(r.step == 14 && lm_view_run_series(&r, "rewinds")->last == 1);
    lm_view_run_free(&r);
}

static void test_lines_that_are_not_ours_are_passed_over(void **state) {
    (void)state;
    lm_error err;
    lm_view_run r;
    write_step("c", 1, 5);
    write_file("c", "metrics.jsonl", "a",
               "\n[1,2]\nhello\n{\"loss\":3}\n{\"step\":-1,\"loss\":9}\n{\"step\":2,\"loss\":null,"
               "\"tokens\":1,\"seconds\":1}\n{\"step\":2,\"sample\":\"a\\u0000b\\u2028\","
               "\"prompt\":\"p\",\"tokens\":1,\"seconds\":1}\n");
    assert_int_equal(lm_view_run_open(&r, "c", &err), LM_OK);
    assert_int_equal(lm_view_run_read(&r, &err), LM_OK);
    const lm_series *loss = lm_view_run_series(&r, "loss");
    assert_true(loss->count == 1 && loss->not_finite == 1);
    assert_int_equal(r.n_samples, 1);
    assert_string_equal(r.samples[0].text, "a b\xe2\x80\xa8");
    assert_string_equal(r.samples[0].prompt, "p");
    lm_view_run_free(&r);
}

static void test_steps_that_were_not_taken_are_events(void **state) {
    (void)state;
    lm_error err;
    lm_view_run r;
    write_step("v", 1, 5);
    write_file("v", "metrics.jsonl", "a",
               "{\"step\":1,\"event\":\"skip\",\"refused\":2,\"why\":\"large\",\"skips\":1,"
               "\"rewinds\":0}\n"
               "{\"step\":1,\"event\":\"rewind\",\"refused\":7,\"why\":\"w\",\"skips\":1,"
               "\"rewinds\":1}\n");
    assert_int_equal(lm_view_run_open(&r, "v", &err), LM_OK);
    assert_int_equal(lm_view_run_read(&r, &err), LM_OK);
    assert_int_equal(r.n_events, 2);
    assert_true(r.events[0].step == 2 && r.events[0].back == -1);
    assert_true(r.events[1].step == 7 && r.events[1].back == 1);
    assert_string_equal(r.events[0].why, "large");
    for (int i = 0; i < 1000; i++)
        write_file("v", "metrics.jsonl", "a", "{\"step\":3,\"event\":\"skip\",\"refused\":%d}\n",
                   i);
    assert_int_equal(lm_view_run_read(&r, &err), LM_OK);
    assert_true(r.n_events <= LM_VIEW_MOST_EVENTS && r.n_events >= LM_VIEW_MOST_EVENTS / 2);
    assert_int_equal(r.events_seen, 1002);
    lm_view_run_free(&r);
}

static void test_samples_are_thinned_to_the_first_and_the_last(void **state) {
    (void)state;
    lm_error err;
    lm_view_run r;
    for (int i = 1; i <= 1000; i++)
        write_file("d", "metrics.jsonl", "a", "{\"step\":%d,\"prompt\":\"\",\"sample\":\"s%d\"}\n",
                   i, i);
    assert_int_equal(lm_view_run_open(&r, "d", &err), LM_OK);
    assert_int_equal(lm_view_run_read(&r, &err), LM_OK);
    assert_in_range(r.n_samples, LM_VIEW_MOST_SAMPLES / 2, LM_VIEW_MOST_SAMPLES);
    assert_string_equal(r.samples[0].text, "s1");
    assert_string_equal(r.samples[r.n_samples - 1].text, "s1000");
    for (int64_t i = 1; i < r.n_samples; i++)
        assert_true(r.samples[i].step > r.samples[i - 1].step);
    lm_view_run_free(&r);
}

static void test_config_and_state(void **state) {
    (void)state;
    lm_error err;
    lm_view_run r;
    write_file(
        "e", "resolved.json", "w",
        "{\"run\": {\"dir\": \"x/e\"}, \"optimizer\": {\"lr\": 3e-4}, \"a\": {}, \"l\": [1, 2]}");
    write_file("e", "summary.json", "w", "{\"state\": \"running\", \"plan\": {\"peak_flops\": 5}}");
    assert_int_equal(lm_view_run_open(&r, "e", &err), LM_OK);
    assert_int_equal(lm_view_run_read(&r, &err), LM_OK);
    assert_string_equal(lm_view_text(&r.config, "run.dir"), "x/e");
    assert_string_equal(lm_view_text(&r.config, "optimizer.lr"), "3e-4");
    assert_string_equal(lm_view_text(&r.config, "l"), "[1, 2]");
    assert_true(lm_view_number(&r.config, "optimizer.lr") == 3e-4);
    assert_true(lm_view_number(&r.summary, "plan.peak_flops") == 5);
    assert_null(lm_view_text(&r.config, "nothing"));
    assert_string_equal(lm_view_run_state(&r), "stopped");
    r.running = true;
    assert_string_equal(lm_view_run_state(&r), "running");
    /* Half of a new summary leaves the old one. */
    write_file("e", "summary.json", "w", "{\"state\": \"fin");
    assert_int_equal(lm_view_run_read(&r, &err), LM_OK);
    r.running = false;
    assert_string_equal(lm_view_run_state(&r), "stopped");
    lm_view_run_free(&r);
}

static void test_places_on_other_axes(void **state) {
    (void)state;
    lm_error err;
    lm_view_run r;
    for (int i = 1; i <= 9000; i++) write_step("f", i, 5);
    assert_int_equal(lm_view_run_open(&r, "f", &err), LM_OK);
    assert_int_equal(lm_view_run_read(&r, &err), LM_OK);
    for (int64_t step = 1; step <= 9000; step += 37) {
        lm_view_anchor a = lm_view_run_anchor(&r, step);
        assert_true(fabs(a.tokens - 10.0 * (double)step) < 1e-6);
        assert_true(fabs(a.seconds - (double)step / 2) < 1e-6);
    }
    lm_view_run_free(&r);
}

static void test_names_are_made_to_differ(void **state) {
    (void)state;
    lm_error err;
    lm_view_run r[3];
    static const char *const paths[] = {"x/lr/run", "y/lr/run", "y/other"};
    mkdir("x", 0777);
    mkdir("y", 0777);
    mkdir("x/lr", 0777);
    mkdir("y/lr", 0777);
    for (int i = 0; i < 3; i++) {
        write_step(paths[i], 1, 1);
        assert_int_equal(lm_view_run_open(&r[i], paths[i], &err), LM_OK);
    }
    assert_int_equal(lm_view_run_names(r, 3, &err), LM_OK);
    assert_string_equal(r[0].name, "x/lr/run");
    assert_string_equal(r[1].name, "y/lr/run");
    assert_string_equal(r[2].name, "other");
    for (int i = 0; i < 3; i++) lm_view_run_free(&r[i]);
}

static void test_what_is_no_run(void **state) {
    (void)state;
    lm_error err;
    lm_view_run r;
    assert_int_equal(lm_view_run_open(&r, "nowhere", &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "nowhere: cannot open"));
    mkdir("empty", 0777);
    assert_int_equal(lm_view_run_open(&r, "empty", &err), LM_ERR_USAGE);
    write_file("g", "metrics.jsonl", "w", "");
    assert_int_equal(lm_view_run_open(&r, "g/metrics.jsonl", &err), LM_ERR_USAGE);
    /* A metrics.jsonl that is no file is an error, not a wait. */
    unlink("g/metrics.jsonl");
    mkfifo("g/metrics.jsonl", 0666);
    assert_int_equal(lm_view_run_open(&r, "g", &err), LM_OK);
    assert_int_equal(lm_view_run_read(&r, &err), LM_ERR_RUNTIME);
    lm_view_run_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_only_what_is_new_is_read),
        cmocka_unit_test(test_a_file_that_became_shorter_is_read_anew),
        cmocka_unit_test(test_a_file_that_was_cut_and_grew_is_read_anew),
        cmocka_unit_test(test_lines_that_are_not_ours_are_passed_over),
        cmocka_unit_test(test_steps_that_were_not_taken_are_events),
        cmocka_unit_test(test_samples_are_thinned_to_the_first_and_the_last),
        cmocka_unit_test(test_config_and_state),
        cmocka_unit_test(test_places_on_other_axes),
        cmocka_unit_test(test_names_are_made_to_differ),
        cmocka_unit_test(test_what_is_no_run),
    };
    return cmocka_run_group_tests(tests, enter_tempdir, tempdir_close);
}

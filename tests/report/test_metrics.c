#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "report/metrics.h"
#include "report/summary.h"
#include "tests/support/tempdir.h"

static char *path;

static int set_up(void **state) {
    tempdir_open(state);
    path = lm_file_join(tempdir, "metrics.jsonl");
    return path ? 0 : 1;
}

static int tear_down(void **state) {
    free(path);
    return tempdir_close(state);
}

static void expect_file(const char *name, const char *expected) {
    lm_text text = {0};
    lm_error err = {0};
    assert_int_equal(lm_file_read(name, 1 << 20, &text, &err), LM_OK);
    assert_string_equal(lm_text_cstr(&text), expected);
    lm_text_free(&text);
}

static void put(const char *text) {
    lm_error err = {0};
    assert_int_equal(lm_file_replace(path, text, strlen(text), &err), LM_OK);
}

/* Opens after last_step, closes; what is then in the file, and the seconds found. */
static void expect_kept(int64_t last_step, const char *expected, double expected_seconds) {
    lm_metrics m;
    lm_error err = {0};
    double seconds = -1;
    if (lm_metrics_open(&m, path, &(lm_metrics_mark){.step = last_step, .evaluated = true},
                        &seconds, &err) != LM_OK)
        fail_msg("%s", err.message);
    lm_metrics_close(&m);
    lm_metrics_close(&m);
    expect_file(path, expected);
    assert_true(seconds == expected_seconds);
}

static void test_lines(void **state) {
    (void)state;
    lm_metrics m;
    lm_error err = {0};
    double seconds = -1;
    assert_int_equal(
        lm_metrics_open(&m, path, &(lm_metrics_mark){.step = 0, .evaluated = true}, &seconds, &err),
        LM_OK);
    assert_true(seconds == 0);
    lm_step_figures step = {.step = 1,
                            .tokens = 768,
                            .loss = 5.5484313033521175,
                            .lr = 1e-5,
                            .grad_norm = 0.1,
                            .digest = 0xabc,
                            .weights_digest = 0x123,
                            .tokens_per_s = 33000.123456,
                            .seconds = 0.02345678};
    assert_int_equal(lm_metrics_step(&m, &step, NULL, &err), LM_OK);
    step = (lm_step_figures){.step = 9999999999,
                             .tokens = (int64_t)1 << 53,
                             .loss = NAN,
                             .grad_norm = INFINITY,
                             .tokens_per_s = 1e6,
                             .seconds = 86400.5};
    assert_int_equal(lm_metrics_step(&m, &step, NULL, &err), LM_OK);
    lm_eval_figures eval = {.step = 9999999999,
                            .tokens = 768,
                            .digest = 0xdef,
                            .val_tokens = 500,
                            .val_loss = 1.3862943611198906,
                            .bytes_per_token = 1,
                            .seconds = 86401};
    assert_int_equal(lm_metrics_eval(&m, &eval, NULL, &err), LM_OK);
    eval.bytes_per_token = 0;
    eval.val_loss = 1000;
    assert_int_equal(lm_metrics_eval(&m, &eval, NULL, &err), LM_OK);
    assert_int_equal(lm_metrics_sync(&m, &err), LM_OK);
    lm_metrics_close(&m);
    expect_file(
        path,
        "{\"step\":1,\"tokens\":768,\"loss\":5.5484313033521175,\"lr\":1e-05,\"grad_norm\":0.1,"
        "\"digest\":\"0000000000000abc\",\"weights_digest\":\"0000000000000123\","
        "\"tokens_per_s\":33000.1,\"seconds\":0.0235}\n"
        "{\"step\":9999999999,\"tokens\":9007199254740992,\"loss\":null,\"lr\":0,"
        "\"grad_norm\":null,\"digest\":\"0000000000000000\",\"tokens_per_s\":1000000,\"seconds\":"
        "86400.5}\n"
        "{\"step\":9999999999,\"tokens\":768,\"digest\":\"0000000000000def\",\"val_loss\":1."
        "3862943611198906,\"val_perplexity\":4,"
        "\"val_bits_per_byte\":2,\"val_tokens\":500,\"seconds\":86401}\n"
        "{\"step\":9999999999,\"tokens\":768,\"digest\":\"0000000000000def\",\"val_loss\":1000,"
        "\"val_perplexity\":null,"
        "\"val_tokens\":500,\"seconds\":86401}\n");
}

/* A mixture and named validation sets; memory for their lines is there before. */
static void test_figures_of_data(void **state) {
    (void)state;
    lm_metrics m;
    lm_error err = {0};
    double seconds;
    lm_source_figures sources[] = {{"a \"b\"", 900, 1.23456789}, {"code", 100, 0.5}};
    lm_set_figures sets[] = {{"prose", 2.5}, {"code", NAN}};
    const lm_data_figures data = {sources, 2, sets, 2};
    put("");
    assert_int_equal(
        lm_metrics_open(&m, path, &(lm_metrics_mark){.step = 0, .evaluated = true}, &seconds, &err),
        LM_OK);
    lm_metrics_reserve(&m, &data);
    const char *before = m.text.data;
    const lm_step_figures step = {.step = 1, .tokens = 1000, .loss = 2};
    const lm_eval_figures eval = {.step = 1, .tokens = 1000, .val_loss = 0, .val_tokens = 7};
    assert_int_equal(lm_metrics_step(&m, &step, &data, &err), LM_OK);
    assert_int_equal(lm_metrics_eval(&m, &eval, &data, &err), LM_OK);
    assert_ptr_equal(m.text.data, before);
    lm_metrics_close(&m);
    expect_file(
        path,
        "{\"step\":1,\"tokens\":1000,\"tokens.a \\\"b\\\"\":900,\"epochs.a \\\"b\\\"\":1.23457,"
        "\"tokens.code\":100,\"epochs.code\":0.5,\"loss\":2,\"lr\":0,\"grad_norm\":0,"
        "\"digest\":\"0000000000000000\",\"tokens_per_s\":0,\"seconds\":0}\n"
        "{\"step\":1,\"tokens\":1000,\"digest\":\"0000000000000000\",\"val_loss\":0,"
        "\"val_loss.prose\":2.5,\"val_loss.code\":null,\"val_perplexity\":1,\"val_tokens\":7,"
        "\"seconds\":0}\n");
    put("");
}

#define LINE1 "{\"step\":1,\"tokens\":8,\"loss\":2,\"seconds\":0.5}\n"
#define LINE2 "{\"step\":2,\"tokens\":16,\"loss\":1,\"seconds\":1.5}\n"
#define EVAL2 "{\"step\":2,\"tokens\":16,\"val_loss\":1,\"seconds\":1.75}\n"
#define LINE3 "{\"step\":3,\"tokens\":24,\"loss\":1,\"seconds\":2.5}\n"

/* A resumed run takes back what it will write again, and only that. */
static void test_lines_after_the_checkpoint_are_taken_back(void **state) {
    (void)state;
    const char *all = LINE1 LINE2 EVAL2 LINE3;
    put(all);
    expect_kept(7, all, 2.5);
    expect_kept(3, all, 2.5);
    expect_kept(2, LINE1 LINE2 EVAL2, 1.75);
    expect_kept(1, LINE1, 0.5);
    /* The evaluation of a step goes too when the checkpoint does not know of it. */
    lm_metrics m;
    lm_error err = {0};
    double seconds;
    put(all);
    assert_int_equal(lm_metrics_open(&m, path, &(lm_metrics_mark){.step = 2}, &seconds, &err),
                     LM_OK);
    assert_int_equal(m.last_step, 2);
    lm_metrics_close(&m);
    expect_file(path, LINE1 LINE2);
    expect_kept(0, "", 0);

    /* Where the step has no line its time lies between those of its neighbours. */
    put(LINE1 LINE3);
    expect_kept(2, LINE1, 1.5);
    put(LINE3);
    expect_kept(2, "", 0);

    /* Nothing whole is lost: it all is in the file beside. */
    char *aside = lm_file_join(tempdir, "metrics.jsonl.aside");
    assert_int_equal(lm_file_remove(aside, &err), LM_OK);
    put(all);
    assert_int_equal(lm_metrics_open(&m, path, &(lm_metrics_mark){.step = 2}, &seconds, &err),
                     LM_OK);
    assert_int_equal(m.moved, 2);
    lm_metrics_close(&m);
    assert_int_equal(
        lm_metrics_open(&m, path, &(lm_metrics_mark){.step = 1, .evaluated = true}, &seconds, &err),
        LM_OK);
    assert_int_equal(m.moved, 1);
    lm_metrics_close(&m);
    expect_file(aside, EVAL2 LINE3 LINE2);
    free(aside);

    /* Half a line, whatever it says; lines that are none of ours stay between those that are. */
    put(LINE1 "{\"step\":2,\"tokens\":16,\"loss\":1,\"seconds\":1.5}");
    expect_kept(9, LINE1, 0.5);
    put(LINE1 "{\"st");
    expect_kept(9, LINE1, 0.5);
    put(LINE1 "\nnote\n" LINE2 "note\n" LINE3);
    expect_kept(9, LINE1 "\nnote\n" LINE2 "note\n" LINE3, 2.5);
    expect_kept(2, LINE1 "\nnote\n" LINE2, 1.5);
    put(LINE1 "note\n");
    expect_kept(9, LINE1, 0.5);
    put("\n");
    expect_kept(9, "", 0);
}

/* What is appended after a resume stands behind what was kept, and an older writer is not
 * needed. */
static void test_going_on(void **state) {
    (void)state;
    lm_metrics m;
    lm_error err = {0};
    double seconds;
    put(LINE1 LINE2 LINE3 "{\"ste");
    assert_int_equal(
        lm_metrics_open(&m, path, &(lm_metrics_mark){.step = 2, .evaluated = true}, &seconds, &err),
        LM_OK);
    lm_step_figures step = {.step = 3, .tokens = 24, .seconds = 3};
    assert_int_equal(lm_metrics_step(&m, &step, NULL, &err), LM_OK);
    lm_metrics_close(&m);
    expect_file(path,
                LINE1 LINE2 "{\"step\":3,\"tokens\":24,\"loss\":0,\"lr\":0,\"grad_norm\":0,"
                            "\"digest\":\"0000000000000000\",\"tokens_per_s\":0,\"seconds\":3}\n");
}

static void test_errors(void **state) {
    (void)state;
    lm_metrics m;
    lm_error err = {0};
    double seconds;
    assert_int_equal(lm_metrics_open(&m, tempdir, &(lm_metrics_mark){.step = 0, .evaluated = true},
                                     &seconds, &err),
                     LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "cannot open: Is a directory"));
    char *deep = lm_file_join(tempdir, "none/metrics.jsonl");
    assert_int_equal(
        lm_metrics_open(&m, deep, &(lm_metrics_mark){.step = 0, .evaluated = true}, &seconds, &err),
        LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "none/metrics.jsonl: cannot open: No such file"));
    free(deep);
    lm_metrics_close(&m);
    lm_metrics zero = {0};
    lm_metrics_close(&zero);
}

static void test_units(void **state) {
    (void)state;
    assert_true(lm_perplexity(0) == 1);
    assert_true(fabs(lm_bits_per_byte(0.69314718055994531, 1) - 1) < 1e-15);
    assert_true(fabs(lm_bits_per_byte(0.69314718055994531, 4) - 0.25) < 1e-15);
}

/* ---- summary.json -----------------------------------------------------------------------------*/

static void test_summary(void **state) {
    (void)state;
    lm_error err = {0};
    char *name = lm_file_join(tempdir, "summary.json");
    static const lm_summary_memory memory[] = {{"weights", 4096}, {"saving", 1}};
    lm_summary s = {.state = "finished",
                    .plan = {.flops_per_token = 1.5e6, .memory = memory, .n_memory = 2},
                    .exit_code = 0,
                    .step = 40,
                    .steps = 40,
                    .tokens = 10240,
                    .parameters = 34976,
                    .train_loss = 1.5,
                    .val_loss = 1.3862943611198906,
                    .best_val_loss = 1.25,
                    .best_val_step = 30,
                    .bytes_per_token = 1,
                    .seconds = 0.12345,
                    .tokens_per_s = 179818.4,
                    .peak_resident = 9089024,
                    .checkpoint = "run \"x\"/step.npz",
                    .checkpoint_step = 40,
                    .started = 1769860800};
    char host[65] = "", session[256];
    gethostname(host, sizeof host - 1);
    snprintf(session, sizeof session,
             "  \"pid\": %d,\n  \"host\": \"%s\",\n  \"started\": \"2026-01-31T12:00:00Z\",\n",
             (int)getpid(), host);
    lm_text expected = {0};
    lm_text_printf(&expected,
                   "{\n  \"state\": \"finished\",\n  \"exit_code\": 0,\n  \"step\": 40,\n"
                   "  \"steps\": 40,\n  \"tokens\": 10240,\n  \"parameters\": 34976,\n"
                   "  \"train_loss\": 1.5,\n  \"val_loss\": 1.3862943611198906,\n"
                   "  \"val_perplexity\": 4,\n  \"val_bits_per_byte\": 2,\n"
                   "  \"best_val_loss\": 1.25,\n  \"best_val_step\": 30,\n"
                   "  \"seconds\": 0.123,\n  \"tokens_per_s\": 179818,\n"
                   "  \"peak_resident_bytes\": 9089024,\n"
                   "  \"checkpoint\": \"run \\\"x\\\"/step.npz\",\n"
                   "  \"checkpoint_step\": 40,\n%s"
                   "  \"version\": \"" LM_VERSION "\",\n  \"plan\": {\n"
                   "    \"flops_per_token\": 1500000,\n    \"peak_flops\": null,\n"
                   "    \"memory\": {\"weights\": 4096, \"saving\": 1}\n  }\n}\n",
                   session);
    assert_int_equal(lm_summary_write(&s, name, true, &err), LM_OK);
    expect_file(name, lm_text_cstr(&expected));
    lm_text_free(&expected);
    lm_summary_found found;
    assert_true(lm_summary_read(&found, name));
    assert_string_equal(found.state, "finished");
    assert_int_equal(found.step, 40);
    assert_int_equal(found.checkpoint_step, 40);
    assert_false(found.without_last);
    assert_int_equal(found.pid, getpid());
    assert_true(found.here);

    /* What an older lmtrain wrote, and what is none. */
    const char *old = "{\"reason\": \"failed\", \"step\": 1, \"steps\": 2}";
    assert_int_equal(lm_file_replace(name, old, strlen(old), &err), LM_OK);
    assert_true(lm_summary_read(&found, name));
    assert_string_equal(found.state, "failed");
    assert_false(found.here);
    assert_int_equal(lm_file_replace(name, "{\"reason\"", 9, &err), LM_OK);
    assert_false(lm_summary_read(&found, name));

    /* Nothing known yet: null, not a number that is none. */
    s = (lm_summary){.state = "running",
                     .exit_code = -1,
                     .train_loss = NAN,
                     .val_loss = NAN,
                     .best_val_loss = NAN,
                     .tokens_per_s = NAN};
    assert_int_equal(lm_summary_write(&s, name, true, &err), LM_OK);
    lm_text text = {0};
    assert_int_equal(lm_file_read(name, 1 << 20, &text, &err), LM_OK);
    static const char *const nulls[] = {"exit_code",      "train_loss",    "val_loss",
                                        "val_perplexity", "best_val_loss", "best_val_step",
                                        "tokens_per_s",   "checkpoint"};
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++) {
        char line[64];
        snprintf(line, sizeof line, "\"%s\": null", nulls[i]);
        if (!strstr(lm_text_cstr(&text), line)) fail_msg("no %s in %s", line, text.data);
    }
    assert_null(strstr(lm_text_cstr(&text), "nan"));
    assert_null(strstr(lm_text_cstr(&text), "bits_per_byte"));
    lm_text_free(&text);

    assert_int_equal(lm_summary_write(&s, "/nonexistent/summary.json", true, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "/nonexistent/summary.json"));
    free(name);
}

/* The line is a copy of its own size, so that reading behind it is seen. */
static void expect_figure(const char *line, const char *key, double expected) {
    size_t n = strlen(line);
    char *copy = malloc(n);
    double found = 77;
    assert_non_null(copy);
    memcpy(copy, line, n);
    bool any = lm_metrics_figure(copy, n, key, &found);
    if (any != !isnan(expected)) fail_msg("%s in %s: %s", key, line, any ? "found" : "not found");
    if (any) assert_true(found == expected);
    free(copy);
}

static void test_figures_are_found(void **state) {
    (void)state;
    expect_figure("{\"step\":3,\"loss\":2.5}\n", "loss", 2.5);
    expect_figure("{\"step\":3,\"loss\":null}\n", "loss", NAN);
    expect_figure("{\"step\":3,\"val_loss\":2.5}\n", "loss", NAN);
    expect_figure("{\"step\":3,\"loss\"}\n", "loss", NAN);
    expect_figure("{\"step\":3,\"lo", "loss", NAN);
    expect_figure("{\"text\":\"loss\",\"loss\":1}\n", "loss", 1);
    /* Keys that are longer than any that this program asks for, whole and cut. */
    for (size_t n = 40; n < 1000; n = n < 140 ? n + 1 : 2 * n) {
        char key[1100], line[1200];
        memset(key, 'k', n);
        key[n] = '\0';
        snprintf(line, sizeof line, "{\"%s\":4.5}\n", key);
        expect_figure(line, key, 4.5);
        key[n - 1] = 'x';
        expect_figure(line, key, NAN);
        key[n - 1] = '\0';
        expect_figure(line, key, NAN);
        memset(key, 'k', n + 40);
        key[n + 40] = '\0';
        expect_figure(line, key, NAN);
    }
}

/* A step that was not taken stands behind the step before it; a run that goes on from before it
 * does not know it. */
static void test_steps_that_were_not_taken(void **state) {
    (void)state;
    const lm_window_figures worst[] = {
        {.window = 197,
         .source = "a",
         .file = "a/x.bin",
         .token = 6304,
         .byte = 12608,
         .loss = NAN,
         .text = "\"step\":9,\"skips\":9"},
        {.window = 198, .source = "a", .file = "a/y.bin", .token = 0, .byte = 80, .loss = 2.5}};
    const lm_guard_figures f = {.event = "skip",
                                .step = 24,
                                .tokens = 6144,
                                .refused = 25,
                                .why = "the loss",
                                .loss = NAN,
                                .grad_norm = 3,
                                .lr = 0.5,
                                .skips = 2,
                                .first = 192,
                                .last = 199,
                                .n_worst = 2,
                                .worst = worst,
                                .seconds = 1.5};
    lm_metrics m;
    lm_error err = {0};
    double seconds;
    put("{\"step\":24,\"loss\":1,\"seconds\":1}\n");
    const lm_metrics_mark mark = {.step = 24, .evaluated = true, .skips = 1};
    assert_int_equal(lm_metrics_open(&m, path, &mark, &seconds, &err), LM_OK);
    assert_int_equal(lm_metrics_guard(&m, &f, &err), LM_OK);
    lm_metrics_close(&m);
    const char *both =
        "{\"step\":24,\"loss\":1,\"seconds\":1}\n"
        "{\"step\":24,\"tokens\":6144,\"event\":\"skip\",\"refused\":25,\"why\":\"the loss\","
        "\"refused_loss\":null,\"refused_grad_norm\":3,\"refused_lr\":0.5,\"skips\":2,"
        "\"rewinds\":0,"
        "\"windows\":[192,199],\"worst\":[{\"window\":197,\"source\":\"a\",\"file\":\"a/x.bin\","
        "\"token\":6304,\"byte\":12608,\"window_loss\":null,"
        "\"text\":\"\\\"step\\\":9,\\\"skips\\\":9\"},{\"window\":198,\"source\":\"a\","
        "\"file\":\"a/y.bin\",\"token\":0,\"byte\":80,\"window_loss\":2.5}],\"seconds\":1.5}\n";
    expect_file(path, both);
    lm_metrics_mark knows = mark;
    knows.skips = 2;
    assert_int_equal(lm_metrics_open(&m, path, &knows, &seconds, &err), LM_OK);
    lm_metrics_close(&m);
    expect_file(path, both);
    assert_true(seconds == 1.5);
    assert_int_equal(lm_metrics_open(&m, path, &mark, &seconds, &err), LM_OK);
    assert_int_equal(m.moved, 1);
    lm_metrics_close(&m);
    expect_file(path, "{\"step\":24,\"loss\":1,\"seconds\":1}\n");
    assert_true(seconds == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures_are_found),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_figures_of_data),
        cmocka_unit_test(test_lines_after_the_checkpoint_are_taken_back),
        cmocka_unit_test(test_going_on),
        cmocka_unit_test(test_steps_that_were_not_taken),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_summary),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

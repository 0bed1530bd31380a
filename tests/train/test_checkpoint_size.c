/* The plan's figure of a checkpoint is never below the size of the file, and for tiny models at
 * most twice that: every optimizer, few and many layers, before and after the weights moved. */
#include "tests/support/test.h"

#include <stdlib.h>

#include "base/file.h"
#include "bench/corpus.h"
#include "machine/cpu.h"
#include "tests/support/tempdir.h"
#include "train/trainer.h"

static lm_bench_corpus corpus;
static lm_error err;

static int set_up(void **state) {
    tempdir_open(state);
    return lm_bench_corpus_make(&corpus, 65, &err) == LM_OK ? 0 : -1;
}
static int tear_down(void **state) {
    lm_bench_corpus_free(&corpus);
    return tempdir_close(state);
}

/* The plan's figure by the size of the file of step `steps`. */
static double ratio(const char *optimizer, int d_model, int layers, int steps) {
    lm_config config = {0};
    lm_train_settings settings = {.config = &config};
    lm_trainer t = {.settings = &settings, .config = &config};
    lm_text text = {0};
    lm_text_printf(&text,
                   "{\"run\": {\"dir\": \"%s/run-%s-%d-%d\", \"threads\": 2},"
                   " \"data\": {\"train\": \"%s\"}, \"optimizer\": {\"name\": \"%s\"},"
                   " \"model\": {\"vocab_size\": 65, \"d_model\": %d, \"n_layers\": %d,"
                   " \"n_heads\": 1, \"context_length\": 8, \"bias\": true}}",
                   tempdir, optimizer, d_model, layers, corpus.path, optimizer, d_model, layers);
    lm_status status =
        lm_config_parse(&config, "test", lm_text_cstr(&text), text.length, NULL, 0, &err);
    if (status == LM_OK) status = lm_setup_open(&t.setup, &config, 0, lm_cpu_detect(), true, &err);
    if (status == LM_OK) status = lm_run_dir_open(&t.dir, config.run.dir, false, false, &err);
    if (status == LM_OK) status = lm_run_dir_make(&t.dir, &err);
    if (status == LM_OK) status = lm_trainer_create(&t, &err);
    if (status == LM_OK) status = lm_trainer_init(&t, &err);
    for (int i = 0; i < steps && status == LM_OK; i++) status = lm_trainer_step(&t, &err);
    if (status == LM_OK) status = lm_trainer_save(&t, &err);
    if (status != LM_OK) fail_msg("%s", err.message);
    double most = (double)t.setup.plan.checkpoint, size = (double)lm_file_size(t.saved);
    if (most < size)
        fail_msg("%s, %d layers of %d: %g bytes, more than %g", optimizer, layers, d_model, size,
                 most);
    lm_trainer_free(&t);
    lm_config_free(&config);
    lm_text_free(&text);
    return most / size;
}

static void test_the_figure_of_tiny_models(void **state) {
    (void)state;
    for (int kind = 0; lm_optimizer_name(kind); kind++) {
        const char *name = lm_optimizer_name(kind);
        /* Before the first step no average of the weights is there, which schedule_free keeps. */
        assert_true(ratio(name, 2, 1, 0) < 2.5);
        assert_true(ratio(name, 8, 1, 1) < 2);
        assert_true(ratio(name, 32, 9, 2) < 2);
    }
}

static void test_the_figure_of_a_small_model(void **state) {
    (void)state;
    assert_true(ratio("adamw", 256, 2, 2) < 1.3); /* its exponents compress */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_figure_of_tiny_models),
        cmocka_unit_test(test_the_figure_of_a_small_model),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Never a poisoned checkpoint: each array in turn, weights and both moments, gets a value that is
 * not finite; nothing is written, and the good checkpoint stays. */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "bench/corpus.h"
#include "cli/commands.h"
#include "machine/cpu.h"
#include "tests/support/tempdir.h"
#include "train/trainer.h"

static lm_bench_corpus corpus;
static lm_config config;
static lm_train_settings settings = {.config = &config};
static lm_trainer trainer = {.settings = &settings, .config = &config};
static lm_error err;

static int set_up(void **state) {
    lm_text text = {0};
    lm_trainer *t = &trainer;
    tempdir_open(state);
    if (lm_bench_corpus_make(&corpus, 65, &err) != LM_OK) return -1;
    lm_text_printf(&text,
                   "{\"run\": {\"dir\": \"%s/run\", \"threads\": 2}, \"data\": {\"train\": \"%s\"},"
                   " \"model\": {\"vocab_size\": 65, \"d_model\": 8, \"n_layers\": 1,"
                   " \"n_heads\": 1, \"context_length\": 8}, \"checkpoint\": {\"keep_last\": 1}}",
                   tempdir, corpus.path);
    lm_status status =
        lm_config_parse(&config, "test", lm_text_cstr(&text), text.length, NULL, 0, &err);
    lm_text_free(&text);
    if (status != LM_OK) return -1;
    if (lm_setup_open(&t->setup, &config, 0, lm_cpu_detect(), true, &err) != LM_OK) return -1;
    if (lm_run_dir_open(&t->dir, config.run.dir, false, false, &err) != LM_OK) return -1;
    if (lm_run_dir_make(&t->dir, &err) != LM_OK) return -1;
    if (lm_trainer_create(t, &err) != LM_OK || lm_trainer_init(t, &err) != LM_OK) return -1;
    return lm_trainer_step(t, &err) == LM_OK && lm_trainer_save(t, &err) == LM_OK ? 0 : -1;
}

static int tear_down(void **state) {
    lm_trainer_free(&trainer);
    lm_config_free(&config);
    lm_bench_corpus_free(&corpus);
    return tempdir_close(state);
}

static void expect_only_step_1(void) {
    lm_file_list list;
    assert_int_equal(lm_file_list_directory(&list, trainer.dir.checkpoints, &err), LM_OK);
    assert_int_equal(list.count, 1);
    assert_string_equal(list.names[0], "step-0000000001.npz");
    lm_file_list_free(&list);
}

static void test_a_value_that_is_not_finite_is_not_saved(void **state) {
    (void)state;
    const float values[] = {NAN, INFINITY, -INFINITY};
    expect_only_step_1();
    trainer.state.step = 2;
    int64_t rows;
    (void)lm_model_rows(trainer.model, &rows);
    assert_int_equal(trainer.n_arrays, 3 * rows); /* weights, m and v */
    for (int64_t i = 0; i < trainer.n_arrays; i++) {
        const lm_checkpoint_array *a = &trainer.arrays[i];
        int64_t last = 1;
        for (int d = 0; d < a->ndim; d++) last *= a->shape[d];
        float *place = &a->data[last - 1], before = *place;
        *place = values[i % 3];
        assert_int_equal(lm_trainer_save(&trainer, &err), LM_ERR_DIVERGED);
        assert_non_null(strstr(err.message, strchr(a->name, '/')
                                                ? "the optimizer's state stopped being finite"
                                                : "the weights stopped being finite"));
        expect_only_step_1();
        *place = before;
    }
    assert_int_equal(lm_trainer_save(&trainer, &err), LM_OK);
    assert_int_equal(lm_checkpoint_check(trainer.saved, trainer.pool, &err), LM_OK);
}

/* Element (5, 3) of an array [rows, 8] becomes NaN in a checkpoint whose digests are right. */
static void write_poisoned(const char *path, const char *array) {
    lm_text meta = {0};
    lm_run_state_print(&trainer.state, &config, &meta);
    for (int64_t i = 0; i < trainer.n_arrays; i++) {
        const lm_checkpoint_array *a = &trainer.arrays[i];
        if (strcmp(a->name, array) != 0) continue;
        float before = a->data[5 * 8 + 3];
        a->data[5 * 8 + 3] = NAN;
        assert_int_equal(lm_checkpoint_write(path, trainer.arrays, trainer.n_arrays, NULL, 0,
                                             lm_text_cstr(&meta), trainer.pool, NULL, &err),
                         LM_OK);
        a->data[5 * 8 + 3] = before;
    }
    lm_text_free(&meta);
}

static lm_status inspect(const char *path) {
    const char *const arguments[] = {"lmtrain", "inspect", path, "--verify", NULL};
    return lm_commands_run(4, arguments, &err);
}

/* Right digests do not make such a file good. */
static void test_inspect_verify_refuses_it(void **state) {
    (void)state;
    char *directory = lm_file_join(tempdir, "poisoned"), *path;
    assert_int_equal(lm_file_make_directory(directory, &err), LM_OK);
    path = lm_checkpoint_path(directory, 1);
    write_poisoned(path, "m/wte.weight");
    assert_int_equal(lm_checkpoint_check(path, trainer.pool, &err), LM_OK);
    assert_int_equal(inspect(path), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "array m/wte.weight, element [5, 3]: expected a finite"));
    assert_int_equal(inspect(directory), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "1 damaged checkpoint"));
    assert_int_equal(inspect(trainer.saved), LM_OK);
    free(path);
    free(directory);
}

static void test_a_value_that_is_not_finite_is_not_read(void **state) {
    (void)state;
    char *path = lm_file_join(tempdir, "poisoned.npz");
    lm_saved saved;
    lm_text skipped = {0};
    /* The moments are looked at when a run goes on. */
    write_poisoned(path, "v/wte.weight");
    free(trainer.saved); /* a run that goes on has saved nothing yet */
    trainer.saved = NULL;
    settings.resume = true;
    settings.resume_from = path;
    assert_int_equal(lm_trainer_resume(&trainer, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "array v/wte.weight, element [5, 3]: expected a finite"));
    settings = (lm_train_settings){.config = &config};
    write_poisoned(path, "wte.weight");
    assert_int_equal(lm_saved_open(&saved, path, trainer.pool, &skipped, &err), LM_OK);
    assert_int_equal(lm_saved_weights(&saved, trainer.model, trainer.pool, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "poisoned.npz: array wte.weight, element [5, 3]: expected a"
                                        " finite number, found nan"));
    lm_saved_close(&saved);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_value_that_is_not_finite_is_not_saved),
        cmocka_unit_test(test_inspect_verify_refuses_it),
        cmocka_unit_test(test_a_value_that_is_not_finite_is_not_read)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

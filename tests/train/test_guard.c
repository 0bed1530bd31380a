/* What the guards need of a step that was refused: weights and state as they were, the figures that
 * spikes are measured by in the checkpoint, and weights that are numbers. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "bench/corpus.h"
#include "tests/support/trainer.h"

static lm_bench_corpus corpus;
static lm_error err;

static int set_up(void **state) {
    (void)state;
    return lm_bench_corpus_make(&corpus, 65, &err) == LM_OK ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    lm_bench_corpus_free(&corpus);
    return 0;
}

static trainer *make(void) {
    lm_text text = {0};
    lm_text_printf(&text,
                   "{\"run\": {\"dir\": \"-\", \"threads\": 1}, \"data\": {\"train\": \"%s\"},"
                   " \"model\": {\"vocab_size\": 65, \"d_model\": 8, \"n_layers\": 1,"
                   " \"n_heads\": 1, \"context_length\": 8}, \"train\": {\"batch\": 4,"
                   " \"micro_batch\": 4, \"max_skips\": 9, \"spike_sigma\": 6}}",
                   corpus.path);
    trainer *t = trainer_make(lm_text_cstr(&text));
    lm_text_free(&text);
    return t;
}

/* A history in which the next step is a spike, without any. */
static void expect_a_spike(trainer *t) {
    t->t.state.taken.count = 0;
    for (int i = 0; i < LM_SPIKES_LEAST; i++) lm_spikes_add(&t->t.state.taken, 0.5, 1e9);
}

static void test_a_refused_step_changes_nothing(void **state) {
    (void)state;
    trainer *a = make(), *b = make();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(lm_trainer_step(&a->t, &err), LM_OK);
        assert_int_equal(lm_trainer_step(&b->t, &err), LM_OK);
    }
    assert_true(trainer_same(a, b));
    expect_a_spike(a);
    expect_a_spike(b);
    assert_int_equal(lm_trainer_step(&a->t, &err), LM_ERR_DIVERGED);
    assert_non_null(strstr(err.message, "step 4: spike: the loss 4."));
    assert_true(a->t.refused.spike && a->t.refused.step == 4);
    assert_true(trainer_same(a, b));
    a->t.state.taken.count = b->t.state.taken.count = 3;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(lm_trainer_step(&a->t, &err), LM_OK);
        assert_int_equal(lm_trainer_step(&b->t, &err), LM_OK);
    }
    assert_true(trainer_same(a, b));
    trainer_free(a);
    trainer_free(b);
}

static void test_weights_that_are_no_numbers(void **state) {
    (void)state;
    trainer *t = make();
    assert_int_equal(lm_trainer_step(&t->t, &err), LM_OK);
    lm_model_weights(t->t.model)[0] = NAN;
    lm_model_weights(t->t.model)[lm_model_total(t->t.model) - 1] = NAN;
    assert_int_equal(lm_trainer_step(&t->t, &err), LM_ERR_DIVERGED);
    assert_int_equal(lm_trainer_guard(&t->t, &err), LM_ERR_DIVERGED);
    assert_int_equal(t->t.state.skips, 0);
    trainer_free(t);
}

static void test_meta_json_holds_the_guards(void **state) {
    (void)state;
    trainer *t = make();
    lm_run_state back;
    lm_config config;
    lm_text text = {0};
    t->t.state.skips = 5;
    t->t.state.skips_in_row = 2;
    for (int i = 0; i < 200; i++) lm_spikes_add(&t->t.state.taken, 1.0 / (i + 1), sqrt(i));
    lm_run_state_print(&t->t.state, &t->config, &text);
    assert_int_equal(lm_run_state_parse(&back, &config, "a.npz", lm_text_cstr(&text), &err), LM_OK);
    assert_int_equal(back.skips, 5);
    assert_int_equal(back.skips_in_row, 2);
    assert_memory_equal(&back.taken, &t->t.state.taken, sizeof back.taken);
    lm_config_free(&config);
    /* One list shorter than the other, and one that is too long. */
    char *list = strstr((char *)lm_text_cstr(&text), "\"taken_grad_norms\": [");
    assert_non_null(list);
    list = strchr(list, '[') + 1;
    memset(list, ' ', (size_t)(strchr(list, ',') - list) + 1);
    assert_int_equal(lm_run_state_parse(&back, &config, "a.npz", lm_text_cstr(&text), &err),
                     LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "as many numbers as taken_losses has"));
    lm_text_free(&text);
    trainer_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_refused_step_changes_nothing),
                                       cmocka_unit_test(test_weights_that_are_no_numbers),
                                       cmocka_unit_test(test_meta_json_holds_the_guards)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

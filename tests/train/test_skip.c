/* data.skip: the windows that it names are passed over and those behind them move up, whatever the
 * micro-batch and the lanes are. */
#include "tests/support/test.h"

#include <stdlib.h>
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

/* Two sources, dropout, eight windows a step. */
static trainer *make(const char *skip, int micro_batch, int lanes) {
    lm_text text = {0};
    lm_text_printf(
        &text,
        "{\"run\": {\"dir\": \"-\", \"threads\": 2}, \"data\": {\"train\": [{\"name\": \"a\","
        " \"path\": \"%s\", \"weight\": 3}, {\"name\": \"b\", \"path\": \"%s\", \"weight\": 1}],"
        " \"skip\": \"%s\"}, \"model\": {\"vocab_size\": 65, \"d_model\": 8, \"n_layers\": 1,"
        " \"n_heads\": 1, \"context_length\": 8, \"dropout\": 0.1}, \"train\": {\"batch\": 8,"
        " \"steps\": 9, \"micro_batch\": %d, \"lanes\": %d}}",
        corpus.path, corpus.path, skip, micro_batch, lanes);
    trainer *t = trainer_make(lm_text_cstr(&text));
    lm_text_free(&text);
    return t;
}

static void step(trainer *t, int n) {
    for (int i = 0; i < n; i++) assert_int_equal(lm_trainer_step(&t->t, &err), LM_OK);
}

static void test_whole_steps(void **state) {
    (void)state;
    trainer *a = make("16-31", 4, 1), *b = make("", 4, 1);
    step(a, 4);
    step(b, 2);
    assert_int_equal(b->t.state.samples, 16);
    b->t.state.samples = 32;
    step(b, 2);
    assert_int_equal(a->t.state.samples, 48);
    assert_int_equal(a->t.state.tokens, 4 * 64);
    assert_true(trainer_same(a, b));
    trainer_free(a);
    trainer_free(b);
}

/* The digest of a step's windows, read one by one. */
static uint64_t digest_of(const trainer *t, const int64_t *windows, int n) {
    int32_t tokens[9];
    uint64_t digests[8];
    for (int i = 0; i < n; i++) {
        assert_int_equal(lm_sources_window(&t->t.setup.train, windows[i], tokens, &err), LM_OK);
        digests[i] = lm_audit_window(tokens, 9);
    }
    return lm_audit_step(0, digests, n);
}

static void test_windows_within_a_step(void **state) {
    (void)state;
    static const int64_t left[8] = {0, 2, 3, 4, 9, 10, 11, 12};
    trainer *a = make("1,5-8", 8, 1), *b = make("1,5-8", 3, 1), *c = make("1,5-8", 1, 1);
    trainer *lanes = make("1,5-8", 2, 4), *all = make("", 8, 1);
    step(a, 1);
    assert_int_equal(a->t.state.samples, 13);
    assert_int_equal(a->t.state.digest, digest_of(a, left, 8));
    step(a, 3);
    step(b, 4);
    step(c, 4);
    step(lanes, 4);
    step(all, 4);
    assert_true(trainer_same(a, b));
    assert_true(trainer_same(a, c));
    assert_int_equal(a->t.state.digest, lanes->t.state.digest);
    assert_int_not_equal(a->t.state.digest, all->t.state.digest);
    assert_int_equal(a->t.state.samples, all->t.state.samples + 5);
    trainer_free(a);
    trainer_free(b);
    trainer_free(c);
    trainer_free(lanes);
    trainer_free(all);
}

/* What lies behind the run, or was passed when the key was given, changes nothing. */
static void test_windows_that_are_not_to_come(void **state) {
    (void)state;
    trainer *a = make("", 8, 1), *b = make("24-1000", 8, 1);
    step(a, 3);
    step(b, 3);
    assert_true(trainer_same(a, b));
    trainer_free(b);
    b = make("0-7", 8, 1);
    b->t.state.samples = 8;
    trainer *c = make("", 8, 1);
    c->t.state.samples = 8;
    step(b, 2);
    step(c, 2);
    assert_true(trainer_same(b, c));
    trainer_free(a);
    trainer_free(b);
    trainer_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_whole_steps),
                                       cmocka_unit_test(test_windows_within_a_step),
                                       cmocka_unit_test(test_windows_that_are_not_to_come)};
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

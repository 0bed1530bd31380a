/* N-gram tables in a model: they begin as nothing, and what the model says of the lines that its
 * gradients reach. */
#include "tests/support/test.h"

#include <string.h>

#include "tests/support/layers.h"
#include "tests/support/transformer.h"

enum { BATCH = 3, MOST = 400 };

static lm_model *create(bool tables) {
    lm_model_options o = transformer_named("ngrams")->o;
    if (!tables) o.ngram_tables.count = 0;
    lm_model *m = transformer_create(&o, BATCH, true, &layers_compute);
    lm_model_init(m, 5);
    return m;
}

static double pass(lm_model *m, int64_t first_row) {
    const lm_model_options *o = lm_model_get_options(m);
    int32_t tokens[MOST];
    transformer_tokens(tokens, first_row, BATCH, o->context_length, o->vocab_size);
    lm_model_begin_step(m);
    return lm_model_forward_backward(m, tokens, BATCH, o->context_length, 0.1f);
}

/* Tables are 0 at first: loss and all other gradients have the bits of the model without them. */
static void test_they_begin_as_nothing(void **state) {
    lm_model *with = create(true), *without = create(false);
    (void)state;
    for (int i = 0; i < 2; i++) lm_model_begin_gradients(i == 0 ? with : without, NULL);
    assert_true(pass(with, 0) == pass(without, 0));
    lm_model_end_gradients(with);
    lm_model_end_gradients(without);
    int64_t n = lm_model_total(without);
    assert_int_equal(lm_model_dense(with), n);
    assert_true(lm_model_total(with) > n);
    layers_same_bits("weights", lm_model_weights(with), lm_model_weights(without), n);
    layers_same_bits("gradients", lm_model_gradients(with), lm_model_gradients(without), n);
    lm_model_free(with);
    lm_model_free(without);
    layers_free_all();
}

/* Lines outside of the list are exactly 0. Returns how many are in it. */
static int64_t check_lines(lm_model *m) {
    int64_t n_rows, n = 0;
    const lm_param *rows = lm_model_rows(m, &n_rows);
    const lm_lines *lines = lm_model_lines(m);
    for (int64_t r = 0; r < n_rows; r++) {
        assert_true((rows[r].role == LM_ROLE_TABLE) == (lines[r].at != NULL));
        const float *g = lm_model_gradients(m) + rows[r].offset;
        for (int64_t line = 0, next = 0; lines[r].at && line < rows[r].shape[0]; line++) {
            bool listed = next < lines[r].count && lines[r].at[next] == line;
            next += listed;
            n += listed;
            for (int64_t i = 0; i < rows[r].shape[1] && !listed; i++)
                assert_true(g[line * rows[r].shape[1] + i] == 0);
        }
    }
    return n;
}

static void same_tables(const lm_model *m, const float *a, const float *b) {
    int64_t n_rows;
    const lm_param *rows = lm_model_rows(m, &n_rows);
    for (int64_t r = 0; r < n_rows; r++)
        if (rows[r].role == LM_ROLE_TABLE)
            layers_same_bits(rows[r].name, a + rows[r].offset, b + rows[r].offset, rows[r].count);
}

/* Step after step, what was left there before is gone; lanes come together in one list. */
static void test_lines(void **state) {
    lm_model *m = create(true), *fresh = create(true);
    int64_t total = lm_model_total(m);
    float *lane = layers_floats(total);
    (void)state;
    for (int64_t step = 0; step < 3; step++) {
        lm_model_begin_gradients(m, NULL);
        pass(m, step * BATCH);
        lm_model_end_gradients(m);
        int64_t reached = check_lines(m);
        assert_in_range(reached, 20, 3 * MOST);
    }
    lm_model_begin_gradients(fresh, NULL);
    pass(fresh, 2 * BATCH);
    lm_model_end_gradients(fresh);
    layers_same_bits("third step", lm_model_gradients(m), lm_model_gradients(fresh), total);

    int64_t before = check_lines(m);
    lm_model_begin_gradients(m, lane);
    pass(m, 0);
    lm_model_end_gradients(m);
    for (int64_t i = 0; i < total; i++) lm_model_gradients(m)[i] += lane[i];
    assert_true(check_lines(m) > before);

    /* An array of others: the same as one of which nothing is known. */
    float *other = layers_floats(total);
    memset(other, 0, (size_t)total * sizeof *other);
    lm_model_set_others(m, &other, 1);
    for (int64_t step = 0; step < 3; step++) {
        lm_model_begin_gradients(m, NULL);
        pass(m, step * BATCH);
        for (int64_t at = 0; at < 2; at++) {
            lm_model_begin_gradients(m, other);
            pass(m, (3 + 2 * step + at) * BATCH);
            lm_model_end_gradients(m);
            lm_model_begin_gradients(fresh, lane);
            pass(fresh, (3 + 2 * step + at) * BATCH);
            lm_model_end_gradients(fresh);
            same_tables(m, other, lane);
        }
    }
    lm_model_set_others(m, NULL, 0);
    lm_model_begin_gradients(fresh, NULL);
    pass(fresh, 2 * BATCH);
    lm_model_end_gradients(fresh);

    lm_model_touch_all(m);
    for (int64_t i = 0; i < total; i++) lm_model_gradients(m)[i] = 1;
    assert_null(lm_model_lines(m)[0].at);
    lm_model_begin_gradients(m, NULL);
    pass(m, 2 * BATCH);
    lm_model_end_gradients(m);
    check_lines(m);
    int64_t n_rows;
    const lm_param *rows = lm_model_rows(m, &n_rows);
    for (int64_t r = 0; r < n_rows; r++)
        layers_same_bits(rows[r].name, lm_model_gradients(m) + rows[r].offset,
                         lm_model_gradients(fresh) + rows[r].offset, rows[r].count);
    lm_model_free(m);
    lm_model_free(fresh);
    layers_free_all();
}

static void test_a_head_of_zeros(void **state) {
    lm_model_options o = transformer_named("ngram_documents")->o;
    int64_t n_rows;
    (void)state;
    o.zero_head = true;
    o.embedding_std = 3;
    lm_model *m = transformer_create(&o, BATCH, true, &layers_compute);
    lm_model_init(m, 5);
    const lm_param *rows = lm_model_rows(m, &n_rows);
    for (int64_t r = 0; r < n_rows; r++) {
        const float *w = lm_model_weights(m) + rows[r].offset;
        double squares = 0;
        for (int64_t i = 0; i < rows[r].count; i++) squares += (double)(w[i] * w[i]);
        squares /= (double)rows[r].count;
        if (rows[r].role == LM_ROLE_HEAD || rows[r].role == LM_ROLE_TABLE)
            assert_true(squares == 0);
        if (rows[r].role == LM_ROLE_EMBEDDING) assert_true(squares > 4 && squares < 16);
    }
    lm_model_begin_gradients(m, NULL);
    double mean = pass(m, 0) / (double)(BATCH * o.context_length);
    assert_true(mean > 1.6094378 && mean < 1.6094380); /* ln 5 */
    lm_model_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_they_begin_as_nothing),
                                       cmocka_unit_test(test_lines),
                                       cmocka_unit_test(test_a_head_of_zeros)};
    return cmocka_run_group_tests_name("n-gram tables", tests, layers_open_group,
                                       layers_close_group);
}

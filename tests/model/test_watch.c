/* What a pass says of the weights that it reads and of the gradients that it has finished: weights
 * are no numbers until it says that it reads them, gradients none from the moment that it says they
 * are finished, and everything else keeps its bits. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/parts.h"
#include "tests/support/layers.h"
#include "tests/support/transformer.h"

enum { ROWS = 2, MOST_TOKENS = 512 };

typedef struct seen {
    lm_model *m;
    const float *weights; /* that arrive */
    float *gradients;     /* [total]: of spans, when they were finished */
    lm_span *spans;
    int64_t n, read, not_finished;
    int32_t *late; /* lines of embeddings that are the head too, named when that was finished */
    int64_t n_late;
    bool head;
} seen;

static void copy(float *to, const float *from, lm_span s) {
    memcpy(to + s.first, from + s.first, (size_t)(s.end - s.first) * sizeof *to);
}

static void spoil(float *x, lm_span s) {
    for (int64_t i = s.first; i < s.end; i++) x[i] = NAN;
}

static void reads(void *argument, int64_t n) {
    seen *s = argument;
    for (; s->read < n; s->read++) copy(lm_model_weights(s->m), s->weights, s->spans[s->read]);
}

static bool head_finished(void *argument) {
    seen *s = argument;
    const lm_span span = s->spans[lm_model_tied_span(lm_model_get_options(s->m))];
    assert_int_equal(s->read, s->n);
    assert_int_equal(s->not_finished, s->n);
    assert_false(s->head);
    s->head = true;
    s->n_late = lm_model_late_lines(s->m, NULL);
    s->late = calloc((size_t)s->n_late, sizeof *s->late);
    assert_int_equal(lm_model_late_lines(s->m, s->late), s->n_late);
    copy(s->gradients, lm_model_gradients(s->m), span);
    spoil(lm_model_gradients(s->m), span);
    return true;
}

/* What lm_model_end_gradients left out. */
static void add_late(seen *s) {
    const int64_t columns = lm_model_get_options(s->m)->d_model;
    float *at = s->gradients + s->spans[lm_model_tied_span(lm_model_get_options(s->m))].first;
    assert_int_equal(lm_model_late_lines(s->m, NULL), s->n_late);
    for (int64_t i = 0; i < s->n_late; i++) {
        assert_true(i == 0 || s->late[i] > s->late[i - 1]);
        for (int64_t k = 0; k < columns; k++)
            at[s->late[i] * columns + k] += lm_model_late_line(s->m, s->late[i])[k];
    }
}

static void finished(void *argument, int64_t n) {
    seen *s = argument;
    assert_int_equal(s->read, s->n);
    assert_true(s->head == lm_model_get_options(s->m)->tie_embeddings);
    assert_true(n < s->not_finished && n >= 1);
    while (s->not_finished > n) {
        const lm_span span = s->spans[--s->not_finished];
        copy(s->gradients, lm_model_gradients(s->m), span);
        spoil(lm_model_gradients(s->m), span);
    }
}

static void step(lm_model *m, const int32_t *tokens) {
    const int64_t time = lm_model_get_options(m)->context_length;
    lm_model_begin_step(m);
    lm_model_begin_gradients(m, NULL);
    lm_model_forward_backward(m, tokens, ROWS, time, 1.0f / 8);
    lm_model_end_gradients(m);
}

/* one_pass: its loss head works where the gradients of the layers will be. */
static void check(const transformer_case *t, lm_precision precision, bool one_pass) {
    const lm_model_use use = {.batch = ROWS, .windows = one_pass ? ROWS : 8};
    lm_error err;
    lm_model *m;
    int32_t tokens[ROWS * MOST_TOKENS];
    lm_compute compute = layers_compute;
    compute.precision = precision;
    compute.scratch = (lm_arena){0};
    compute.scratch_per_worker = 0;
    assert_int_equal(lm_model_create(&m, &t->o, &use, &compute, &err), LM_OK);
    lm_model_seed_dropout(m, 7, 5);
    const int64_t total = lm_model_total(m), n = lm_model_spans(&t->o, NULL);
    seen s = {.m = m, .n = n, .not_finished = n, .gradients = layers_floats(total)};
    s.spans = calloc((size_t)n, sizeof *s.spans);
    assert_int_equal(lm_model_spans(&t->o, s.spans), n);
    transformer_fill(m);
    transformer_tokens(tokens, 0, ROWS, t->o.context_length, t->o.vocab_size);
    step(m, tokens);
    float *gradients = layers_copy(lm_model_gradients(m), total);
    s.weights = layers_copy(lm_model_weights(m), total);
    int64_t elements = 0;
    for (int64_t i = 0; i < n; i++) {
        spoil(lm_model_weights(m), s.spans[i]);
        elements += s.spans[i].end - s.spans[i].first;
    }
    assert_int_equal(elements, lm_model_dense(m));
    lm_model_set_watch(m, &(lm_model_watch){reads, finished, head_finished, &s});
    step(m, tokens);
    assert_int_equal(s.not_finished, lm_model_first_spans(m));
    while (s.not_finished-- > 0)
        if (!s.head || s.not_finished != lm_model_tied_span(&t->o))
            copy(s.gradients, lm_model_gradients(m), s.spans[s.not_finished]);
    if (s.head) add_late(&s);
    copy(s.gradients, lm_model_gradients(m), (lm_span){lm_model_dense(m), total});
    layers_same_bits(t->name, gradients, s.gradients, total);
    lm_model_free(m);
    free(s.spans);
    free(s.late);
    lm_compute_free(&compute);
    layers_free_all();
}

static void test_passes_read_and_finish_in_order(void **state) {
    (void)state;
    for (int precision = 0; precision < LM_PRECISION_COUNT; precision++)
        for (const transformer_case *t = transformer_cases(); *t->name; t++)
            for (int one_pass = 0; one_pass < 2; one_pass++)
                check(t, (lm_precision)precision, one_pass);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes_read_and_finish_in_order),
    };
    return cmocka_run_group_tests_name("watch", tests, layers_open_group, layers_close_group);
}

/* The phase clock: the outermost phase has the time, nothing is lost, no bit changes. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/support/layers.h"
#include "tests/support/transformer.h"

/* Until the clock has moved. */
static void let_time_pass(void) {
    double start = lm_clock_seconds();
    while (lm_clock_seconds() <= start) {
    }
}

static void test_outermost_phase_has_the_time(void **unused) {
    (void)unused;
    lm_phase_clock clock = {0};
    lm_phase_start(&clock);
    lm_phase head = lm_phase_enter(&clock, LM_PHASE_LOSS_HEAD);
    lm_phase inner = lm_phase_enter(&clock, LM_PHASE_GEMM);
    let_time_pass();
    lm_phase_leave(&clock, inner);
    assert_int_equal(clock.now, LM_PHASE_LOSS_HEAD);
    lm_phase_leave(&clock, head);
    assert_int_equal(clock.now, LM_PHASE_OTHER);
    let_time_pass();
    lm_phase data = lm_phase_enter(&clock, LM_PHASE_DATA);
    let_time_pass();
    lm_phase_leave(&clock, data);
    lm_phase_stop(&clock);
    for (int phase = 0; phase < LM_PHASE_COUNT; phase++) {
        bool met = phase == LM_PHASE_LOSS_HEAD || phase == LM_PHASE_OTHER || phase == LM_PHASE_DATA;
        assert_int_equal(clock.seconds[phase] > 0, met);
    }
}

static void test_phases_add_up(void **unused) {
    (void)unused;
    lm_phase_clock clock = {0};
    lm_phase_start(&clock);
    double start = clock.since, sum = 0;
    for (int i = 0; i < 1000; i++) {
        lm_phase before = lm_phase_enter(&clock, (lm_phase)(i % LM_PHASE_COUNT));
        lm_phase_leave(&clock, before);
    }
    lm_phase_stop(&clock);
    for (int phase = 0; phase < LM_PHASE_COUNT; phase++) sum += clock.seconds[phase];
    /* 2001 differences of doubles of the clock's size, each rounded once, and their sum */
    assert_true(fabs(sum - (clock.since - start)) <= 4002 * 0x1p-53 * clock.since);
}

static void test_names(void **unused) {
    (void)unused;
    for (int phase = 0; phase < LM_PHASE_COUNT; phase++) assert_non_null(lm_phase_name(phase));
    assert_null(lm_phase_name(LM_PHASE_COUNT));
    assert_null(lm_phase_name(-1));
}

static void test_without_a_clock_nothing_is_measured(void **unused) {
    (void)unused;
    assert_int_equal(lm_phase_enter(NULL, LM_PHASE_GEMM), LM_PHASE_OTHER);
    lm_phase_leave(NULL, LM_PHASE_OTHER);
}

/* Loss and gradients of a pass into *gradients, malloc'd. */
static double pass(lm_phase_clock *clock, float **gradients, int64_t *total) {
    lm_kernels kernels;
    lm_compute compute;
    layers_open(&compute, &kernels, 2, 0, 0);
    lm_model_options o = transformer_named("gpt2")->o;
    lm_model *m = transformer_create(&o, 2, true, &compute);
    int32_t *tokens = malloc(2 * (size_t)(o.context_length + 1) * sizeof *tokens);
    assert_non_null(tokens);
    transformer_fill(m);
    transformer_tokens(tokens, 0, 2, o.context_length, o.vocab_size);
    lm_model_begin_step(m);
    lm_model_begin_gradients(m, NULL);
    compute.phases = clock;
    if (clock) lm_phase_start(clock);
    double loss = lm_model_forward_backward(m, tokens, 2, o.context_length, 0.5f);
    if (clock) lm_phase_stop(clock);
    lm_model_end_gradients(m);
    *total = lm_model_total(m);
    *gradients = malloc((size_t)*total * sizeof **gradients);
    assert_non_null(*gradients);
    memcpy(*gradients, lm_model_gradients(m), (size_t)*total * sizeof **gradients);
    free(tokens);
    lm_model_free(m);
    layers_close(&compute);
    return loss;
}

static void test_measuring_changes_no_bit(void **unused) {
    (void)unused;
    static const lm_phase met[] = {LM_PHASE_OTHER, LM_PHASE_GEMM, LM_PHASE_ATTENTION, LM_PHASE_NORM,
                                   LM_PHASE_LOSS_HEAD};
    lm_phase_clock clock = {0};
    float *with, *without;
    int64_t total;
    double loss = pass(&clock, &with, &total);
    assert_true(loss == pass(NULL, &without, &total));
    assert_memory_equal(with, without, (size_t)total * sizeof *with);
    for (size_t i = 0; i < sizeof met / sizeof *met; i++) assert_true(clock.seconds[met[i]] > 0);
    assert_true(clock.seconds[LM_PHASE_OPTIMIZER] == 0 && clock.seconds[LM_PHASE_DATA] == 0);
    free(with);
    free(without);
}

/* The same time by layers, of which each has what was measured while it was the present one. */
static void test_layers_have_their_time(void **unused) {
    (void)unused;
    double by_layer[3][LM_PHASE_COUNT] = {{0}};
    lm_phase_clock clock = {.by_layer = by_layer};
    for (int step = 0; step < 2; step++) { /* seconds are of the last start, layers of all */
        lm_phase_start(&clock);
        let_time_pass();
        for (int layer = 0; layer < 2; layer++) {
            lm_phase_layer(&clock, layer);
            lm_phase before = lm_phase_enter(&clock, layer ? LM_PHASE_NORM : LM_PHASE_GEMM);
            let_time_pass();
            lm_phase_leave(&clock, before);
        }
        lm_phase_layer(&clock, -1);
        let_time_pass();
        lm_phase_stop(&clock);
    }
    assert_true(by_layer[1][LM_PHASE_GEMM] > clock.seconds[LM_PHASE_GEMM]);
    assert_true(by_layer[2][LM_PHASE_NORM] > clock.seconds[LM_PHASE_NORM]);
    assert_true(by_layer[0][LM_PHASE_OTHER] > 0);
    assert_true(by_layer[0][LM_PHASE_GEMM] + by_layer[2][LM_PHASE_GEMM] == 0);
    assert_true(by_layer[0][LM_PHASE_NORM] + by_layer[1][LM_PHASE_NORM] == 0);
    lm_phase_layer(NULL, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_layers_have_their_time),
                                       cmocka_unit_test(test_outermost_phase_has_the_time),
                                       cmocka_unit_test(test_phases_add_up),
                                       cmocka_unit_test(test_names),
                                       cmocka_unit_test(test_without_a_clock_nothing_is_measured),
                                       cmocka_unit_test(test_measuring_changes_no_bit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

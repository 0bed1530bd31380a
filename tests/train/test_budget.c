/* Budgets, with a clock that the test drives. */
#include "tests/support/test.h"

#include <math.h>

#include "checkpoint/checkpoint.h"
#include "tests/support/draws.h"
#include "train/budget.h"

/* A machine on which a step takes `windows` + `rest` seconds of all its threads, and of which other
 * work takes what `other` says of each step. */
typedef struct machine {
    double now, cpu, windows, rest;
    double (*other)(int step); /* seconds added to the step's windows */
    int steps;
} machine;

static lm_status take_step(void *of, double *windows, double *rest, lm_error *err) {
    machine *m = of;
    (void)err;
    double other = m->other ? m->other(m->steps) : 0;
    if (m->steps++ == 0) other += 3 * m->windows; /* the first one is slow */
    *windows = m->windows + other;
    *rest = m->rest;
    m->now += *windows + *rest;
    m->cpu += 2 * (m->windows + m->rest);
    return LM_OK;
}
static double clock_of(void *of) {
    return ((machine *)of)->now;
}
static double cpu_of(void *of) {
    return ((machine *)of)->cpu;
}

static lm_train_speed measure(machine *m, double windows) {
    const lm_budget_probe p = {
        .of = m, .step = take_step, .clock = clock_of, .cpu = cpu_of, .threads = 2};
    lm_train_speed speed;
    lm_error err;
    assert_int_equal(lm_budget_measure(&p, windows, 1, &speed, &err), LM_OK);
    return speed;
}

static void expect_near(double x, double expected) {
    if (!(fabs(x - expected) <= 1e-9 * fabs(expected))) fail_msg("%g, expected %g", x, expected);
}

static void test_steps_are_measured_for_a_second_or_a_few_times(void **state) {
    (void)state;
    machine quick = {.windows = 0.008, .rest = 0.002};
    lm_train_speed s = measure(&quick, 1);
    expect_near(s.step, 0.010);
    assert_true(s.measured >= 99 && s.measured <= 101);
    machine slow = {.windows = 2, .rest = 1};
    assert_int_equal(measure(&slow, 1).measured, LM_BUDGET_LEAST);
    machine slowest = {.windows = 70, .rest = 10};
    assert_int_equal(measure(&slowest, 1).measured, 1);
    /* What was measured is a quarter of a step's windows. */
    machine part = {.windows = 0.008, .rest = 0.002};
    expect_near(measure(&part, 4).step, 4 * 0.008 + 0.002);
}

static double burst(int step) {
    return step == 20 ? 0.08 : 0;
}
static double half(int step) {
    return step % 2 ? 0.02 : 0;
}

static void test_a_burst_of_other_work_does_not_count_and_lasting_work_does(void **state) {
    (void)state;
    machine m = {.windows = 0.008, .rest = 0.002, .other = burst};
    lm_train_speed s = measure(&m, 1);
    expect_near(s.step, 0.010);
    expect_near(s.slowed, 1);
    machine busy = {.windows = 0.008, .rest = 0.002, .other = half};
    s = measure(&busy, 1);
    assert_true(s.share < 0.6 && s.step > 0.0195 && s.step < 0.0205);
}

static int64_t steps_of(const char *budget, const lm_budget_costs *c) {
    lm_length length;
    assert_true(lm_length_parse(budget, &length));
    return lm_budget_steps(&length, c);
}

static void test_tokens_and_flops_are_divided(void **state) {
    (void)state;
    const lm_budget_costs c = {.step_tokens = 1000, .step_flops = 6e12};
    assert_int_equal(steps_of("2M tokens", &c), 2000);
    assert_int_equal(steps_of("2500 tokens", &c), 2);
    assert_int_equal(steps_of("1 token", &c), 1);
    assert_int_equal(steps_of("1e15 flop", &c), 166);
    assert_int_equal(steps_of("6e14 flop", &c), 100);
    assert_int_equal(steps_of("9000T tokens", &c), LM_CHECKPOINT_MAX_STEP + 1);
}

/* A whole run by the same clock ends within its time, and not much before. */
static void test_a_run_of_the_steps_ends_in_time(void **state) {
    (void)state;
    lm_rng rng = {.seed = 3, .purpose = LM_RNG_TEST};
    uint64_t draws = 0;
    for (int i = 0; i < 300; i++) {
        double u[4];
        for (int k = 0; k < 4; k++) u[k] = lm_rng_uniform(&rng, draws++);
        lm_budget_costs c = {.fixed = u[3] * 5};
        c.speed =
            (lm_train_speed){.step = exp(u[0] * 8 - 7), .evaluation = u[1] * 3, .checkpoint = u[2]};
        c.eval_every = (int64_t)(lm_rng_uniform(&rng, draws++) * 300);
        c.checkpoint_every = (int64_t)(lm_rng_uniform(&rng, draws++) * 500);
        int64_t steps = steps_of("30m", &c);
        double took =
            c.fixed + c.speed.step * (double)steps + c.speed.evaluation + c.speed.checkpoint;
        if (c.eval_every > 0) took += c.speed.evaluation * (double)((steps - 1) / c.eval_every);
        if (c.checkpoint_every > 0)
            took += c.speed.checkpoint * (double)((steps - 1) / c.checkpoint_every);
        if (!(took <= 1800 && took > 1800 * 0.97 - c.speed.step - 4)) fail_msg("took %g", took);
    }
    const lm_budget_costs late = {.speed = {.step = 1}, .fixed = 100};
    assert_int_equal(steps_of("30s", &late), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_steps_are_measured_for_a_second_or_a_few_times),
        cmocka_unit_test(test_a_burst_of_other_work_does_not_count_and_lasting_work_does),
        cmocka_unit_test(test_tokens_and_flops_are_divided),
        cmocka_unit_test(test_a_run_of_the_steps_ends_in_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

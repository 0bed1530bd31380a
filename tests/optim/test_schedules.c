/* Schedules against their closed forms. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "optim/schedule.h"

static int shape(const char *name) {
    for (int i = 0; lm_schedule_name(i); i++)
        if (strcmp(lm_schedule_name(i), name) == 0) return i;
    fail_msg("no shape %s", name);
    return -1;
}

static int decay(const char *name) {
    for (int i = 0; lm_decay_name(i); i++)
        if (strcmp(lm_decay_name(i), name) == 0) return i;
    fail_msg("no shape of decay %s", name);
    return -1;
}

/* Of a run of 100 steps of 10 tokens. */
static double at(const lm_schedule *s, lm_schedule_scale scale, double top, int64_t step) {
    const lm_schedule_time t = {.step = step,
                                .steps = 100,
                                .before = 10.0 * (double)(step - 1),
                                .after = 10.0 * (double)step,
                                .tokens = 1000};
    return lm_schedule_value(s, scale, top, &t);
}

static void expect(const lm_schedule *s, double top, int64_t step, double value) {
    double found = at(s, LM_SCHEDULE_SHARES, top, step);
    if (!(fabs(found - value) < 1e-12))
        fail_msg("step %lld: expected %.15g, found %.15g", (long long)step, value, found);
}

/* Every shape of decay, at its begin, in the middle, at the end, and nothing of it before. */
static void test_wsd(void **state) {
    (void)state;
    static const struct {
        const char *name;
        double left; /* a quarter of the way */
    } rows[] = {{"linear", 0.75}, {"cosine", 0}, {"1-sqrt", 0.5}, {"power", 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double quarter = i == 1   ? 0.5 * (1 + cos(3.141592653589793 / 4))
                         : i == 3 ? pow(0.75, 1.2)
                                  : rows[i].left;
        lm_schedule s = {.given = true,
                         .shape = shape("wsd"),
                         .warmup = {10, LM_LENGTH_STEPS},
                         .decay = {20, LM_LENGTH_PERCENT},
                         .decay_shape = decay(rows[i].name),
                         .power = 1.2};
        expect(&s, 2, 1, 0.2);
        expect(&s, 2, 10, 2);
        expect(&s, 2, 80, 2);
        expect(&s, 2, 85, 2 * quarter);
        expect(&s, 2, 100, 0);
        s.end = 0.1;
        expect(&s, 2, 85, 2 * (0.1 + 0.9 * quarter));
        expect(&s, 2, 100, 0.2);
        assert_true(at(&s, LM_SCHEDULE_VALUES, 2, 85) == 0.1 + (2 - 0.1) * (quarter) ||
                    fabs(at(&s, LM_SCHEDULE_VALUES, 2, 85) - (0.1 + 1.9 * quarter)) < 1e-12);
        s.decay.amount = 0;
        expect(&s, 2, 100, 2);
    }
}

/* The values of a published table: 100 steps, warm-up of 10, decay of 20 to 0. There the step after
 * the last has 0, here the last one. */
static void test_wsd_is_that_of_the_table(void **state) {
    (void)state;
    static const double linear[] = {0.1, 0.6, 1, 1, 0.5, 0.25, 0.05};
    static const double root[] = {0.1, 0.6, 1, 1, 0.292893219, 0.133974596, 0.025320566};
    static const int64_t steps[] = {1, 6, 11, 51, 90, 95, 99};
    lm_schedule s = {.given = true,
                     .shape = shape("wsd"),
                     .warmup = {10, LM_LENGTH_STEPS},
                     .decay = {20, LM_LENGTH_STEPS}};
    for (int i = 0; i < 7; i++) {
        s.decay_shape = decay("linear");
        expect(&s, 1, steps[i], linear[i]);
        s.decay_shape = decay("1-sqrt");
        assert_true(fabs(at(&s, LM_SCHEDULE_SHARES, 1, steps[i]) - root[i]) < 1e-9);
    }
}

static void test_inverse_sqrt(void **state) {
    (void)state;
    lm_schedule s = {.given = true, .shape = shape("inverse_sqrt"), .warmup = {4, LM_LENGTH_STEPS}};
    expect(&s, 3, 2, 1.5);
    expect(&s, 3, 4, 3);
    expect(&s, 3, 16, 1.5);
    expect(&s, 3, 100, 0.6);
    s.decay = (lm_length){36, LM_LENGTH_STEPS}; /* from step 64 on, where it is 3/4 */
    s.decay_shape = decay("linear");
    expect(&s, 3, 64, 0.75);
    expect(&s, 3, 73, 0.75 * 0.75);
    expect(&s, 3, 100, 0);
    s.warmup.amount = 0;
    s.decay.amount = 0;
    expect(&s, 3, 1, 3);
    expect(&s, 3, 9, 1);
}

/* A stage begins once so much was done before the step. */
static void test_stages(void **state) {
    (void)state;
    lm_schedule s = {.given = true,
                     .shape = shape("stages"),
                     .n_stages = 3,
                     .stages = {{{0, LM_LENGTH_STEPS}, 8},
                                {{33, LM_LENGTH_PERCENT}, 16},
                                {{660, LM_LENGTH_TOKENS}, 24}}};
    static const double values[][2] = {{1, 8}, {33, 8}, {34, 16}, {66, 16}, {67, 24}, {100, 24}};
    for (int i = 0; i < 6; i++)
        assert_true(at(&s, LM_SCHEDULE_VALUES, 32, (int64_t)values[i][0]) == values[i][1]);
    s.stages[0].at.amount = 5;
    assert_true(at(&s, LM_SCHEDULE_VALUES, 32, 5) == 32 && at(&s, LM_SCHEDULE_VALUES, 32, 6) == 8);
}

/* Where every step has as many tokens, lengths in tokens, steps and percent are the same. */
static void test_units_agree(void **state) {
    (void)state;
    static const char *const names[] = {"constant", "cosine", "linear", "inverse_sqrt", "wsd"};
    for (int i = 0; i < 5; i++) {
        lm_schedule a = {.given = true,
                         .shape = shape(names[i]),
                         .warmup = {10, LM_LENGTH_STEPS},
                         .decay = {30, LM_LENGTH_STEPS},
                         .decay_shape = decay("1-sqrt"),
                         .end = 0.05};
        lm_schedule b = a, c = a;
        b.warmup = (lm_length){10, LM_LENGTH_PERCENT};
        b.decay = (lm_length){30, LM_LENGTH_PERCENT};
        c.warmup = (lm_length){100, LM_LENGTH_TOKENS};
        c.decay = (lm_length){300, LM_LENGTH_TOKENS};
        for (int64_t step = 1; step <= 100; step++) {
            double value = at(&a, LM_SCHEDULE_SHARES, 2, step);
            assert_true(at(&b, LM_SCHEDULE_SHARES, 2, step) == value);
            expect(&c, 2, step, value);
        }
    }
}

/* Momentum from .85 to .95 and back. */
static void test_values_and_starts(void **state) {
    (void)state;
    lm_schedule s = {.given = true,
                     .shape = shape("wsd"),
                     .warmup = {10, LM_LENGTH_STEPS},
                     .start = 0.85,
                     .decay = {20, LM_LENGTH_STEPS},
                     .end = 0.85};
    assert_true(fabs(at(&s, LM_SCHEDULE_VALUES, 0.95, 5) - 0.90) < 1e-12);
    assert_true(at(&s, LM_SCHEDULE_VALUES, 0.95, 50) == 0.95);
    assert_true(fabs(at(&s, LM_SCHEDULE_VALUES, 0.95, 90) - 0.90) < 1e-12);
    assert_true(at(&s, LM_SCHEDULE_VALUES, 0.95, 100) == 0.85);
    s.start = 0.5; /* as a share of the top */
    expect(&s, 4, 5, 3);
    s = (lm_schedule){0};
    assert_true(at(&s, LM_SCHEDULE_VALUES, 0.95, 1) == 0.95);
    assert_null(lm_schedule_name(-1));
    assert_null(lm_schedule_short_name(shape("stages")));
    assert_null(lm_decay_name(-1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wsd),          cmocka_unit_test(test_wsd_is_that_of_the_table),
        cmocka_unit_test(test_inverse_sqrt), cmocka_unit_test(test_stages),
        cmocka_unit_test(test_units_agree),  cmocka_unit_test(test_values_and_starts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Scaling laws: published values, and laws that are found again. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "fit/doubts.h"
#include "fit/points.h"

/* Muennighoff et al. (2023), Scaling Data-Constrained Language Models: their fit, and two values
 * that their code gives of it. */
static void test_the_published_law_of_repeated_tokens(void **state) {
    (void)state;
    const lm_scaling_law law = {.a = exp(6.255414),
                                .b = exp(7.3049974),
                                .e = exp(0.6254804),
                                .alpha = 0.3526596,
                                .beta = 0.3526596,
                                .repeat_d = 15.387756,
                                .repeat_n = 5.309743};
    assert_true(fabs(lm_scaling_loss(&law, 6.34e9, 242e9, 25e9) - 2.2256440889984477) < 1e-12);
    assert_true(fabs(lm_scaling_loss(&law, 8.67e9, 178e9, 25e9) - 2.2269634075087867) < 1e-12);
    /* Without repeats it is the plain law. */
    double plain = law.e + law.a / pow(1e9, law.alpha) + law.b / pow(2e10, law.beta);
    assert_true(fabs(lm_scaling_loss(&law, 1e9, 2e10, 2e10) / plain - 1) < 1e-14);
    assert_true(fabs(lm_scaling_loss(&law, 1e9, 2e10, 0) / plain - 1) < 1e-14);
}

/* The best size for 6 N D FLOPs: no other is better. */
static void test_the_best_size_is_the_best(void **state) {
    (void)state;
    lm_scaling_law law = {.a = 482,
                          .b = 2085,
                          .e = 1.8,
                          .alpha = 0.35,
                          .beta = 0.37,
                          .repeat_d = INFINITY,
                          .repeat_n = INFINITY};
    for (int repeats = 0; repeats < 2; repeats++) {
        double n, d, unique = repeats ? 1e9 : 0, flops = 1e20;
        if (repeats) law.repeat_d = 15, law.repeat_n = 5;
        lm_scaling_best_of(&law, flops, unique, &n, &d);
        assert_true(fabs(6 * n * d / flops - 1) < 1e-12);
        double best = lm_scaling_loss(&law, n, d, unique);
        for (double factor = 0.5; factor < 2; factor *= 1.05)
            assert_true(lm_scaling_loss(&law, n * factor, d / factor, unique) >= best - 1e-9);
    }
}

static void test_a_law_with_repeats_is_found_again(void **state) {
    (void)state;
    const lm_scaling_law law = {
        .a = 500, .b = 1500, .e = 1.87, .alpha = 0.36, .beta = 0.35, .repeat_d = 12, .repeat_n = 6};
    lm_scaling_point points[200];
    lm_scaling_law found;
    lm_error err;
    int n = 0;
    for (double size = 1e7; size < 1e10; size *= 5)
        for (double unique = 1e8; unique < 1e11; unique *= 10)
            for (double epochs = 1; epochs < 50; epochs *= 3) {
                lm_scaling_point p = {size, unique * epochs, 0, unique};
                p.loss = lm_scaling_loss(&law, p.parameters, p.tokens, unique);
                points[n++] = p;
            }
    if (lm_scaling_fit(points, n, true, &found, &err) != LM_OK) fail_msg("%s", err.message);
    for (int i = 0; i < n; i++) {
        const lm_scaling_point *p = &points[i];
        double loss = lm_scaling_loss(&found, p->parameters, p->tokens, p->unique);
        if (fabs(loss / p->loss - 1) > 1e-3) fail_msg("%g, expected %g", loss, p->loss);
    }
    if (fabs(found.repeat_d / 12 - 1) > 0.05) fail_msg("r_D is %g", found.repeat_d);
}

/* Doubts, a line each, of a law, and of the best size for a budget. */
static void expect_doubts(const lm_scaling_evidence *e, double flops, const char *expected) {
    const double none[2] = {NAN, NAN};
    lm_text doubts = {0};
    double parameters, tokens;
    if (flops > 0) {
        lm_scaling_best(e->law, flops, &parameters, &tokens);
        lm_scaling_doubt_best(e, parameters, tokens, none, &doubts);
    } else {
        lm_scaling_doubt_law(e, &doubts);
    }
    if (!*expected)
        assert_string_equal(lm_text_cstr(&doubts), "");
    else if (!strstr(lm_text_cstr(&doubts), expected))
        fail_msg("expected \"%s\" in: %s", expected, lm_text_cstr(&doubts));
    lm_text_free(&doubts);
}

static void test_what_points_do_not_show_is_doubted(void **state) {
    (void)state;
    static const lm_scaling_law sound = {.e = 1.8,
                                         .a = 480,
                                         .b = 2100,
                                         .alpha = 0.35,
                                         .beta = 0.37,
                                         .repeat_d = INFINITY,
                                         .repeat_n = INFINITY};
    lm_scaling_point points[16];
    for (int i = 0; i < 16; i++) {
        double size = 1e6 * pow(4, i % 4), tokens = 2e7 * pow(4, i / 4.0);
        points[i] = (lm_scaling_point){size, tokens, lm_scaling_loss(&sound, size, tokens, 0), 0};
    }
    lm_scaling_law law = sound;
    lm_scaling_evidence e = {points, 16, &law, false, {0.3, 0.4}, {0.3, 0.4}};
    expect_doubts(&e, 0, "");
    expect_doubts(&e, 6e16, "");
    expect_doubts(&e, 6e22, "far outside of the runs: ");
    e.n = 9;
    expect_doubts(&e, 0, "9 points are few for a law of 5 figures");
    e.n = 16;
    e.alpha_90[0] = -0.1;
    expect_doubts(&e, 0, "bootstrap fits have alpha from -0.1 to 0.4: the runs do not settle it\n");
    e.alpha_90[0] = 0.3;
    law.e = 0.01;
    expect_doubts(&e, 0, "E is less than 2% of each loss");
    law = sound;
    law.alpha = 1e-6;
    expect_doubts(&e, 0, "size changes the loss of these runs by less than 1%");
    law = sound;
    law.beta = 2;
    expect_doubts(&e, 0, "tokens change the loss of these runs by less than 1%");
    expect_doubts(&e, 0, "beta is 2: laws of language models have 0.05 to 1\n");
    law.beta = -0.2;
    expect_doubts(&e, 6e16, "alpha is 0.35 and beta -0.2: a law with a best size");
}

/* Nothing is cut short in silence: numbers that are too long, NUL bytes, two columns of a name; but
 * columns of others may be as long as they like. */
static void test_bad_points(void **state) {
    (void)state;
    static const struct {
        const char *text, *error;
        size_t size; /* 0: up to the NUL */
    } cases[] = {
        {"loss,parameters,tokens\n1,2\n", "f:2: expected 3 fields, found 2", 0},
        {"loss,parameters\n", "f:1: expected columns parameters, tokens and loss, found no", 0},
        {"loss,parameters,tokens,loss\n", "f:1: expected one column loss, found two", 0},
        {"loss,parameters,tokens\n-1,2,3\n", "f:2: loss: expected a number above 0, found \"-1\"",
         0},
        {"loss,parameters,tokens\n1,2,"
         "3000000000000000000000000000000000000000000000000000000000000000e-9\n",
         "f:2: tokens: expected a number above 0 of at most 63 characters, found \"300", 0},
        {"loss,parameters,tokens\n1,2\0,3\n", "f:2: expected text, found a NUL byte", 31},
        {"# nothing\n", "f: expected a line that names columns, found none", 0},
    };
    lm_points p = {0};
    lm_error err = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t size = cases[i].size ? cases[i].size : strlen(cases[i].text);
        assert_int_equal(lm_points_read(&p, "f", cases[i].text, size, &err), LM_ERR_USAGE);
        if (!strstr(err.message, cases[i].error))
            fail_msg("expected \"%s\" in: %s", cases[i].error, err.message);
    }
    static const char sound[] =
        "\xEF\xBB\xBFloss,a_name_of_a_column_that_is_longer_than_any_number_is_allowed_to_be_here,"
        "parameters,tokens\n1.5, a text that is longer than any number is allowed to be as it is"
        " none ,2,3\n";
    if (lm_points_read(&p, "f", sound, sizeof sound - 1, &err) != LM_OK)
        fail_msg("%s", err.message);
    assert_int_equal(p.count, 1);
    assert_true(p.items[0].loss == 1.5 && p.items[0].tokens == 3);
    lm_points_free(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_published_law_of_repeated_tokens),
        cmocka_unit_test(test_the_best_size_is_the_best),
        cmocka_unit_test(test_a_law_with_repeats_is_found_again),
        cmocka_unit_test(test_what_points_do_not_show_is_doubted),
        cmocka_unit_test(test_bad_points),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

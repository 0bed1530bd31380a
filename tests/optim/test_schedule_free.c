/* Schedule-free steps: y and the average x against the recursion that keeps x (Defazio et al. 2024,
 * algorithm 1), in double, with a rate that rises, stays and falls; and against stored values. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "optim/average.h"
#include "optim/optimizer.h"
#include "optim/schedule_free.h"
#include "tests/support/layers.h"

enum { N = 4 };

static int find(const char *name) {
    int i = 0;
    while (lm_optimizer_name(i) && strcmp(lm_optimizer_name(i), name) != 0) i++;
    assert_non_null(lm_optimizer_name(i));
    return i;
}

typedef struct run {
    lm_optimizer_options o;
    lm_optimizer *optimizer;
    lm_average average;
    lm_free_rates rates;
    float w[N];
} run;

static const double begin[N] = {1, -1, 0.5, 2};

static run open_run(double beta1) {
    static lm_error err;
    static const lm_optimizer_row row = {.name = "w", .ndim = 1, .shape = {N, 1}};
    run r = {.o = {.kind = find("schedule_free"),
                   .beta1 = beta1,
                   .beta2 = 0.999,
                   .eps = 1e-8,
                   .weight_decay = 0.1}};
    for (int i = 0; i < N; i++) r.w[i] = (float)begin[i];
    assert_int_equal(lm_optimizer_create(&r.optimizer, &r.o, 1, &row, 1, &err), LM_OK);
    assert_int_equal(lm_average_create(&r.average, N, &err), LM_OK);
    return r;
}

static void step(run *r, int64_t t, double lr, const double g[N]) {
    float gradients[N];
    for (int i = 0; i < N; i++) gradients[i] = (float)g[i];
    lm_optimizer_step_args s = {.lr = &lr,
                                .step = t,
                                .average_share = lm_free_share(&r->rates, lr),
                                .grad_scale = 1,
                                .gradients = gradients,
                                .weights = r->w};
    lm_optimizer_step(r->optimizer, &layers_compute, &s);
    if (t == 1)
        lm_average_begin(&r->average, &layers_compute, r->w);
    else
        lm_average_add(&r->average, &layers_compute, lm_free_rest(s.average_share, r->o.beta1),
                       r->w);
}

static void close_run(run *r) {
    lm_optimizer_free(r->optimizer);
    lm_average_free(&r->average);
}

/* y after each of four steps at 0.01, after a warm-up of two, computed in double. */
static void test_stored_values(void **state) {
    (void)state;
    static const double gradients[][N] = {{0.1, -0.2, 0.3, -0.4},
                                          {0.05, 0.2, -0.1, -0.4},
                                          {-0.3, 0.1, 0.2, 0.0},
                                          {0.2, -0.1, 0.05, 0.3}};
    static const double want[][N] = {
        {0.994500000500000, -0.994500000250000, 0.494750000166667, 2.003999999875000},
        {0.988497597308401, -1.001884509839795, 0.498012190503082, 2.010556719670102},
        {0.995529607275800, -1.004991240290691, 0.493451519638493, 2.010191121290277},
        {0.993280287589633, -1.003239184878601, 0.490887823529997, 2.005837421317146}};
    run r = open_run(0.9);
    for (int t = 0; t < 4; t++) {
        step(&r, t + 1, t == 0 ? 0.005 : 0.01, gradients[t]);
        /* a step rounds a weight of up to 2 three times, and what is added by far less */
        for (int i = 0; i < N; i++)
            assert_true(fabs((double)r.w[i] - want[t][i]) < (t + 1) * 3 * 2 * 0x1p-24);
    }
    close_run(&r);
}

static double rate_at(int t) {
    return t < 5 ? 0.01 * (t + 1) / 5 : t < 15 ? 0.01 : 0.01 * (20 - t) / 6;
}

static void check_average(double beta1) {
    enum { STEPS = 20 };
    run r = open_run(beta1);
    double y[N], z[N], x[N], v[N] = {0}, peak = 0, sum = 0, g[N];
    for (int i = 0; i < N; i++) y[i] = z[i] = x[i] = begin[i];
    for (int t = 0; t < STEPS; t++) {
        const double lr = rate_at(t);
        peak = fmax(peak, lr);
        sum += peak * peak;
        const double c = peak * peak / sum;
        for (int i = 0; i < N; i++) {
            g[i] = (double)(float)(sin(t + 2.0 * i) + 0.3);
            v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
            z[i] -= lr * g[i] / (sqrt(v[i] / (1 - pow(0.999, t + 1))) + 1e-8) + lr * 0.1 * y[i];
            x[i] = (1 - c) * x[i] + c * z[i];
            y[i] = (1 - beta1) * z[i] + beta1 * x[i];
        }
        step(&r, t + 1, lr, g);
        /* as above for y, and as much again for x, whose rest is at most 1 */
        for (int i = 0; i < N; i++) {
            assert_true(fabs((double)r.w[i] - y[i]) < (t + 1) * 3 * 2 * 0x1p-24);
            assert_true(fabs((double)r.average.values[i] - x[i]) < (t + 1) * 6 * 2 * 0x1p-24);
        }
    }
    close_run(&r);
}

static void test_the_average_is_that_of_the_paper(void **state) {
    (void)state;
    check_average(0.9);
    check_average(0.5);
    check_average(0); /* then y is z */
}

static void test_a_step_without_a_rate_changes_nothing(void **state) {
    (void)state;
    const double g[N] = {1, 2, 3, 4};
    run r = open_run(0.9);
    step(&r, 1, 0, g);
    for (int i = 0; i < N; i++) assert_true((double)r.w[i] == begin[i]);
    step(&r, 2, 0.01, g);
    for (int i = 0; i < N; i++) assert_true((double)r.w[i] < begin[i]);
    close_run(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stored_values),
        cmocka_unit_test(test_the_average_is_that_of_the_paper),
        cmocka_unit_test(test_a_step_without_a_rate_changes_nothing),
    };
    return cmocka_run_group_tests_name("schedule_free", tests, layers_open_group,
                                       layers_close_group);
}

#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/gemm.h"
#include "optim/clip.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "optim/schedule_free.h"
#include "tests/golden/optimizers.h"

static lm_kernels kernels;

static lm_compute open_compute(int threads) {
    lm_error err = {0};
    lm_compute c = {.kernels = &kernels};
    assert_int_equal(lm_pool_create(&c.pool, threads, &err), LM_OK);
    return c;
}

static int find(const char *name) {
    for (int i = 0; lm_optimizer_name(i); i++)
        if (strcmp(lm_optimizer_name(i), name) == 0) return i;
    fail_msg("no optimizer %s", name);
    return -1;
}

/* Of vectors, with a group of values each. */
static lm_optimizer *create(const lm_optimizer_options *groups, const lm_optimizer_row *rows,
                            int n) {
    lm_error err = {0};
    lm_optimizer *o;
    assert_int_equal(lm_optimizer_create(&o, groups, n, rows, n, &err), LM_OK);
    return o;
}

static double hash01(uint64_t i) {
    return (double)((i * 2654435761u + 12345u) % 4294967296u) / 4294967296.0;
}

/* Steps as tests/golden/make_optimizers.py does them. */
static void run_golden(const lm_compute *compute, const char *name, lm_optimizer_options o,
                       float w[GOLDEN_N]) {
    o.kind = find(name);
    lm_optimizer_row vector = {.name = "w", .ndim = 1, .shape = {GOLDEN_N, 1}};
    lm_optimizer *optimizer = create(&o, &vector, 1);
    float g[GOLDEN_N];
    lm_free_rates rates = {0};
    for (uint64_t i = 0; i < GOLDEN_N; i++) w[i] = (float)(hash01(i) - 0.5);
    for (int64_t t = 0; t < GOLDEN_STEPS; t++) {
        for (uint64_t i = 0; i < GOLDEN_N; i++)
            g[i] =
                (float)(hash01(100 + i) * (double)w[i] + hash01(1000 + 10 * (uint64_t)t + i) - 0.5);
        lm_optimizer_step_args s = {.lr = &o.lr,
                                    .step = t + 1,
                                    .steps = GOLDEN_STEPS,
                                    .step_tokens = GOLDEN_TOKENS,
                                    .tokens = GOLDEN_TOKENS * (double)(t + 1),
                                    .average_share = lm_free_share(&rates, o.lr),
                                    .grad_scale = 1,
                                    .gradients = g,
                                    .weights = w};
        lm_optimizer_step(optimizer, compute, &s);
    }
    lm_optimizer_free(optimizer);
}

static void test_updates_are_those_of_pytorch_and_the_papers(void **state) {
    (void)state;
    lm_compute compute = open_compute(1);
    /* A step rounds a weight, which is below 1, by at most 2^-24, an update, which is below 0.2, by
     * some 2^-24 of itself for each of up to ten operations, and passes the error on by a factor
     * of at most 1 + 0.2: with the twenty roundings that is below 20 (1 + 2) 2^-24. */
    const double bound = 20 * 3 * 0x1p-24;
    for (size_t row = 0; row < sizeof golden_optimizers / sizeof *golden_optimizers; row++) {
        float w[GOLDEN_N];
        run_golden(&compute, golden_optimizers[row].name, golden_optimizers[row].options, w);
        for (int i = 0; i < GOLDEN_N; i++) {
            double off = fabs((double)w[i] - golden_optimizers[row].weights[i]);
            if (!(off < bound))
                fail_msg("row %zu, %s, weight %d: off by %g", row, golden_optimizers[row].name, i,
                         off);
        }
    }
    lm_pool_free(compute.pool);
}

/* Adam in double, on gradients that do not depend on the weights: after `steps` the weights, which
 * began at 0. */
static double adam_in_double(double beta1, double beta2, int steps, uint64_t i) {
    double m = 0, v = 0, w = 0;
    for (int t = 1; t <= steps; t++) {
        double g = (double)(float)(hash01(10 * (uint64_t)t + i) + 0.1);
        m = beta1 * m + (1 - beta1) * g;
        v = beta2 * v + (1 - beta2) * g * g;
        w -= 1e-3 * (m / (1 - pow(beta1, t))) / (sqrt(v / (1 - pow(beta2, t))) + 1e-8);
    }
    return w;
}

/* A beta near 1 says little of 1 - beta in single precision: the update must not depend on it. */
static void test_adam_with_betas_near_1_agrees_with_double(void **state) {
    (void)state;
    enum { N = 20, STEPS = 500 };
    static const double betas[][2] = {
        {0.9, 0.999}, {0.9, 0.99999}, {0.99999, 0.999999}, {0.9, 0.9999999}};
    lm_compute compute = open_compute(1);
    for (size_t b = 0; b < sizeof betas / sizeof *betas; b++) {
        lm_optimizer_options o = {.kind = find("adam"),
                                  .lr = 1e-3,
                                  .beta1 = betas[b][0],
                                  .beta2 = betas[b][1],
                                  .eps = 1e-8};
        lm_optimizer_row vector = {.name = "w", .ndim = 1, .shape = {N, 1}};
        lm_optimizer *optimizer = create(&o, &vector, 1);
        float w[N] = {0}, g[N];
        for (int64_t t = 1; t <= STEPS; t++) {
            for (uint64_t i = 0; i < N; i++) g[i] = (float)(hash01(10 * (uint64_t)t + i) + 0.1);
            lm_optimizer_step_args s = {
                .lr = &o.lr, .step = t, .grad_scale = 1, .gradients = g, .weights = w};
            lm_optimizer_step(optimizer, &compute, &s);
        }
        lm_optimizer_free(optimizer);
        /* Each of 500 steps rounds a weight of about 0.5 by at most 3e-8, and its update by a few
         * 1e-7 of itself. */
        for (uint64_t i = 0; i < N; i++) {
            double expected = adam_in_double(o.beta1, o.beta2, STEPS, i);
            assert_true(fabs((double)w[i] / expected - 1) < 1e-5);
        }
    }
    lm_pool_free(compute.pool);
}

static void test_weight_decay_is_that_of_a_rows_group(void **state) {
    (void)state;
    lm_compute compute = open_compute(1);
    float w[48], g[48] = {0};
    for (int i = 0; i < 48; i++) w[i] = 1;
    const lm_optimizer_row rows[] = {
        {.name = "a", .ndim = 1, .shape = {16, 1}, .offset = 0, .group = 0},
        {.name = "b", .ndim = 1, .shape = {10, 1}, .offset = 32, .group = 1}};
    lm_optimizer_options o = {
        .kind = find("adamw"), .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1};
    lm_optimizer_options groups[] = {o, o};
    groups[1].weight_decay = 0;
    lm_optimizer *optimizer = create(groups, rows, 2);
    lm_optimizer_step_args s = {
        .lr = (const double[]){0.5, 0.5}, .step = 1, .grad_scale = 1, .gradients = g, .weights = w};
    lm_optimizer_step(optimizer, &compute, &s);
    for (int i = 0; i < 48; i++) assert_true(fabsf(w[i] - (i < 16 ? 0.95f : 1.0f)) < 1e-7f);
    lm_optimizer_free(optimizer);
    lm_pool_free(compute.pool);
}

/* A row with factors is updated as one without them whose values are multiplied; decay is by the
 * rate of the group. */
static void test_factors_of_a_row(void **state) {
    (void)state;
    static const struct {
        const char *kind;
        double lr; /* its factor */
        int scale;
    } kinds[] = {{"adamw", 0.5, 0},
                 {"lion", 0.5, 0},
                 {"ademamix", 0.5, 0},
                 {"sgd", 4, 0},
                 {"momentum", 4, 0},
                 {"muon", 0.25, LM_SCALE_SPECTRAL},
                 {"muon", 0.75, LM_SCALE_MATCH_RMS}};
    const lm_optimizer_factors factors = {
        .lr = 0.5, .lr_gradient = 4, .lr_polar = 0.25, .lr_rms = 0.75, .eps = 8};
    lm_compute compute = open_compute(1);
    lm_error err;
    assert_int_equal(lm_compute_reserve(&compute, lm_gemm_scratch_bytes(), &err), LM_OK);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        enum { N = 64 };
        float with[N], without[N], g[N];
        for (int j = 0; j < N; j++) with[j] = without[j] = (float)(hash01((uint64_t)j) - 0.5);
        for (int j = 0; j < N; j++) g[j] = (float)(hash01((uint64_t)(N + j)) - 0.5) * 0.01f;
        for (int f = 0; f < 2; f++) {
            double eps = 0.01, lr = 0.125, decay = 0.5;
            lm_optimizer_row row = {
                .name = "w", .ndim = 2, .shape = {8, 8}, .hidden = true, .factors = &factors};
            if (f) {
                row.factors = NULL;
                eps *= factors.eps;
                lr *= kinds[i].lr;
                decay /= kinds[i].lr;
            }
            lm_optimizer_options o = {.kind = find(kinds[i].kind),
                                      .beta1 = 0.9,
                                      .beta2 = 0.99,
                                      .beta3 = 0.999,
                                      .alpha = 2,
                                      .alpha_steps = 1,
                                      .momentum = 0.9,
                                      .scale = kinds[i].scale,
                                      .eps = eps,
                                      .weight_decay = decay};
            lm_optimizer *optimizer = create(&o, &row, 1);
            lm_optimizer_step_args s = {.lr = &lr,
                                        .step = 1,
                                        .steps = 3,
                                        .grad_scale = 1,
                                        .gradients = g,
                                        .weights = f ? without : with};
            assert_int_equal(lm_optimizer_reserve(optimizer, 1, LM_FP32, &err), LM_OK);
            for (s.step = 1; s.step <= 3; s.step++) lm_optimizer_step(optimizer, &compute, &s);
            lm_optimizer_free(optimizer);
        }
        if (memcmp(with, without, sizeof with) != 0) fail_msg("%s differs", kinds[i].kind);
    }
    lm_compute_free(&compute);
    lm_pool_free(compute.pool);
}

static void test_bits_do_not_depend_on_threads(void **state) {
    (void)state;
    enum { N = 300000 };
    float *w[3], *g = calloc(N, sizeof *g);
    double norms[3];
    assert_non_null(g);
    for (int i = 0; i < N; i++) g[i] = (float)(hash01((uint64_t)i) - 0.5);
    for (int threads = 1; threads <= 3; threads++) {
        lm_compute compute = open_compute(threads);
        float *x = w[threads - 1] = calloc(N, sizeof *x);
        assert_non_null(x);
        const lm_optimizer_row rows[] = {
            {.name = "a", .ndim = 2, .shape = {1000, 100}, .offset = 0, .group = 0},
            {.name = "b", .ndim = 1, .shape = {200000, 1}, .offset = 100000, .group = 1}};
        lm_optimizer_options o = {
            .kind = find("adamw"), .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1};
        lm_optimizer_options groups[] = {o, o};
        groups[1].weight_decay = 0;
        lm_optimizer *optimizer = create(groups, rows, 2);
        lm_optimizer_step_args s = {.lr = (const double[]){0.1, 0.1},
                                    .step = 1,
                                    .grad_scale = 0.7,
                                    .gradients = g,
                                    .weights = x};
        for (s.step = 1; s.step <= 3; s.step++) lm_optimizer_step(optimizer, &compute, &s);
        norms[threads - 1] = lm_gradient_norm(&compute, N, g);
        lm_optimizer_free(optimizer);
        lm_pool_free(compute.pool);
    }
    double sum = 0;
    for (int i = 0; i < N; i++) sum += (double)g[i] * (double)g[i];
    assert_true(fabs(norms[0] / sqrt(sum) - 1) < 1e-6);
    for (int i = 1; i < 3; i++) {
        assert_memory_equal(w[0], w[i], N * sizeof(float));
        assert_memory_equal(&norms[0], &norms[i], sizeof(double));
        free(w[i]);
    }
    free(w[0]);
    free(g);
}

static void test_norm_sees_what_is_not_finite(void **state) {
    (void)state;
    lm_compute compute = open_compute(2);
    float g[100] = {3, 4};
    assert_true(lm_gradient_norm(&compute, 100, g) == 5);
    assert_true(lm_gradient_norm(&compute, 0, g) == 0);
    g[99] = NAN;
    assert_true(isnan(lm_gradient_norm(&compute, 100, g)));
    g[99] = INFINITY;
    assert_true(isinf(lm_gradient_norm(&compute, 100, g)));
    assert_true(lm_clip_scale(5, 1) == 0.2 && lm_clip_scale(5, 0) == 1 &&
                lm_clip_scale(0.5, 1) == 1);
    lm_pool_free(compute.pool);
}

static int schedule(const char *name) {
    for (int i = 0; lm_schedule_name(i); i++)
        if (strcmp(lm_schedule_name(i), name) == 0) return i;
    fail_msg("no schedule %s", name);
    return -1;
}

static void check_lr(const lm_schedule_options *o, int64_t step, int64_t steps, double want) {
    const lm_schedule_time t = {.step = step, .steps = steps};
    assert_true(fabs(lm_schedule_lr(o, 2.0, &t) - want) < 1e-12);
}

static void test_schedules(void **state) {
    (void)state;
    lm_schedule_options o = {.kind = schedule("cosine"), .warmup_steps = 10, .min_lr_ratio = 0.1};
    check_lr(&o, 1, 110, 0.2);
    check_lr(&o, 10, 110, 2.0);
    check_lr(&o, 60, 110, 2 * (0.1 + 0.9 * 0.5));
    check_lr(&o, 35, 110, 2 * (0.1 + 0.9 * 0.5 * (1 + sqrt(0.5))));
    check_lr(&o, 110, 110, 0.2);
    check_lr(&o, 500, 110, 0.2);
    o.kind = schedule("linear");
    check_lr(&o, 60, 110, 2 * 0.55);
    check_lr(&o, 110, 110, 0.2);
    o.kind = schedule("constant");
    check_lr(&o, 5, 110, 1.0);
    check_lr(&o, 110, 110, 2.0);
    o = (lm_schedule_options){.kind = schedule("cosine"), .min_lr_ratio = 0};
    check_lr(&o, 1, 1, 0);
    check_lr(&o, 1, 2, 1.0);
    /* Where the last step of the warm-up is the last of all, the schedule wins. */
    o = (lm_schedule_options){.kind = schedule("linear"), .warmup_steps = 10, .min_lr_ratio = 0.1};
    check_lr(&o, 9, 10, 1.8);
    check_lr(&o, 10, 10, 0.2);
    o.warmup_steps = 1;
    check_lr(&o, 1, 1, 0.2);
    o.kind = schedule("constant");
    check_lr(&o, 1, 1, 2.0);
    assert_null(lm_schedule_name(-1));
}

static void test_registry(void **state) {
    (void)state;
    assert_null(lm_optimizer_name(-1));
    assert_int_equal(lm_optimizer_uses(find("sgd")), LM_USES_WEIGHT_DECAY);
    assert_true(lm_optimizer_uses(find("adamw")) & LM_USES_WEIGHT_DECAY);
    assert_false(lm_optimizer_uses(find("adam")) & LM_USES_WEIGHT_DECAY);
    assert_false(lm_optimizer_uses(find("momentum")) & LM_USES_BETA1);
}

static int set_up(void **state) {
    (void)state;
    lm_kernels_fill(&kernels, lm_cpu_detect());
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_updates_are_those_of_pytorch_and_the_papers),
        cmocka_unit_test(test_adam_with_betas_near_1_agrees_with_double),
        cmocka_unit_test(test_weight_decay_is_that_of_a_rows_group),
        cmocka_unit_test(test_factors_of_a_row),
        cmocka_unit_test(test_bits_do_not_depend_on_threads),
        cmocka_unit_test(test_norm_sees_what_is_not_finite),
        cmocka_unit_test(test_schedules),
        cmocka_unit_test(test_registry),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}

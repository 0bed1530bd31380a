/* Muon: twenty updates against an oracle that takes the polar factor from a singular value
 * decomposition (tests/golden/make_muon.py); the same bits on all threads; what is no matrix. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ops/gemm.h"
#include "optim/optimizer.h"
#include "optim/polar.h"
#include "tests/golden/muon.h"

static lm_kernels kernels;

static lm_compute open_compute(int threads, lm_precision precision) {
    lm_error err = {0};
    lm_compute c = {.kernels = &kernels, .precision = precision};
    lm_kernels_fill(&kernels, lm_cpu_detect());
    assert_int_equal(lm_pool_create(&c.pool, threads, &err), LM_OK);
    assert_int_equal(lm_compute_reserve(&c, lm_gemm_scratch_bytes(), &err), LM_OK);
    return c;
}

static void close_compute(lm_compute *c) {
    lm_pool_free(c->pool);
    lm_compute_free(c);
}

static int find(const char *(*name)(int), const char *wanted) {
    for (int i = 0; name(i); i++)
        if (strcmp(name(i), wanted) == 0) return i;
    fail_msg("there is no %s", wanted);
    return -1;
}

static lm_optimizer_options muon(const char *polar, const char *scale, double line_beta2) {
    return (lm_optimizer_options){.kind = find(lm_optimizer_name, "muon"),
                                  .lr = 0.02,
                                  .beta1 = 0.9,
                                  .beta2 = 0.95,
                                  .eps = 1e-8,
                                  .momentum = 0.95,
                                  .weight_decay = 0.1,
                                  .polar = find(lm_polar_name, polar),
                                  .scale = find(lm_matrix_scale_name, scale),
                                  .per_head = true,
                                  .line_beta2 = line_beta2};
}

static double hash01(uint64_t i) {
    return (double)((i * 2654435761u + 12345u) % 4294967296u) / 4294967296.0;
}

static lm_optimizer *create(const lm_optimizer_options *o, const lm_optimizer_row *rows, int n,
                            const lm_compute *c) {
    lm_error err = {0};
    lm_optimizer *optimizer;
    assert_int_equal(lm_optimizer_create(&optimizer, o, 1, rows, n, &err), LM_OK);
    assert_int_equal(lm_optimizer_reserve(optimizer, lm_pool_threads(c->pool), c->precision, &err),
                     LM_OK);
    return optimizer;
}

static void test_twenty_updates_are_those_of_the_oracle(void **state) {
    (void)state;
    enum { STEPS = 20 };
    lm_compute c = open_compute(2, LM_FP32);
    for (size_t k = 0; k < sizeof golden_muon / sizeof *golden_muon; k++) {
        int n = golden_muon[k].lines * golden_muon[k].columns;
        lm_optimizer_options o =
            muon(golden_muon[k].polar, golden_muon[k].scale, golden_muon[k].line_beta2);
        lm_optimizer_part part = {.lines = golden_muon[k].lines, .head = golden_muon[k].head};
        lm_optimizer_row row = {.name = "w",
                                .ndim = 2,
                                .shape = {golden_muon[k].lines, golden_muon[k].columns},
                                .hidden = true,
                                .n_parts = part.head > 0,
                                .parts = &part};
        lm_optimizer *optimizer = create(&o, &row, 1, &c);
        float w[48], g[48];
        for (int i = 0; i < n; i++) w[i] = (float)(hash01((uint64_t)i) - 0.5);
        for (int64_t t = 1; t <= STEPS; t++) {
            for (int i = 0; i < n; i++)
                g[i] = (float)(hash01(100 + (uint64_t)i) * (double)w[i] +
                               hash01(1000 + 100 * (uint64_t)(t - 1) + (uint64_t)i) - 0.5);
            lm_optimizer_step_args s = {
                .lr = &o.lr, .step = t, .grad_scale = 1, .gradients = g, .weights = w};
            lm_optimizer_step(optimizer, &c, &s);
        }
        /* Twenty steps of single precision on weights of about 1, whose rounding the smallest
         * singular values of a step may enlarge. */
        for (int i = 0; i < n; i++)
            assert_true(fabs((double)w[i] - golden_muon[k].weights[i]) < 1e-5);
        lm_optimizer_free(optimizer);
    }
    close_compute(&c);
}

/* A row of three parts as attn.qkv, a large matrix, which all threads update together, and rows
 * that AdamW updates. */
enum { WIDTH = 48, QKV = 96, LARGE = 512, HIGH = 500, REST = 64 };
enum { AT_LARGE = QKV * WIDTH, AT_REST = AT_LARGE + LARGE * HIGH, TOTAL = AT_REST + REST };
static const lm_optimizer_part parts[] = {
    {.lines = 48, .head = 16}, {.lines = 24, .head = 12}, {.lines = 24}};
static const lm_optimizer_row rows[] = {
    {.name = "qkv", .ndim = 2, .shape = {QKV, WIDTH}, .hidden = true, .n_parts = 3, .parts = parts},
    {.name = "fc", .ndim = 2, .shape = {HIGH, LARGE}, .offset = AT_LARGE, .hidden = true},
    {.name = "bias", .ndim = 1, .shape = {REST, 1}, .offset = AT_REST}};
static float weights[TOTAL], first[TOTAL], gradients[TOTAL];

static uint64_t train(lm_precision precision, int threads, lm_optimizer_options o, int steps) {
    lm_compute c = open_compute(threads, precision);
    lm_optimizer *optimizer = create(&o, rows, 3, &c);
    for (int i = 0; i < TOTAL; i++) weights[i] = (float)(hash01((uint64_t)i) - 0.5);
    for (int64_t t = 1; t <= steps; t++) {
        for (int i = 0; i < TOTAL; i++)
            gradients[i] = (float)(hash01((uint64_t)(t * TOTAL + i)) - 0.5);
        lm_optimizer_step_args s = {
            .lr = &o.lr, .step = t, .grad_scale = 0.5, .gradients = gradients, .weights = weights};
        lm_optimizer_step(optimizer, &c, &s);
    }
    int64_t n;
    const lm_optimizer_array *a = lm_optimizer_arrays(optimizer, &n);
    uint64_t second = 0;
    for (int64_t i = 0; i < n; i++)
        if (strcmp(a[i].state, "second") == 0 && strcmp(a[i].row, "qkv") == 0)
            second = (uint64_t)a[i].shape[0];
    lm_optimizer_free(optimizer);
    close_compute(&c);
    return second;
}

static void test_the_bits_do_not_depend_on_threads(void **state) {
    (void)state;
    lm_optimizer_options o = muon("polar_express", "match_rms", 0.9);
    assert_true(lm_polar_flops(HIGH, LARGE, LM_FP32) > 1e9);
    for (int precision = 0; precision < LM_PRECISION_COUNT; precision++) {
        train((lm_precision)precision, 1, o, 2);
        memcpy(first, weights, sizeof weights);
        train((lm_precision)precision, 3, o, 2);
        assert_memory_equal(weights, first, sizeof weights);
    }
}

/* Three heads of q and two of k by columns, v as a whole likewise; one each without heads. */
static void test_heads_have_second_moments_of_their_own(void **state) {
    (void)state;
    lm_optimizer_options o = muon("polar_express", "match_rms", 0.9);
    assert_int_equal(train(LM_FP32, 1, o, 1), (3 + 2 + 1) * WIDTH);
    memcpy(first, weights, sizeof weights);
    o.per_head = false;
    assert_int_equal(train(LM_FP32, 1, o, 1), 3 * WIDTH);
    assert_memory_not_equal(first, weights, 72 * WIDTH * sizeof *first);
    assert_memory_equal(first + 72 * WIDTH, weights + 72 * WIDTH, 24 * WIDTH * sizeof *first);
}

/* The update of a matrix has the size that the scale says, that of a vector is AdamW's. */
static void test_updates_have_the_size_of_adamw(void **state) {
    (void)state;
    double square = 0;
    lm_optimizer_options o = muon("polar_express", "match_rms", 0);
    o.weight_decay = 0;
    train(LM_FP32, 2, o, 1);
    for (int i = AT_LARGE; i < AT_REST; i++) {
        double step = (double)weights[i] - (double)(float)(hash01((uint64_t)i) - 0.5);
        square += step * step;
    }
    double rms = sqrt(square / (AT_REST - AT_LARGE)) / o.lr;
    assert_true(rms > 0.15 && rms < 0.23);
    for (int i = AT_REST; i < TOTAL; i++)
        assert_true(fabs(fabs((double)weights[i] - (hash01((uint64_t)i) - 0.5)) - o.lr) < 1e-4);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twenty_updates_are_those_of_the_oracle),
        cmocka_unit_test(test_the_bits_do_not_depend_on_threads),
        cmocka_unit_test(test_heads_have_second_moments_of_their_own),
        cmocka_unit_test(test_updates_have_the_size_of_adamw),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

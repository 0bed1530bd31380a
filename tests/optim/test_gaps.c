/* The average of tables by gaps (average.h) against its definition in double, over 200 steps that
 * reach few lines; and that its bits depend neither on threads, nor on what is known of the lines,
 * nor on slices. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "optim/average.h"
#include "optim/optimizer.h"
#include "tests/support/layers.h"

enum { LINES = 300, C = 9, N = LINES * C, STEPS = 200, BEGIN = 5, ALL = 120 };

static int kind_named(const char *name) {
    int kind = 0;
    while (strcmp(lm_optimizer_name(kind), name) != 0) kind++;
    return kind;
}

/* One step has no memory of those before it. */
static double rest_at(int64_t step) {
    return step == ALL ? 1 : step % 3 == 0 ? 0.4 : 0.2;
}

static void make_gradient(float *g, int32_t *lines, int64_t *count, int64_t step) {
    float *all = layers_random(N, (uint64_t)step, -1, 1);
    *count = 0;
    for (int32_t i = 0; i < LINES; i++) {
        const bool reached = (i + step) % 31 == 0 && i % 7 > 0;
        for (int64_t k = i * C; k < (i + 1) * C; k++) g[k] = reached && k % 5 > 0 ? all[k] : 0.0f;
        if (reached) lines[(*count)++] = i;
    }
}

/* Updates w [N], of the slice; a [N] receives its average. want [N], NULL: not wanted: the average
 * of the same weights in double. Returns how often gaps were multiplied. */
static int run(int threads, bool known, const lm_optimizer_slice *slice, float *w, float *a,
               double *want) {
    static lm_error err;
    static int32_t at[LINES];
    lm_compute compute;
    lm_kernels k;
    lm_optimizer *o;
    const lm_optimizer_row row = {.name = "t", .ndim = 2, .shape = {LINES, C}, .gap = true};
    const lm_optimizer_options group = {
        .kind = kind_named("adamw"), .beta2 = 0.9, .eps = 1e-10, .lazy = true};
    float *g = layers_floats(N);
    double e = 1;
    int multiplied = 0;
    int64_t n_arrays;
    layers_open(&compute, &k, threads, 0, 0);
    assert_int_equal(lm_optimizer_create_slice(&o, &group, 1, &row, 1, slice, &err), LM_OK);
    assert_int_equal(lm_optimizer_reserve(o, threads, LM_FP32, &err), LM_OK);
    for (int64_t step = 1; step <= STEPS; step++) {
        lm_lines lines = {.at = at};
        const double lr = 0.02, before = e;
        make_gradient(g, at, &lines.count, step);
        const lm_optimizer_step_args args = {.lr = &lr,
                                             .step = step,
                                             .grad_scale = 1,
                                             .gap_scale = step > BEGIN ? 1 / e : 0,
                                             .lines = known ? &lines : NULL,
                                             .gradients = g,
                                             .weights = w};
        lm_optimizer_step(o, &compute, &args);
        if (step > BEGIN) e = lm_optimizer_next_gap(o, &compute, e, rest_at(step));
        multiplied += e > before;
        for (int64_t i = 0; want && step >= BEGIN && i < N; i++)
            want[i] += (step == BEGIN ? 1 : rest_at(step)) * ((double)w[i] - want[i]);
    }
    const lm_optimizer_array *arrays = lm_optimizer_arrays(o, &n_arrays);
    assert_int_equal(n_arrays, 2);
    assert_string_equal(arrays[1].state, LM_AVERAGE_GAP);
    memcpy(a + slice->shares->first, w + slice->shares->first, (size_t)arrays[1].count * sizeof *a);
    lm_average_blend_gap(&k, compute.pool, arrays[1].count, e, arrays[1].data,
                         a + slice->shares->first);
    lm_optimizer_free(o);
    layers_close(&compute);
    return multiplied;
}

static const lm_span all = {0, N};
static const lm_optimizer_slice whole = {.shares = &all, .n = 1};

static void test_against_double(void **state) {
    static double want[N];
    float *w = layers_random(N, 99, -1, 1), *a = layers_floats(N);
    int64_t differ = 0;
    (void)state;
    memset(want, 0, sizeof want);
    assert_in_range(run(2, true, &whole, w, a, want), 2, 10);
    /* The average lies within the weights of all steps, |w| < 2: a change and the gap E d are at
     * most 4. A change rounds w - w', 1/E, and their product added to d: 3 * 4 * 2^-24 of a. Beta
     * is at most 0.8, so that those of all steps add up to 1 / (1 - 0.8) times that; a multiplied
     * gap rounds E and itself, and so does reading, which rounds the sum too: 6 * 4 * 2^-24. */
    for (int64_t i = 0; i < N; i++) {
        differ += a[i] != w[i];
        if (!(fabs(want[i] - (double)a[i]) <= (5 * 12 + 24) * ldexp(1, -24)))
            fail_msg("element %d: expected %.9g, found %.9g", (int)i, want[i], (double)a[i]);
    }
    assert_in_range(differ, N / 3, N - 1);
    layers_free_all();
}

static void test_lines_and_threads_change_nothing(void **state) {
    float *a = layers_floats(N), *b = layers_floats(N);
    (void)state;
    run(1, true, &whole, layers_random(N, 99, -1, 1), a, NULL);
    run(1, false, &whole, layers_random(N, 99, -1, 1), b, NULL);
    layers_same_bits("all lines", a, b, N);
    run(3, true, &whole, layers_random(N, 99, -1, 1), b, NULL);
    layers_same_bits("three threads", a, b, N);
    const lm_span halves[] = {{0, 31 * C + 5}, {31 * C + 5, N}};
    const lm_optimizer_slice slices[] = {{&halves[0], 1, 0}, {&halves[1], 1, 0}};
    float *w = layers_random(N, 99, -1, 1);
    run(2, true, &slices[1], w, b, NULL);
    run(2, false, &slices[0], w, b, NULL);
    layers_same_bits("two slices", a, b, N);
    layers_free_all();
}

/* By hand: weights of 0 with a gradient in one step. By Adam's first step w = -lr g / |g|. */
static void test_weights_are_those_without_gaps(void **state) {
    static lm_error err;
    float *w[2], g[4] = {1, 0, -2, 0};
    (void)state;
    for (int gap = 0; gap < 2; gap++) {
        lm_compute compute;
        lm_kernels k;
        lm_optimizer *o;
        const lm_optimizer_row row = {.name = "t", .ndim = 2, .shape = {2, 2}, .gap = gap == 1};
        const lm_optimizer_options group = {.kind = kind_named("adam"), .beta2 = 0.5, .lazy = true};
        const double lr = 0.25;
        w[gap] = layers_floats(4);
        memset(w[gap], 0, 4 * sizeof **w);
        const lm_optimizer_step_args args = {.lr = &lr,
                                             .step = 1,
                                             .grad_scale = 1,
                                             .gap_scale = 4,
                                             .gradients = g,
                                             .weights = w[gap]};
        int64_t n;
        layers_open(&compute, &k, 1, 0, 0);
        assert_int_equal(lm_optimizer_create(&o, &group, 1, &row, 1, &err), LM_OK);
        assert_int_equal(lm_optimizer_reserve(o, 1, LM_FP32, &err), LM_OK);
        lm_optimizer_step(o, &compute, &args);
        const lm_optimizer_array *arrays = lm_optimizer_arrays(o, &n);
        assert_int_equal(n, 1 + gap);
        if (gap) {
            const float want[4] = {1, 0, -1, 0};
            assert_memory_equal(arrays[1].data, want, sizeof want);
        }
        lm_optimizer_free(o);
        layers_close(&compute);
    }
    assert_memory_equal(w[0], w[1], 4 * sizeof **w);
    assert_true(w[0][0] == -0.25f && w[0][1] == 0.0f);
    layers_free_all();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_against_double),
                                       cmocka_unit_test(test_lines_and_threads_change_nothing),
                                       cmocka_unit_test(test_weights_are_those_without_gaps)};
    return cmocka_run_group_tests_name("gaps", tests, NULL, NULL);
}

/* Lazy Adam: its formula, what it leaves alone, and that the bits do not depend on which lines the
 * caller knows to be without gradient, nor on threads. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "optim/optimizer.h"
#include "tests/support/layers.h"

enum { LINES = 5000, C = 9, N = LINES * C, STEPS = 20 };
#define LR    0.05
#define BETA2 0.99
#define EPS   1e-10
#define DECAY 0.1

static int kind_named(const char *name) {
    int kind = 0;
    while (strcmp(lm_optimizer_name(kind), name) != 0) kind++;
    return kind;
}

/* A step reaches each 31st line, others each time; elements in them have no gradient either. */
static bool is_reached(int64_t line, int64_t step) {
    return (line + step) % 31 == 0;
}

static void make_gradient(float *g, int32_t *lines, int64_t *count, int64_t step) {
    float *all = layers_random(N, (uint64_t)step, -1, 1);
    *count = 0;
    for (int64_t i = 0; i < N; i++)
        g[i] = is_reached(i / C, step) && i % 5 > 0 ? all[i] * (i % 7 == 0 ? 1e-12f : 1.0f) : 0.0f;
    for (int32_t i = 0; i < LINES; i++)
        if (is_reached(i, step)) lines[(*count)++] = i;
}

static const lm_span all = {0, N};
static const lm_optimizer_slice whole = {.shares = &all, .n = 1};

/* v [N]: the slice's elements are overwritten. */
static void run(int threads, bool known, const lm_optimizer_slice *slice, float *w, float *v) {
    static lm_error err;
    static int32_t at[LINES];
    lm_compute compute;
    lm_kernels k;
    lm_optimizer *o;
    const lm_optimizer_row row = {.name = "t", .ndim = 2, .shape = {LINES, C}};
    const lm_optimizer_options group = {.kind = kind_named("adamw"),
                                        .beta1 = 0.9, /* does nothing */
                                        .beta2 = BETA2,
                                        .eps = EPS,
                                        .weight_decay = DECAY,
                                        .lazy = true};
    float *g = layers_floats(N);
    int64_t n_arrays;
    layers_open(&compute, &k, threads, 0, 0);
    assert_int_equal(lm_optimizer_create_slice(&o, &group, 1, &row, 1, slice, &err), LM_OK);
    assert_int_equal(lm_optimizer_reserve(o, threads, LM_FP32, &err), LM_OK);
    for (int64_t step = 1; step <= STEPS; step++) {
        lm_lines lines = {.at = at};
        const double lr = LR;
        make_gradient(g, at, &lines.count, step);
        const lm_optimizer_step_args args = {.lr = &lr,
                                             .step = step,
                                             .grad_scale = 0.5,
                                             .lines = known ? &lines : NULL,
                                             .gradients = g,
                                             .weights = w};
        lm_optimizer_step(o, &compute, &args);
    }
    const lm_optimizer_array *arrays = lm_optimizer_arrays(o, &n_arrays);
    assert_int_equal(n_arrays, 1); /* no first moment */
    assert_string_equal(arrays[0].state, "v");
    memcpy(v + slice->shares->first, arrays[0].data, (size_t)arrays[0].count * sizeof *v);
    lm_optimizer_free(o);
    layers_close(&compute);
}

/* In double. */
static void reference(double *w, double *v) {
    static int32_t at[LINES];
    float *g = layers_floats(N);
    int64_t count;
    memset(v, 0, N * sizeof *v);
    for (int64_t step = 1; step <= STEPS; step++) {
        make_gradient(g, at, &count, step);
        for (int64_t i = 0; i < N; i++) {
            double gs = 0.5 * (double)g[i];
            if (g[i] == 0.0f) continue;
            v[i] = BETA2 * v[i] + (1 - BETA2) * gs * gs;
            w[i] -= LR * DECAY * w[i];
            w[i] -= LR * gs / (sqrt(v[i] / (1 - pow(BETA2, (double)step))) + EPS);
        }
    }
}

static void test_the_formula(void **state) {
    static double w[N], v[N];
    float *got = layers_random(N, 99, -1, 1), *got_v = layers_floats(N);
    float *before = layers_copy(got, N);
    int64_t untouched = 0;
    (void)state;
    for (int64_t i = 0; i < N; i++) w[i] = (double)got[i];
    run(2, true, &whole, got, got_v);
    reference(w, v);
    /* At most 20 updates of up to 0.05 sqrt(20) = 0.22, of some 8 roundings each: 20 * 8 eps. */
    layers_close_to("weights", got, w, N, 160 * (double)FLT_EPSILON);
    for (int64_t i = 0; i < N; i++) {
        untouched += v[i] == 0;
        if (v[i] == 0) assert_true(got_v[i] == 0 && got[i] == before[i]);
    }
    assert_in_range(untouched, N / 3, N - 1); /* no decay either */
    layers_free_all();
}

static void test_lines_and_threads_change_nothing(void **state) {
    float *w = layers_random(N, 99, -1, 1), *v = layers_floats(N), *v2 = layers_floats(N);
    float *w2 = layers_copy(w, N), *w3 = layers_copy(w, N);
    (void)state;
    run(1, true, &whole, w, v);
    run(1, false, &whole, w2, v2);
    layers_same_bits("weights, all lines", w, w2, N);
    layers_same_bits("v, all lines", v, v2, N);
    run(3, true, &whole, w3, v2);
    layers_same_bits("weights, three threads", w, w3, N);
    layers_same_bits("v, three threads", v, v2, N);
    /* Cut within a line that a step reaches. */
    const lm_span halves[] = {{0, 31 * C + 5}, {31 * C + 5, N}};
    const lm_optimizer_slice slices[] = {{&halves[0], 1, 0}, {&halves[1], 1, 0}};
    float *w4 = layers_random(N, 99, -1, 1), *v4 = layers_floats(N);
    run(2, true, &slices[1], w4, v4);
    run(2, false, &slices[0], w4, v4);
    layers_same_bits("weights, two slices", w, w4, N);
    layers_same_bits("v, two slices", v, v4, N);
    layers_free_all();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_the_formula),
                                       cmocka_unit_test(test_lines_and_threads_change_nothing)};
    return cmocka_run_group_tests_name("lazy", tests, NULL, NULL);
}

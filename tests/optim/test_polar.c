/* The polar factor by its iteration, against matrices made of singular values that are known: for
 * X = U diag(s) V^T the result is U diag(p(s)) V^T, with p computed on numbers in double. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "ops/gemm.h"
#include "optim/polar.h"

enum { MOST = 160, THREADS = 3 };

static lm_kernels kernels;
static float x[MOST * MOST], other[MOST * MOST];
static double u[MOST][MOST], v[MOST][MOST], expected[MOST][MOST];

static double draw(uint64_t i) {
    return (double)((i * 2654435761u + 12345u) % 4294967296u) / 4294967296.0 - 0.5;
}

/* q = H_1 H_2 H_3: reflections, whose product is orthogonal whatever they are. */
static void make_orthogonal(double q[MOST][MOST], int n, uint64_t seed) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) q[i][j] = i == j;
    for (uint64_t k = 0; k < 3; k++) {
        double h[MOST], square = 0;
        for (int i = 0; i < n; i++) {
            h[i] = draw(1000 * (seed + k) + (uint64_t)i);
            square += h[i] * h[i];
        }
        for (int i = 0; i < n; i++) {
            double dot = 0;
            for (int j = 0; j < n; j++) dot += q[i][j] * h[j];
            for (int j = 0; j < n; j++) q[i][j] -= 2 * dot * h[j] / square;
        }
    }
}

static double polynomial(int kind, double s) {
    static const double express[5][3] = {
        {8.156554524902461, -22.48329292557795, 15.878769915207462},
        {4.042929935166739, -2.808917465908714, 0.5000178451051316},
        {3.8916678022926607, -2.772484153217685, 0.5060648178503393},
        {3.285753657755655, -2.3681294933425376, 0.46449024233003106},
        {2.3465413258596377, -1.7097828382687081, 0.42323551169305323}};
    static const double schulz[3] = {3.4445, -4.7750, 2.0315};
    for (int i = 0; i < 5; i++) {
        const double *k = kind == LM_POLAR_EXPRESS ? express[i] : schulz;
        s = k[0] * s + k[1] * s * s * s + k[2] * s * s * s * s * s;
    }
    return s;
}

/* Fills x [lines, columns] and what it becomes; singular values from 0.0015 to 0.95, one is 0. */
static void make_matrix(int kind, int lines, int columns) {
    int m = lines < columns ? lines : columns;
    make_orthogonal(u, lines, 1);
    make_orthogonal(v, columns, 2);
    for (int i = 0; i < lines; i++)
        for (int j = 0; j < columns; j++) {
            double sum = 0, goal = 0;
            for (int k = 0; k < m; k++) {
                double s = k == 1 ? 0 : 0.95 * pow(0.0016, (double)k / m);
                sum += u[i][k] * s * v[j][k];
                goal += u[i][k] * polynomial(kind, s) * v[j][k];
            }
            x[i * columns + j] = (float)sum;
            expected[i][j] = goal;
        }
}

static void transpose(int lines, int columns, const float *from, float *to) {
    for (int i = 0; i < lines; i++)
        for (int j = 0; j < columns; j++) to[j * lines + i] = from[i * columns + j];
}

/* Overwrites x with its polar factor. */
static void make_polar(const lm_compute *compute, int kind, int lines, int columns) {
    lm_error err = {0};
    lm_arena room = {0};
    uint64_t bytes;
    assert_true(lm_polar_room(lines, columns, &bytes));
    assert_int_equal(lm_arena_init(&room, (size_t)bytes, "room", &err), LM_OK);
    float *o = lm_polar(compute, kind, lines, columns, 1, x, &room);
    assert_true(room.used <= bytes);
    memmove(x, o, (size_t)(lines * columns) * sizeof *x);
    lm_arena_free(&room);
}

static lm_compute open_compute(lm_isa_mask isas, int threads, lm_precision precision) {
    lm_error err = {0};
    lm_compute c = {.kernels = &kernels, .precision = precision};
    lm_kernels_fill(&kernels, isas);
    assert_int_equal(lm_pool_create(&c.pool, threads, &err), LM_OK);
    assert_int_equal(lm_compute_reserve(&c, lm_gemm_scratch_bytes(), &err), LM_OK);
    return c;
}

static void close_compute(lm_compute *c) {
    lm_pool_free(c->pool);
    lm_compute_free(c);
}

/* Squares, flat, tall. The squares go step by step on X, the others by the Gram matrix. */
static const int shapes[][2] = {{1, 1},   {3, 3},   {64, 64}, {41, 41},  {7, 5},
                                {1, 100}, {24, 40}, {40, 24}, {32, 128}, {160, 33}};
enum { SHAPES = sizeof shapes / sizeof *shapes, ON_X = 4 };

static double error_of(int lines, int columns) {
    double most = 0;
    for (int i = 0; i < lines; i++)
        for (int j = 0; j < columns; j++)
            most = fmax(most, fabs((double)x[i * columns + j] - expected[i][j]));
    return most;
}

/* Small singular values grow a thousandfold, and what rounding does to them: to s itself where the
 * steps are taken on X, to s^2 by the Gram matrix. */
static void test_singular_values_become_what_the_polynomial_says(void **state) {
    (void)state;
    lm_compute fp32 = open_compute(lm_cpu_detect(), THREADS, LM_FP32), bf16 = fp32;
    bf16.precision = LM_BF16;
    for (int kind = 0; lm_polar_name(kind); kind++) {
        for (int i = 0; i < SHAPES; i++) {
            int lines = shapes[i][0], columns = shapes[i][1];
            make_matrix(kind, lines, columns);
            make_polar(&fp32, kind, lines, columns);
            assert_true(error_of(lines, columns) < (i < ON_X ? 5e-5 : 5e-3));
            make_matrix(kind, lines, columns);
            make_polar(&bf16, kind, lines, columns);
            assert_true(error_of(lines, columns) < 0.25);
        }
    }
    close_compute(&fp32);
}

static void expect_bits(const lm_compute *compute, int lines, int columns) {
    make_matrix(LM_POLAR_EXPRESS, lines, columns);
    make_polar(compute, LM_POLAR_EXPRESS, lines, columns);
    assert_memory_equal(x, other, (size_t)(lines * columns) * sizeof *x);
}

static void expect_bits_of_transpose(const lm_compute *compute, int lines, int columns) {
    static float turned[MOST * MOST];
    size_t bytes = (size_t)(lines * columns) * sizeof *x;
    make_matrix(LM_POLAR_EXPRESS, lines, columns);
    transpose(lines, columns, x, turned);
    memcpy(x, turned, bytes);
    make_polar(compute, LM_POLAR_EXPRESS, columns, lines);
    transpose(columns, lines, x, turned);
    assert_memory_equal(turned, other, bytes);
}

/* `other` is what the scalar kernels give. */
static void test_same_bits_on_every_pool_and_isa_and_for_the_transpose(void **state) {
    (void)state;
    for (int i = 0; i < SHAPES * LM_PRECISION_COUNT; i++) {
        int lines = shapes[i % SHAPES][0], columns = shapes[i % SHAPES][1];
        lm_precision precision = (lm_precision)(i / SHAPES);
        lm_compute c = open_compute(0, 1, precision);
        make_matrix(LM_POLAR_EXPRESS, lines, columns);
        make_polar(&c, LM_POLAR_EXPRESS, lines, columns);
        memcpy(other, x, (size_t)(lines * columns) * sizeof *x);
        close_compute(&c);

        c = open_compute(lm_cpu_detect(), THREADS, precision);
        lm_compute alone = lm_compute_alone(&c, THREADS - 1);
        expect_bits(&c, lines, columns);
        expect_bits(&alone, lines, columns);
        if (lines != columns) expect_bits_of_transpose(&c, lines, columns);
        close_compute(&c);
    }
}

static void test_a_zero_matrix_stays_zero(void **state) {
    (void)state;
    lm_compute c = open_compute(lm_cpu_detect(), 1, LM_FP32);
    memset(x, 0, sizeof x);
    assert_true(isfinite(lm_polar_scale(LM_POLAR_EXPRESS, 0)));
    for (int i = 0; i < SHAPES; i++) {
        make_polar(&c, LM_POLAR_EXPRESS, shapes[i][0], shapes[i][1]);
        for (int k = 0; k < shapes[i][0] * shapes[i][1]; k++) assert_true(x[k] == 0);
    }
    close_compute(&c);
}

static void test_sizes_that_do_not_fit(void **state) {
    (void)state;
    uint64_t bytes;
    assert_false(lm_polar_room(INT64_MAX / 2, 4, &bytes));
    assert_false(lm_polar_room((int64_t)1 << 31, (int64_t)1 << 31, &bytes));
    assert_true(lm_polar_room(3, 4, &bytes) && bytes > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_singular_values_become_what_the_polynomial_says),
        cmocka_unit_test(test_same_bits_on_every_pool_and_isa_and_for_the_transpose),
        cmocka_unit_test(test_a_zero_matrix_stays_zero),
        cmocka_unit_test(test_sizes_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

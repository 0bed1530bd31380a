/* A learned sum of two arrays, over several tasks and windows, against its definition. */
#include "tests/support/test.h"

#include <math.h>

#include "nn/mix.h"
#include "tests/support/layers.h"

enum { TOKENS = 96, CHANNELS = 700, N = TOKENS * CHANNELS };

static lm_compute compute;
static lm_kernels kernels;

static lm_mix mix_of(int64_t window) {
    return (lm_mix){.tokens = TOKENS,
                    .channels = CHANNELS,
                    .window = window,
                    .a = 1.3f,
                    .b = -0.4f,
                    .x = layers_random(N, 1, -1, 1),
                    .z = layers_random(N, 2, -1, 1)};
}

static void test_forward(void **state) {
    (void)state;
    lm_mix m = mix_of(0);
    float *y = layers_floats(N), *want = layers_floats(N);
    lm_mix_forward(&compute, &m, y);
    for (int i = 0; i < N; i++) {
        volatile float a = m.a * m.x[i], b = m.b * m.z[i]; /* each rounded */
        want[i] = a + b;
    }
    layers_same_bits("y", want, y, N);
    m.a = 1;
    m.b = 0;
    lm_mix_forward(&compute, &m, y);
    layers_same_bits("with 1 and 0", m.x, y, N);
}

static void test_backward(void **state) {
    (void)state;
    lm_mix m = mix_of(TOKENS / 3);
    const float *dy = layers_random(N, 3, -1, 1), *before = layers_random(N, 4, -1, 1);
    float *dx = layers_copy(dy, N), *dz = layers_copy(before, N), da = 0.5f, db = -2;
    double a = (double)da, b = (double)db;
    lm_mix_backward(&compute, &m, dx, dz, &da, &db);
    for (int i = 0; i < N; i++) {
        volatile float product = m.b * dy[i];
        a += (double)dy[i] * (double)m.x[i];
        b += (double)dy[i] * (double)m.z[i];
        assert_true(dx[i] == m.a * dy[i]);
        assert_true(dz[i] == before[i] + product);
    }
    /* Sums of N terms below 1 in float, at most sqrt(N) eps of them off and more. */
    const double bound = 4 * sqrt(N) * (double)FLT_EPSILON;
    assert_true(fabs((double)da - a) < bound * sqrt(N) && fabs((double)db - b) < bound * sqrt(N));

    /* Window by window: the same bits in one call and in three. */
    float *parts = layers_copy(dy, N), *dz_parts = layers_copy(before, N), p = 0.5f, q = -2;
    for (int w = 0; w < 3; w++) {
        lm_mix one = m;
        one.tokens = m.window;
        one.x += w * N / 3;
        one.z += w * N / 3;
        lm_mix_backward(&compute, &one, parts + w * N / 3, dz_parts + w * N / 3, &p, &q);
    }
    layers_same_bits("dx", dx, parts, N);
    layers_same_bits("dz", dz, dz_parts, N);
    layers_same_bits("da", &da, &p, 1);
    layers_same_bits("db", &db, &q, 1);
}

static int open_compute(void **state) {
    (void)state;
    layers_open(&compute, &kernels, 2, 0, lm_mix_scratch_bytes());
    return 0;
}
static int close_compute(void **state) {
    (void)state;
    layers_close(&compute);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_forward, layers_tear_down),
        cmocka_unit_test_teardown(test_backward, layers_tear_down),
    };
    return cmocka_run_group_tests_name("mix", tests, open_compute, close_compute);
}

/* Multiplication by a number, over several tasks, in place and with a residual. */
#include "tests/support/test.h"

#include "nn/scale.h"
#include "tests/support/layers.h"

static void test_is_its_definition(void **state) {
    (void)state;
    enum { N = 40003 }; /* no multiple of what a task takes */
    const float a = 0.3f;
    const float *x = layers_random(N, 1, -1, 1), *residual = layers_random(N, 2, -1, 1);
    float *y = layers_floats(N), *want = layers_floats(N);
    for (int i = 0; i < N; i++) want[i] = a * x[i];
    lm_scale(&layers_compute, N, a, x, NULL, y);
    layers_same_bits("a x", want, y, N);
    float *both = layers_copy(x, N);
    lm_scale(&layers_compute, N, a, both, NULL, both);
    layers_same_bits("a x in place", want, both, N);
    for (int i = 0; i < N; i++) {
        volatile float product = a * x[i]; /* rounded on its own */
        want[i] = product + residual[i];
    }
    lm_scale(&layers_compute, N, a, x, residual, y);
    layers_same_bits("a x + residual", want, y, N);
    both = layers_copy(residual, N);
    lm_scale(&layers_compute, N, a, x, both, both);
    layers_same_bits("a x + residual, into the residual", want, both, N);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_is_its_definition, layers_tear_down)};
    return cmocka_run_group_tests_name("scale", tests, layers_open_group, layers_close_group);
}

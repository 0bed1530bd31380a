/* Products of few rows of x, as generation has them: W so large that each thread has a long task
 * and what is left over is cut into short ones, on every instruction set. */
#include "tests/support/test.h"

#include "machine/cpu.h"
#include "nn/linear.h"
#include "ops/gemm.h"
#include "tests/support/layers.h"

enum { IN = 520, OUT = 1102, ROWS = 2 }; /* no multiples of a line, of a block of rows */

static void check(int threads, int isa, const float *x, const float *w, const float *bias,
                  const float *want) {
    lm_kernels kernels, some;
    lm_compute compute;
    layers_open(&compute, &kernels, threads, 0, lm_gemm_scratch_bytes());
    lm_kernels_fill(&some, lm_cpu_detect() & ((2u << isa) - 1));
    compute.kernels = &some;
    for (int rows = 1; rows <= ROWS; rows++) {
        lm_linear l = {.rows = rows, .in = IN, .out = OUT, .w = lm_array_f32(w), .bias = bias};
        float *y = layers_floats(ROWS * OUT);
        lm_linear_decode(&compute, &l, (lm_linear_rows){lm_array_f32(x), IN}, y);
        layers_same_bits(lm_isa_name(isa), want, y, rows * OUT);
    }
    layers_close(&compute);
}

static void test_long_tasks_and_short_ones_give_the_bits_of_one(void **state) {
    (void)state;
    const float *x = layers_random(ROWS * IN, 1, -1, 1), *w = layers_random(OUT * IN, 2, -1, 1);
    const float *bias = layers_random(OUT, 3, -1, 1);
    float *want = layers_floats(ROWS * OUT);
    lm_kernels scalar;
    lm_kernels_fill(&scalar, 1u << LM_ISA_SCALAR);
    scalar.dots_f32(ROWS, OUT, IN, x, IN, w, IN, bias, want, OUT);
    for (int threads = 1; threads <= 4; threads++)
        for (int isa = LM_ISA_SCALAR; isa < LM_ISA_COUNT; isa++)
            check(threads, isa, x, w, bias, want);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(
        test_long_tasks_and_short_ones_give_the_bits_of_one, layers_tear_down)};
    return cmocka_run_group_tests_name("decode", tests, layers_open_group, layers_close_group);
}

/* Symmetric products against the whole product: both halves, scaled and shifted, in both types,
 * with any number of threads. */
#include "tests/support/test.h"

#include <string.h>

#include "ops/gemm.h"
#include "optim/symmetric.h"
#include "tests/support/layers.h"

enum { MOST_THREADS = 5 };

/* Two symmetric products in one: x [m, k] for S = X X^T, as rows or as columns. */
typedef struct sample {
    int64_t m, k;
    bool turned;
    lm_precision precision;
} sample;

static void to_bf16(const lm_kernels *kernels, float *x, int64_t n) {
    lm_bf16 *y = (lm_bf16 *)(void *)x;
    for (int64_t i = 0; i < n; i++) {
        float value = x[i];
        kernels->bf16_from_f32(1, 1, &value, 1, &y[i], 1);
    }
}

static void multiply(const lm_compute *c, const sample *s, const float *x, float *whole) {
    const int64_t row = s->turned ? 1 : s->k, column = s->turned ? s->m : 1;
    const lm_gemm g = {.m = s->m,
                       .n = s->m,
                       .k = s->k,
                       .a = lm_array_f32(x),
                       .a_row = row,
                       .a_col = column,
                       .b = lm_array_f32(x),
                       .b_row = column,
                       .b_col = row,
                       .c = whole,
                       .c_row = s->m};
    lm_gemm_multiply(c, &g);
}

static lm_symmetric product(const sample *s, const float *x, float *to, float *spare) {
    const int64_t row = s->turned ? 1 : s->k, column = s->turned ? s->m : 1;
    return (lm_symmetric){.m = s->m,
                          .k = s->k,
                          .a = lm_array_f32(x),
                          .a_row = row,
                          .a_col = column,
                          .b = lm_array_f32(x),
                          .b_row = column,
                          .b_col = row,
                          .to = {to, s->precision},
                          .spare = spare};
}

/* What the results are to be, from all of S. */
static void expect(const lm_compute *c, const sample *s, float *whole, float scale, float shift,
                   const float *result) {
    const int64_t n = s->m * s->m;
    for (int64_t i = 0; i < n; i++) whole[i] *= scale;
    for (int64_t i = 0; i < s->m; i++) whole[i * s->m + i] += shift;
    if (s->precision == LM_BF16) to_bf16(c->kernels, whole, n);
    assert_memory_equal(whole, result, (size_t)n * lm_array_element_bytes(s->precision));
}

static void check(int threads, const sample *s) {
    lm_kernels k;
    lm_compute c;
    layers_open(&c, &k, threads, 0, lm_gemm_scratch_bytes());
    c.precision = s->precision;
    const int64_t n = s->m * s->m;
    float *x = layers_random(s->m * s->k, 3, -1, 1), *whole = layers_floats(n);
    float *to = layers_floats(n), *scaled = layers_floats(n), *spare = layers_floats(n);
    lm_symmetric p = product(s, x, to, s->k > LM_GEMM_FINISH_K ? spare : NULL);
    p.shift = 0.75f;
    lm_symmetric_multiply(&c, &p);
    multiply(&c, s, x, whole);
    expect(&c, s, whole, 1, 0.75f, to);
    p.shift = 0;
    p.scaled = (lm_array){scaled, s->precision};
    p.scale = -1.7f;
    p.scaled_shift = 2.5f;
    lm_symmetric_multiply(&c, &p);
    multiply(&c, s, x, whole);
    expect(&c, s, layers_copy(whole, n), 1, 0, to);
    expect(&c, s, whole, -1.7f, 2.5f, scaled);
    layers_close(&c);
    layers_free_all();
}

static void test_both_halves_are_those_of_the_whole_product(void **state) {
    (void)state;
    static const int64_t sizes[][2] = {{1, 1},   {5, 7},   {16, 16}, {33, 4},  {100, 65},
                                       {128, 9}, {300, 3}, {530, 2}, {277, 40}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int threads = 1; threads <= MOST_THREADS; threads++)
            for (int way = 0; way < 4; way++) {
                sample s = {.m = sizes[i][0],
                            .k = sizes[i][1],
                            .turned = way % 2,
                            .precision = way < 2 ? LM_FP32 : LM_BF16};
                check(threads, &s);
            }
}

/* Sums too long for a block's room: they are finished in `spare`. */
static void test_long_sums(void **state) {
    (void)state;
    for (int precision = 0; precision < LM_PRECISION_COUNT; precision++) {
        sample s = {.m = 19, .k = LM_GEMM_FINISH_K + 3, .precision = (lm_precision)precision};
        check(2, &s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_both_halves_are_those_of_the_whole_product,
                                  layers_tear_down),
        cmocka_unit_test_teardown(test_long_sums, layers_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

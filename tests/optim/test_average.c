/* The average of the weights against its definition in double precision, over 20 steps; and the
 * same bits for every instruction set and any number of threads. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "optim/average.h"

enum { COUNT = 200003, STEPS = 20 }; /* several tasks, the last one short */

static float weights[STEPS][COUNT];
static lm_error err;

static int set_up(void **state) {
    (void)state;
    for (int t = 0; t < STEPS; t++) {
        const lm_rng rng = {.seed = 7, .purpose = LM_RNG_INIT, .step = (uint32_t)t};
        for (int64_t i = 0; i < COUNT; i++)
            weights[t][i] = (float)(2 * lm_rng_uniform(&rng, (uint64_t)i) - 1);
    }
    return 0;
}

/* Averages all steps, the first of them being `first`; the average is the caller's to free. */
static lm_average averaged(lm_isa_mask isas, int threads, int first, double rest) {
    lm_kernels kernels;
    lm_pool *pool = NULL;
    lm_average a;
    lm_kernels_fill(&kernels, isas);
    assert_int_equal(lm_pool_create(&pool, threads, &err), LM_OK);
    lm_compute compute = {.kernels = &kernels, .pool = pool};
    assert_int_equal(lm_average_create(&a, COUNT, &err), LM_OK);
    lm_average_begin(&a, &compute, weights[first]);
    for (int t = first + 1; t < STEPS; t++) lm_average_add(&a, &compute, rest, weights[t]);
    lm_pool_free(pool);
    return a;
}

static void test_twenty_steps_against_double(void **state) {
    (void)state;
    const double rests[] = {0.003, 0.1, 0.5};
    for (int k = 0; k < 3; k++) {
        lm_average a = averaged(lm_cpu_detect(), 2, 3, rests[k]);
        /* |w| <= 1, so |w - a| <= 2. A step rounds 1 - beta, w - a and the sum, each to a
         * relative 2^-24, and shrinks the error before it: 4 (1 - beta) + 1 of them at most. */
        const double bound = (STEPS - 4) * (1 + 4 * rests[k]) * ldexp(1, -24);
        for (int64_t i = 0; i < COUNT; i++) {
            double sum = weights[3][i];
            for (int t = 4; t < STEPS; t++) sum += rests[k] * ((double)weights[t][i] - sum);
            if (!(fabs(sum - (double)a.values[i]) <= bound))
                fail_msg("1 - beta %g, element %d: expected %.9g, found %.9g", rests[k], (int)i,
                         sum, (double)a.values[i]);
        }
        lm_average_free(&a);
    }
}

/* By hand, w = 0, 1, 1, 1 with beta = 1/2: exact in fp32. */
static void test_by_hand(void **state) {
    (void)state;
    float w[4] = {0, 1, 1, 1};
    lm_kernels kernels;
    lm_pool *pool = NULL;
    lm_average a;
    lm_kernels_fill(&kernels, lm_cpu_detect());
    assert_int_equal(lm_pool_create(&pool, 1, &err), LM_OK);
    lm_compute compute = {.kernels = &kernels, .pool = pool};
    assert_int_equal(lm_average_create(&a, 1, &err), LM_OK);
    lm_average_begin(&a, &compute, w);
    for (int t = 1; t < 4; t++) lm_average_add(&a, &compute, 0.5, w + t);
    assert_true(a.values[0] == 0.875f);
    lm_average_free(&a);
    lm_pool_free(pool);
}

static void test_same_bits_everywhere(void **state) {
    (void)state;
    lm_average plain = averaged(0, 1, 0, 0.1);
    for (int threads = 1; threads <= 3; threads++) {
        lm_average a = averaged(lm_cpu_detect(), threads, 0, 0.1);
        assert_memory_equal(a.values, plain.values, sizeof weights[0]);
        lm_average_free(&a);
    }
    lm_average_free(&plain);
}

static void test_a_blend_of_all_is_a_copy(void **state) {
    (void)state;
    lm_kernels kernels;
    lm_pool *pool = NULL;
    float *y = malloc(sizeof weights[0]);
    assert_non_null(y);
    lm_kernels_fill(&kernels, 0);
    assert_int_equal(lm_pool_create(&pool, 2, &err), LM_OK);
    memcpy(y, weights[0], sizeof weights[0]);
    lm_average_blend(&kernels, pool, COUNT, 1, weights[1], y);
    assert_memory_equal(y, weights[1], sizeof weights[0]);
    memcpy(y, weights[0], sizeof weights[0]);
    lm_average_blend(&kernels, pool, COUNT, 0.25, weights[1], y);
    for (int64_t i = 0; i < COUNT; i++) {
        double expected = 0.75 * (double)weights[0][i] + 0.25 * (double)weights[1][i];
        assert_true(fabs(expected - (double)y[i]) <= 1.5 * ldexp(1, -24));
    }
    free(y);
    lm_pool_free(pool);
}

/* A half-life says the same for every batch: two steps of n tokens forget as much as one of 2n. */
static void test_half_life(void **state) {
    (void)state;
    assert_true(fabs(lm_average_rest(1000, 1000) - 0.5) < 1e-15);
    for (double n = 1; n < 1e6; n *= 3.7) {
        double once = 1 - lm_average_rest(12345, 2 * n), half = 1 - lm_average_rest(12345, n);
        assert_true(fabs(once - half * half) < 1e-15);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_twenty_steps_against_double),
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_same_bits_everywhere),
        cmocka_unit_test(test_a_blend_of_all_is_a_copy),
        cmocka_unit_test(test_half_life),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}

#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"

/* The known answers published with Philox4x32-10. */
static void test_known_answers(void **state) {
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } rows[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lm_rng rng = {.seed = (uint64_t)rows[i].key[1] << 32 | rows[i].key[0],
                      .step = rows[i].counter[2]};
        uint32_t purpose = rows[i].counter[3], out[4];
        memcpy(&rng.purpose, &purpose, sizeof purpose);
        lm_rng_block(&rng, (uint64_t)rows[i].counter[1] << 32 | rows[i].counter[0], out);
        assert_memory_equal(out, rows[i].answer, sizeof out);
    }
}

static void test_uniform_is_in_range_and_even(void **state) {
    (void)state;
    lm_rng rng = {.seed = 1, .purpose = LM_RNG_TEST};
    enum { N = 200000, BINS = 16 };
    int bins[BINS] = {0};
    for (uint64_t i = 0; i < N; i++) {
        double u = lm_rng_uniform(&rng, i);
        assert_true(u >= 0 && u < 1);
        bins[(int)(u * BINS)]++;
    }
    double chi2 = 0, expected = (double)N / BINS;
    for (int i = 0; i < BINS; i++) chi2 += (bins[i] - expected) * (bins[i] - expected) / expected;
    assert_true(chi2 < 44); /* 15 degrees of freedom: p = 1e-4 */
}

static void test_normal_has_its_moments(void **state) {
    (void)state;
    lm_rng rng = {.seed = 3, .purpose = LM_RNG_TEST};
    enum { N = 400000 };
    double sum[5] = {0};
    for (uint64_t i = 0; i < N; i++) {
        double x = lm_rng_normal(&rng, i), power = 1;
        assert_true(isfinite(x));
        for (int k = 0; k < 5; k++, power *= x) sum[k] += power;
    }
    assert_true(fabs(sum[1] / N) < 0.01);
    assert_true(fabs(sum[2] / N - 1) < 0.02);
    assert_true(fabs(sum[3] / N) < 0.05);
    assert_true(fabs(sum[4] / N - 3) < 0.1);
}

static void test_streams_differ(void **state) {
    (void)state;
    lm_rng a = {.seed = 1, .purpose = LM_RNG_INIT}, b = a, c = a, d = a;
    b.seed = 2;
    c.purpose = LM_RNG_DATA;
    d.step = 1;
    double x = lm_rng_uniform(&a, 5);
    assert_true(x != lm_rng_uniform(&b, 5) && x != lm_rng_uniform(&c, 5));
    assert_true(x != lm_rng_uniform(&d, 5) && x != lm_rng_uniform(&a, 6));
    assert_true(x == lm_rng_uniform(&a, 5));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_uniform_is_in_range_and_even),
        cmocka_unit_test(test_normal_has_its_moments),
        cmocka_unit_test(test_streams_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

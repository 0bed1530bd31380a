/* Sobol's points against SciPy's, and what scrambling keeps of them. */
#include "tests/support/test.h"

#include <stdbool.h>
#include <string.h>

#include "sweep/sobol.h"
#include "tests/sweep/sobol.inc"

static void test_scipy(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof sobol_indices / sizeof *sobol_indices; i++)
        for (int d = 0; d < LM_SOBOL_DIMENSIONS; d++)
            assert_int_equal(lm_sobol((uint32_t)sobol_indices[i], d), sobol_points[i][d] << 2);
}

/* 2^8 points have one in each of 2^8 equal intervals of every coordinate, and of the first two
 * coordinates one in each box of 2^-a by 2^(a-8): a (0, 8, 2)-net in base 2, scrambled or not. */
static void test_net(void **state) {
    (void)state;
    for (uint32_t block = 0; block < 3; block++) {
        for (int d = 0; d < LM_SOBOL_DIMENSIONS; d++) {
            bool taken[256] = {false};
            for (uint32_t i = 0; i < 256; i++) {
                int at = (int)(lm_sobol_point(256 * block + i, d, 9) * 256);
                assert_false(taken[at]);
                taken[at] = true;
            }
        }
        for (int a = 0; a <= 8; a++) {
            bool taken[256] = {false};
            for (uint32_t i = 0; i < 256; i++) {
                int x = (int)(lm_sobol_point(256 * block + i, 0, 9) * (1 << a));
                int y = (int)(lm_sobol_point(256 * block + i, 1, 9) * (1 << (8 - a)));
                int at = x << (8 - a) | y;
                assert_false(taken[at]);
                taken[at] = true;
            }
        }
    }
}

/* A digit is flipped by the digits before it alone: numbers that agree in their first k digits
 * agree in them afterwards too, and the flip of the next one is the same for both. */
static void test_scrambling_is_nested(void **state) {
    (void)state;
    const uint32_t x = 0x9A3F00C5u;
    uint32_t sx = lm_sobol_scramble(x, 5, 3);
    for (int k = 0; k < 32; k++) {
        uint32_t y = x ^ (0xFFFFFFFFu >> k), sy = lm_sobol_scramble(y, 5, 3);
        if (k > 0) assert_int_equal(sx >> (32 - k), sy >> (32 - k));
        assert_int_equal((sx ^ sy) >> (31 - k) & 1, 1);
    }
    assert_int_not_equal(sx, lm_sobol_scramble(x, 6, 3));
    assert_int_not_equal(sx, lm_sobol_scramble(x, 5, 4));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scipy),
        cmocka_unit_test(test_net),
        cmocka_unit_test(test_scrambling_is_nested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

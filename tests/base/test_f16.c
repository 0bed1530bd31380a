#include "tests/support/test.h"

#include <math.h>

#include "base/f16.h"

/* The value of a finite half by the definition of the format. */
static double value_of(unsigned h) {
    int exponent = (int)(h >> 10 & 0x1f), low = (int)(h & 0x3ff);
    double x = exponent == 0 ? ldexp(low, -24) : ldexp(1024 + low, exponent - 25);
    return h & 0x8000 ? -x : x;
}

static void test_every_half_is_read_exactly(void **state) {
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        float f = lm_f16_to_f32((lm_f16)h);
        if ((h & 0x7c00) == 0x7c00) {
            assert_true(h & 0x3ff ? isnan(f) : isinf(f));
        } else {
            assert_true(f == (float)value_of(h));
        }
        assert_int_equal(!!signbit(f), h >> 15);
    }
}

static void test_every_half_comes_back(void **state) {
    (void)state;
    for (unsigned h = 0; h < 65536; h++) {
        lm_f16 back = lm_f16_from_f32(lm_f16_to_f32((lm_f16)h));
        if ((h & 0x7c00) == 0x7c00 && (h & 0x3ff)) {
            assert_int_equal(back, h | 0x200); /* a NaN becomes quiet */
        } else {
            assert_int_equal(back, h);
        }
    }
}

/* Between two neighbours: the middle goes to the even one, all else to the nearer one. */
static void test_rounding_is_to_nearest_even(void **state) {
    (void)state;
    for (unsigned h = 0; h < 0x7c00; h++) {
        double low = value_of(h), high = h + 1 == 0x7c00 ? 65536 : value_of(h + 1);
        float middle = (float)((low + high) / 2);
        assert_true((double)middle == (low + high) / 2);
        for (int sign = 0; sign < 2; sign++) {
            float s = sign ? -1.0f : 1.0f;
            unsigned bit = sign ? 0x8000u : 0;
            assert_int_equal(lm_f16_from_f32(s * middle), bit | (h + (h & 1)));
            assert_int_equal(lm_f16_from_f32(s * nextafterf(middle, 0)), bit | h);
            assert_int_equal(lm_f16_from_f32(s * nextafterf(middle, INFINITY)), bit | (h + 1));
        }
    }
}

static void test_the_ends(void **state) {
    (void)state;
    assert_int_equal(lm_f16_from_f32(LM_F16_MOST), 0x7bff);
    assert_int_equal(lm_f16_from_f32(1e30f), 0x7c00);
    assert_int_equal(lm_f16_from_f32(-INFINITY), 0xfc00);
    assert_int_equal(lm_f16_from_f32(1e-30f), 0);
    assert_int_equal(lm_f16_from_f32(-0.0f), 0x8000);
    assert_true(isnan(lm_f16_to_f32(lm_f16_from_f32(NAN))));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_half_is_read_exactly),
                                       cmocka_unit_test(test_every_half_comes_back),
                                       cmocka_unit_test(test_rounding_is_to_nearest_even),
                                       cmocka_unit_test(test_the_ends)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/bf16.h"
#include "base/bytes.h"
#include "base/clock.h"
#include "base/numbers.h"

static float from_bits(uint32_t bits) {
    float f;
    memcpy(&f, &bits, sizeof f);
    return f;
}

static void test_bytes_are_little_endian(void **state) {
    (void)state;
    unsigned char b[16] = {0};
    static const unsigned char want[] = {0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 0x81};
    lm_write_u64(b + 1, 0x8123456789abcdefu); /* unaligned, with the highest bit set */
    assert_memory_equal(b + 1, want, 8);
    assert_int_equal(b[0] | b[9], 0);
    assert_true(lm_read_u64(b + 1) == 0x8123456789abcdefu);
    assert_true(lm_read_u32(b + 1) == 0x89abcdefu && lm_read_u16(b + 1) == 0xcdefu);
    lm_write_u32(b + 5, 0xf0e1d2c3u);
    assert_true(lm_read_u64(b + 1) == 0xf0e1d2c389abcdefu);
    lm_write_u16(b + 3, 0xfffeu);
    assert_true(lm_read_u64(b + 1) == 0xf0e1d2c3fffecdefu);
}

static void test_bf16_rounding(void **state) {
    (void)state;
    static const struct {
        uint32_t f32;
        lm_bf16 bf16;
    } rows[] = {
        {0x3f800000, 0x3f80}, /* 1 */
        {0x3f808000, 0x3f80}, /* a tie goes to the even one, down */
        {0x3f818000, 0x3f82}, /* and up */
        {0x3f808001, 0x3f81}, /* beyond the tie */
        {0xbf807fff, 0xbf80}, /* before it */
        {0x3fffffff, 0x4000}, /* carries into the exponent */
        {0x7f7fffff, 0x7f80}, /* the largest float becomes infinite */
        {0xff800000, 0xff80}, /* -inf */
        {0x00800000, 0x0080}, /* the smallest normal */
        {0x007fffff, 0x0000}, /* denormals are flushed, with their sign */
        {0x80400000, 0x8000}, {0x80000000, 0x8000}, {0x7f800001, 0x7fc0}, /* NaN, quieted */
        {0xffabcdef, 0xffeb},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(lm_bf16_from_f32(from_bits(rows[i].f32)), rows[i].bf16);
}

static void test_bf16_nearest(void **state) {
    (void)state;
    for (uint32_t high = 0x0080; high < 0x7f80; high++) { /* every normal positive one */
        float low = lm_bf16_to_f32((lm_bf16)high), next = from_bits((high + 1) << 16);
        assert_int_equal(lm_bf16_from_f32(low), high);
        if (isinf(next)) continue;
        float below = from_bits(high << 16 | 0x7fff), above = from_bits(high << 16 | 0x8001);
        assert_int_equal(lm_bf16_from_f32(below), high);
        assert_int_equal(lm_bf16_from_f32(above), high + 1);
    }
}

static void test_clocks(void **state) {
    (void)state;
    double last = lm_clock_seconds();
    for (int i = 0; i < 10000; i++) {
        double now = lm_clock_seconds();
        assert_true(now >= last);
        last = now;
    }
    assert_true(lm_clock_unix_seconds() > 1.7e9 && lm_clock_unix_seconds() < 1e11);
}

/* The message of a loss that is not finite is the same on every CPU. */
static void test_a_nan_has_no_sign(void **state) {
    (void)state;
    char a[16], b[16], c[16];
    snprintf(a, sizeof a, "%g", lm_plain_nan(copysign((double)NAN, -1)));
    snprintf(b, sizeof b, "%g", lm_plain_nan(-(double)INFINITY));
    snprintf(c, sizeof c, "%g", lm_plain_nan(-2.5));
    assert_string_equal(a, "nan");
    assert_string_equal(b, "-inf");
    assert_string_equal(c, "-2.5");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_are_little_endian),
        cmocka_unit_test(test_bf16_rounding),
        cmocka_unit_test(test_bf16_nearest),
        cmocka_unit_test(test_clocks),
        cmocka_unit_test(test_a_nan_has_no_sign),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

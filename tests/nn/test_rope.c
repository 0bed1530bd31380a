/* Rotary positions against plain double-precision code, with equal bits for 1, 2 and 3 threads and
 * for the scalar kernels; the frequencies against those of transformers. */
#include "tests/support/test.h"

#include <math.h>

#include "nn/rope.h"
#include "tests/support/layers.h"

/* Rounding of a float: tolerances are numbers of roundings times this. */
#define EPS ((double)FLT_EPSILON)
/* Threads and kernels; all must give the bits of the first. */
static const struct { int threads, scalar; } setups[] = {{1, 0}, {2, 0}, {3, 0}, {2, 1}};
enum { SETUPS = sizeof setups / sizeof setups[0] };

static void check_rope(int64_t batch, int64_t time, int64_t heads, int64_t d, int64_t turned) {
    int64_t row = heads * d + 3, n = (batch * time - 1) * row + heads * d, half = turned / 2;
    double theta = 10000;
    float *cosines = layers_floats(time * half), *sines = layers_floats(time * half);
    lm_rope_table(&(lm_rope_frequencies){.turned = turned, .theta = theta}, time, cosines, sines);
    lm_rope r = {.batch = batch,
                 .time = time,
                 .heads = heads,
                 .head_size = d,
                 .turned = turned,
                 .row = row,
                 .cos = cosines,
                 .sin = sines};
    float *x = layers_random(n, 1, -1, 1), *first[2] = {0};
    for (int s = 0; s < SETUPS; s++) {
        lm_kernels k;
        lm_compute compute;
        layers_open(&compute, &k, setups[s].threads, setups[s].scalar,
                    lm_rope_scratch_bytes(turned));
        float *y = layers_copy(x, n), *z = layers_copy(x, n);
        lm_rope_forward(&compute, &r, y, (lm_array){0});
        lm_rope_backward(&compute, &r, z, (lm_array){0});
        layers_close(&compute);
        if (s == 0) first[0] = y, first[1] = z;
        layers_same_bits("forward", first[0], y, n);
        layers_same_bits("backward", first[1], z, n);
    }
    double *want = layers_doubles(x, n), *back = layers_doubles(x, n);
    for (int64_t i = 0; i < batch * time * heads; i++)
        for (int64_t j = 0; j < half; j++) {
            int64_t at = i / heads * row + i % heads * d + j;
            double angle = (double)(i / heads % time) * pow(theta, -(double)j / (double)half);
            double lo = (double)x[at], hi = (double)x[at + half], c = cos(angle), s = sin(angle);
            want[at] = lo * c - hi * s, want[at + half] = hi * c + lo * s;
            back[at] = lo * c + hi * s, back[at + half] = hi * c - lo * s;
        }
    layers_close_to("forward", first[0], want, n, 4 * EPS); /* what lies between rows included */
    layers_close_to("backward", first[1], back, n, 4 * EPS);
}

static void test_rope(void **state) {
    (void)state;
    check_rope(1, 1, 1, 2, 2);
    check_rope(2, 5, 3, 6, 6);
    check_rope(1, 33, 2, 64, 64);
    check_rope(3, 130, 4, 34, 34);
    check_rope(2, 7, 3, 7, 4); /* a part of each head, whose width may be odd */
    check_rope(1, 40, 3, 80, 36);
}

/* Llama 3.2 1B: theta 500000, heads of 64, factor 32, 1 and 4, 8192. The divisors are those of
 * transformers 5.24 (_compute_llama3_parameters), pairs 0, 14, 15, 16, 17, 18 and 31; pairs that
 * turn more than 4 times within 8192 tokens stay, those that turn less than once get all of it. */
static void test_rope_frequencies(void **state) {
    static const struct {
        int64_t pair;
        double divisor;
    } expected[] = {{0, 1},         {14, 1},  {15, 1.651329}, {16, 3.292263},
                    {17, 9.666731}, {18, 32}, {31, 32}};
    enum { HALF = 32 };
    float cosines[2 * HALF], sines[2 * HALF];
    lm_rope_frequencies f = {.turned = 2 * HALF,
                             .theta = 500000,
                             .scaling = LM_ROPE_SCALING_LLAMA3,
                             .factor = 32,
                             .low = 1,
                             .high = 4,
                             .original_context = 8192};
    (void)state;
    lm_rope_table(&f, 2, cosines, sines); /* at position 1 the angle is the frequency */
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        double plain = pow(500000, -(double)expected[i].pair / HALF);
        double angle =
            atan2((double)sines[HALF + expected[i].pair], (double)cosines[HALF + expected[i].pair]);
        assert_true(fabs(plain / angle / expected[i].divisor - 1) < 2e-6);
    }
    f.scaling = LM_ROPE_SCALING_LINEAR;
    lm_rope_table(&f, 2, cosines, sines);
    for (int64_t j = 0; j < HALF; j++) {
        double want = pow(500000, -(double)j / HALF) / 32;
        assert_true(fabs((double)sines[HALF + j] / sin(want) - 1) < 1e-6);
    }
    assert_string_equal(lm_rope_scaling_name(LM_ROPE_SCALING_LLAMA3), "llama3");
    assert_null(lm_rope_scaling_name(LM_ROPE_SCALING_COUNT));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_rope, layers_tear_down),
        cmocka_unit_test(test_rope_frequencies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

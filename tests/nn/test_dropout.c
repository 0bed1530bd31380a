/* Dropout: what is kept is scaled, how often, that threads and micro-batches change nothing. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "nn/dropout.h"
#include "tests/support/layers.h"

static void apply(const lm_dropout *d, int threads, const float *x, const float *residual,
                  float *y) {
    lm_kernels k;
    lm_compute compute;
    layers_open(&compute, &k, threads, 0, 0);
    lm_dropout_apply(&compute, d, x, residual, y);
    layers_close(&compute);
}

static lm_dropout some(void) {
    return (lm_dropout){.rate = 0.25,
                        .seed = 3,
                        .site = 2,
                        .sample = 10,
                        .batch = 4,
                        .time = 30,
                        .channels = 203, /* several tasks, a short last block */
                        .context = 33};
}

static void test_the_share_dropped_and_the_scale(void **state) {
    (void)state;
    static const double rates[] = {0, 0.1, 0.25, 0.9};
    for (int r = 0; r < 4; r++) {
        lm_dropout d = some();
        d.rate = rates[r];
        int64_t n = d.batch * d.time * d.channels, dropped = 0;
        float *x = layers_random(n, 1, 1, 2), *y = layers_floats(n);
        apply(&d, 2, x, NULL, y);
        for (int64_t i = 0; i < n; i++) {
            double kept = (double)x[i] / (1 - d.rate);
            dropped += y[i] == 0.0f;
            if (y[i] != 0.0f) assert_true(fabs((double)y[i] - kept) <= 1e-4 * kept);
        }
        /* the rate is rounded to 2^-16; five standard deviations of a binomial share */
        double off = fabs((double)dropped / (double)n - d.rate);
        assert_true(off <= 5 * sqrt(d.rate * (1 - d.rate) / (double)n));
        layers_free_all();
    }
}

static void test_dropout_does_not_depend_on_threads_or_micro_batches(void **state) {
    (void)state;
    lm_dropout d = some();
    int64_t row = d.time * d.channels, n = d.batch * row;
    float *x = layers_random(n, 1, -1, 1), *residual = layers_random(n, 2, -1, 1);
    float *plain = layers_floats(n), *sum = layers_floats(n);
    apply(&d, 1, x, NULL, plain);
    apply(&d, 3, x, residual, sum);
    for (int64_t i = 0; i < n; i++) assert_true(sum[i] == residual[i] + plain[i]);
    float *in_place = layers_copy(residual, n), *over = layers_copy(x, n);
    apply(&d, 2, x, in_place, in_place);
    apply(&d, 2, over, NULL, over);
    layers_same_bits("y is residual", sum, in_place, n);
    layers_same_bits("y is x", plain, over, n);
    for (int64_t b = 0; b < d.batch; b++) { /* each row alone, and shorter ones */
        lm_dropout one = d;
        float *y = layers_floats(row);
        one.batch = 1;
        one.sample += (uint64_t)b;
        apply(&one, 1, x + b * row, NULL, y);
        layers_same_bits("a row alone", plain + b * row, y, row);
        one.time -= 7;
        apply(&one, 1, x + b * row, NULL, y);
        layers_same_bits("a short row", plain + b * row, y, row - 7 * d.channels);
    }
    lm_dropout other = d;
    other.site++;
    float *y = layers_floats(n);
    apply(&other, 1, x, NULL, y);
    assert_memory_not_equal(plain, y, (size_t)d.channels * sizeof *y);
    layers_free_all();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_share_dropped_and_the_scale),
        cmocka_unit_test(test_dropout_does_not_depend_on_threads_or_micro_batches)};
    return cmocka_run_group_tests_name("dropout", tests, NULL, NULL);
}

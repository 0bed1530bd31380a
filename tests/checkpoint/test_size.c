/* lm_checkpoint_most_bytes is never below what a file takes, and for small arrays not far above:
 * names and shapes of the greatest length, data that does not compress, arrays of every size around
 * a chunk. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/planes.h"
#include "tests/support/tempdir.h"

static lm_pool *pool;

static int set_up(void **state) {
    lm_error err = {0};
    tempdir_open(state);
    return lm_pool_create(&pool, 2, &err) == LM_OK ? 0 : -1;
}
static int tear_down(void **state) {
    lm_pool_free(pool);
    return tempdir_close(state);
}

/* Every bit is random: no plane compresses. */
static float *noise(int64_t n) {
    const lm_rng rng = {.seed = 7, .purpose = LM_RNG_TEST};
    uint32_t(*bits)[4] = calloc((size_t)n / 4 + 1, sizeof *bits);
    assert_non_null(bits);
    for (int64_t i = 0; i <= n / 4; i++) lm_rng_block(&rng, (uint64_t)i, bits[i]);
    return (float *)(void *)bits;
}

/* most / size, for `arrays` of `count` elements each under names of `length` characters. */
static double ratio(int arrays, int64_t count, int length, bool wide) {
    lm_error err = {0};
    uint64_t size, most, raw = (uint64_t)arrays * (uint64_t)count * sizeof(float);
    char *path = lm_file_join(tempdir, "a.npz");
    lm_checkpoint_array *rows = calloc((size_t)arrays, sizeof *rows);
    float *data = noise(count);
    assert_true(path && rows);
    for (int i = 0; i < arrays; i++) {
        rows[i] = (lm_checkpoint_array){.ndim = 1, .shape = {count}, .data = data};
        if (wide) { /* nothing in it, but digits in its shape */
            rows[i].ndim = LM_CHECKPOINT_MAX_DIMS;
            const int64_t shape[] = {0, INT64_C(1) << 20, INT64_C(1) << 20, INT64_C(1) << 19};
            memcpy(rows[i].shape, shape, sizeof shape);
        }
        snprintf(rows[i].name, sizeof rows[i].name, "%0*d", length, i);
    }
    if (wide) raw = 0;
    assert_int_equal(
        lm_checkpoint_write(path, rows, arrays, NULL, 0, "{\"step\": 1}", pool, &size, &err),
        LM_OK);
    assert_int_equal(size, lm_file_size(path));
    assert_true(lm_checkpoint_most_bytes(raw, arrays, strlen("{\"step\": 1}"), &most));
    if (most < size)
        fail_msg("%d arrays of %lld elements take %llu bytes, more than %llu", arrays,
                 (long long)count, (unsigned long long)size, (unsigned long long)most);
    free(data);
    free(rows);
    free(path);
    return (double)most / (double)size;
}

static void test_no_file_is_larger(void **state) {
    (void)state;
    const int64_t chunk = LM_PLANE_CHUNK;
    const int64_t counts[] = {0,     1,         2,     100,       65535,
                              65536, chunk - 1, chunk, chunk + 1, 2 * chunk + 3};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        ratio(1, counts[i], 1, false);
        ratio(3, counts[i], 63, false);
    }
    ratio(500, 1, 63, false);
    ratio(500, 0, 63, true);
}

static void test_for_small_arrays_the_figure_is_near_the_size(void **state) {
    (void)state;
    assert_true(ratio(1, 1, 10, false) < 2.1);
    assert_true(ratio(20, 8, 10, false) < 2);
    assert_true(ratio(20, 100, 25, false) < 1.6);
    assert_true(ratio(20, 1000, 25, false) < 1.2);
    assert_true(ratio(3, 100000, 25, false) < 1.01);
}

static void test_sizes_that_do_not_fit(void **state) {
    (void)state;
    uint64_t most = 5;
    assert_false(lm_checkpoint_most_bytes(UINT64_MAX, 1, 0, &most));
    assert_false(lm_checkpoint_most_bytes(0, INT64_MAX, 0, &most));
    assert_false(lm_checkpoint_most_bytes(0, 1, UINT64_MAX, &most));
    assert_int_equal(most, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_file_is_larger),
        cmocka_unit_test(test_for_small_arrays_the_figure_is_near_the_size),
        cmocka_unit_test(test_sizes_that_do_not_fit),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#include "tests/support/test.h"

#include <string.h>

#include "ops/compute.h"
#include "tests/support/aborts.h"

static lm_kernels kernels;
static lm_pool *pool;

static int set_up(void **state) {
    (void)state;
    lm_error err = {0};
    lm_kernels_fill(&kernels, lm_cpu_detect());
    return lm_pool_create(&pool, 3, &err) == LM_OK ? 0 : 1;
}

static int tear_down(void **state) {
    (void)state;
    lm_pool_free(pool);
    return 0;
}

/* Each worker's scratch is its own, aligned, and as large as was asked for. */
static void test_workers_have_scratch_of_their_own(void **state) {
    (void)state;
    static const size_t sizes[] = {1, 63, 64, 65, 4096, 100001};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        lm_error err = {0};
        lm_compute c = {.kernels = &kernels, .pool = pool};
        size_t n = sizes[i];
        unsigned char *of[3];
        assert_int_equal(lm_compute_reserve(&c, n, &err), LM_OK);
        for (int worker = 0; worker < 3; worker++) {
            lm_arena scratch = lm_compute_scratch(&c, worker), again = scratch;
            of[worker] = lm_arena_take(&scratch, n);
            assert_int_equal((uintptr_t)of[worker] % LM_ALIGNMENT, 0);
            assert_ptr_equal(of[worker], lm_arena_take(&again, 0));
            memset(of[worker], worker + 1, n);
        }
        for (int worker = 0; worker < 3; worker++)
            for (size_t k = 0; k < n; k++) assert_int_equal(of[worker][k], worker + 1);
        lm_compute_free(&c);
        lm_compute_free(&c);
    }
}

static void too_much(void *compute) {
    lm_arena scratch = lm_compute_scratch(compute, 0);
    lm_arena_take(&scratch, LM_ALIGNMENT + 1);
}
static void no_such_worker(void *compute) {
    lm_compute_scratch(compute, 3);
}
static void twice(void *compute) {
    lm_error err = {0};
    (void)lm_compute_reserve(compute, 1, &err);
}

static void test_misuse_aborts(void **state) {
    (void)state;
    lm_error err = {0};
    lm_compute c = {.kernels = &kernels, .pool = pool};
    assert_int_equal(lm_compute_reserve(&c, 1, &err), LM_OK);
    assert_true(lm_test_aborts(too_much, &c, "arena->capacity"));
    assert_true(lm_test_aborts(no_such_worker, &c, "lm_pool_threads"));
    assert_true(lm_test_aborts(twice, &c, "scratch.base == NULL"));
    lm_compute_free(&c);
}

static void test_sizes_that_do_not_fit(void **state) {
    (void)state;
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 63, SIZE_MAX / 2, SIZE_MAX / 8};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        lm_error err = {0};
        lm_compute c = {.kernels = &kernels, .pool = pool};
        assert_int_equal(lm_compute_reserve(&c, sizes[i], &err), LM_ERR_RUNTIME);
        assert_true(strlen(err.message) > 0);
        assert_null(c.scratch.base);
        lm_compute_free(&c);
    }
}

static void test_precisions(void **state) {
    (void)state;
    assert_string_equal(lm_precision_name(LM_FP32), "fp32");
    assert_string_equal(lm_precision_name(LM_BF16), "bf16");
    assert_null(lm_precision_name(LM_PRECISION_COUNT));
    assert_null(lm_precision_name(-1));
    lm_compute c = {.kernels = &kernels, .pool = pool};
    assert_true(lm_compute_peak_loop(&c) == kernels.peak_f32);
    c.precision = LM_BF16;
    assert_true(lm_compute_peak_loop(&c) == kernels.peak_bf16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_workers_have_scratch_of_their_own),
        cmocka_unit_test(test_misuse_aborts),
        cmocka_unit_test(test_sizes_that_do_not_fit),
        cmocka_unit_test(test_precisions),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#include "tests/support/test.h"

#include <string.h>

#include "base/arena.h"
#include "tests/support/aborts.h"

static void test_sizes_are_checked_and_pieces_aligned(void **state) {
    (void)state;
    size_t out = 5;
    assert_false(lm_size_mul(SIZE_MAX, 2, &out));
    assert_false(lm_size_add(SIZE_MAX, 1, &out));
    assert_int_equal(out, 5);
    assert_true(lm_size_mul(6, 7, &out) && out == 42);
    assert_true(lm_size_add(6, 7, &out) && out == 13);
    assert_int_equal(lm_size_align(0), 0);
    assert_int_equal(lm_size_align(65), 128);

    lm_error err = {0};
    lm_arena arena = {0};
    assert_int_equal(lm_arena_init(&arena, 4096, "test", &err), LM_OK);
    float *a = lm_arena_floats(&arena, 3), *b = lm_arena_take(&arena, 100);
    assert_int_equal((uintptr_t)a % LM_ALIGNMENT, 0);
    assert_int_equal((char *)b - (char *)a, 64);
    assert_true(a[0] == 0 && a[2] == 0 && b[24] == 0);
    assert_int_equal(arena.used, 64 + 128);
    lm_arena_free(&arena);
    lm_arena_free(&arena);
    assert_int_equal(lm_arena_init(&arena, SIZE_MAX - 5, "activations", &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "activations"));
    assert_non_null(strstr(err.message, "EiB"));
}

static void test_a_large_arena_is_zeroed(void **state) {
    (void)state;
    enum { MEGABYTE = 1 << 20 };
    lm_error err = {0};
    lm_arena arena;
    for (int round = 0; round < 2; round++) { /* memory that was used before comes back zeroed */
        assert_int_equal(lm_arena_init(&arena, 5 * MEGABYTE, "large", &err), LM_OK);
        unsigned char *p = lm_arena_take(&arena, 5 * MEGABYTE);
        for (size_t i = 0; i < 5 * MEGABYTE; i += 509) assert_int_equal(p[i], 0);
        memset(p, 0xff, 5 * MEGABYTE);
        lm_arena_free(&arena);
    }
}

static void take_a_byte(void *arena) {
    lm_arena_take(arena, 1);
}

static void take_nothing(void *arena) {
    lm_arena_take(arena, 0);
}

static void test_an_empty_arena_gives_empty_pieces(void **state) {
    (void)state;
    lm_error err = {0};
    lm_arena arena;
    assert_int_equal(lm_arena_init(&arena, 0, "nothing", &err), LM_OK);
    assert_non_null(lm_arena_take(&arena, 0)); /* no arithmetic on a null pointer */
    assert_int_equal(arena.capacity, 0);
    assert_true(lm_test_aborts(take_a_byte, &arena, "arena.c"));
    lm_arena_free(&arena);
}

static void take_everything(void *arena) {
    lm_arena_take(arena, SIZE_MAX);
}
static void take_too_many_floats(void *arena) {
    lm_arena_floats(arena, INT64_MAX);
}
static void take_fewer_than_none(void *arena) {
    lm_arena_floats(arena, -1);
}

static void test_running_out_is_our_mistake(void **state) {
    (void)state;
    lm_error err = {0};
    lm_arena arena = {0};
    assert_true(lm_test_aborts(take_nothing, &arena, "arena.c")); /* was never obtained */
    assert_int_equal(lm_arena_init(&arena, 128, "small", &err), LM_OK);
    lm_arena_take(&arena, 64);
    assert_false(lm_test_aborts(take_a_byte, &arena, ""));
    assert_true(lm_test_aborts(take_everything, &arena, "arena.c"));
    assert_true(lm_test_aborts(take_too_many_floats, &arena, "arena.c"));
    assert_true(lm_test_aborts(take_fewer_than_none, &arena, "arena.c"));
    lm_arena_take(&arena, 1);
    assert_true(lm_test_aborts(take_a_byte, &arena, "arena.c"));
    lm_arena_free(&arena);
}

/* The pieces of a thing, as its owner takes them. */
static float *take_pieces(lm_arena *arena, int64_t n) {
    lm_arena_take(arena, 1);
    lm_arena_floats(arena, n);
    lm_arena_floats(arena, 0);
    return lm_arena_array(arena, n, 3, sizeof(float));
}

static void test_taking_uses_what_measuring_counted(void **state) {
    (void)state;
    for (int64_t n = 0; n < 100; n += 7) {
        lm_error err = {0};
        lm_arena arena, measure = lm_arena_measuring();
        assert_null(take_pieces(&measure, n));
        assert_int_equal(lm_arena_init(&arena, measure.used, "pieces", &err), LM_OK);
        float *last = take_pieces(&arena, n);
        assert_non_null(last);
        assert_int_equal(arena.used, arena.capacity);
        lm_arena view = lm_arena_over(arena.base, arena.capacity);
        assert_ptr_equal(take_pieces(&view, n), last);
        lm_arena_free(&arena);
        lm_arena_free(&measure);
    }
}

static void test_measuring_reports_an_overflow(void **state) {
    (void)state;
    lm_error err = {0};
    lm_arena measure = lm_arena_measuring(), arena;
    lm_arena_take(&measure, SIZE_MAX / 2);
    lm_arena_take(&measure, SIZE_MAX / 2);
    assert_int_equal(measure.used, SIZE_MAX);
    lm_arena_take(&measure, 1); /* and stays so */
    assert_int_equal(measure.used, SIZE_MAX);
    measure = lm_arena_measuring();
    lm_arena_array(&measure, INT64_MAX, INT64_MAX, 1);
    assert_int_equal(measure.used, SIZE_MAX);
    assert_int_equal(lm_arena_init(&arena, measure.used, "too much", &err), LM_ERR_RUNTIME);
    measure = lm_arena_measuring();
    lm_arena_floats(&measure, INT64_MAX);
    assert_int_equal(measure.used, SIZE_MAX);
    assert_true(lm_test_aborts(take_fewer_than_none, &measure, "arena.c"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_are_checked_and_pieces_aligned),
        cmocka_unit_test(test_a_large_arena_is_zeroed),
        cmocka_unit_test(test_an_empty_arena_gives_empty_pieces),
        cmocka_unit_test(test_running_out_is_our_mistake),
        cmocka_unit_test(test_taking_uses_what_measuring_counted),
        cmocka_unit_test(test_measuring_reports_an_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Checkpoints cut off and with flipped bits: always noticed, never a crash, and the one before it
 * is used. */
#include "tests/support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/rng.h"
#include "checkpoint/checkpoint.h"
#include "tests/support/tempdir.h"

enum { COUNT = 3000, ARRAYS = 3 };

static char *old, *new; /* two checkpoints; damage is done to the new one */
static lm_pool *pool;
static lm_text whole;
static uint64_t structure[2 * ARRAYS + 4][2]; /* [from, to) of what is not compressed data */
static int structures;

static int set_up(void **state) {
    lm_error err = {0};
    lm_rng rng = {.seed = 1, .purpose = LM_RNG_TEST};
    static float data[ARRAYS][COUNT];
    lm_checkpoint_array arrays[ARRAYS];
    tempdir_open(state);
    old = lm_checkpoint_path(tempdir, 1);
    new = lm_checkpoint_path(tempdir, 2);
    if (!old || !new || lm_pool_create(&pool, 1, &err) != LM_OK) return -1;
    for (int i = 0; i < ARRAYS; i++) {
        for (int j = 0; j < COUNT; j++)
            data[i][j] = (float)(0.02 * lm_rng_normal(&rng, (uint64_t)(i * COUNT + j)));
        arrays[i] =
            (lm_checkpoint_array){.ndim = 1, .shape = {i == 1 ? 70 : COUNT}, .data = data[i]};
        snprintf(arrays[i].name, sizeof arrays[i].name, "h.%d/weight", i);
    }
    if (lm_checkpoint_write(old, arrays, ARRAYS, NULL, 0, "{\"step\": 1}", pool, NULL, &err) !=
            LM_OK ||
        lm_checkpoint_write(new, arrays, ARRAYS, NULL, 0, "{\"step\": 2}", pool, NULL, &err) !=
            LM_OK)
        return -1;
    return lm_file_read(new, 1 << 20, &whole, &err) == LM_OK ? 0 : -1;
}

static int tear_down(void **state) {
    lm_pool_free(pool);
    lm_text_free(&whole);
    free(old);
    free(new);
    return tempdir_close(state);
}

static void add(uint64_t from, uint64_t to) {
    structure[structures][0] = from;
    structure[structures++][1] = to < whole.length ? to : whole.length;
}

/* Local headers with the .npy headers behind them, trailers, and all from meta.json on. */
static void find_structure(void) {
    static const char magic[] = "PK\3\4";
    const char *end = whole.data + whole.length, *at = whole.data;
    structures = 0;
    for (int i = 0; i <= ARRAYS; i++) {
        at = memmem(at, (size_t)(end - at), magic, 4);
        assert_non_null(at);
        uint64_t from = (uint64_t)(at - whole.data);
        if (from > 0 && i < ARRAYS) add(from - 8, from);
        add(from, i == ARRAYS ? whole.length : from + 30 + 14 + 5 + 128);
        at += 4;
    }
}

static void put(uint64_t offset, const char *bytes, size_t n) {
    int fd = open(new, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, n, (off_t)offset), n);
    close(fd);
}

static void expect_noticed(const char *what, uint64_t offset) {
    lm_error err = {0};
    if (lm_checkpoint_check(new, pool, &err) == LM_OK)
        fail_msg("%s at %llu was not noticed", what, (unsigned long long)offset);
    assert_true(err.damaged);
    assert_non_null(strstr(err.message, new));
}

static void expect_fallback(void) {
    lm_error err = {0};
    lm_text skipped = {0};
    char *path = NULL;
    assert_int_equal(lm_checkpoint_newest(tempdir, pool, &path, &skipped, &err), LM_OK);
    assert_string_equal(path, old);
    assert_non_null(strstr(lm_text_cstr(&skipped), new));
    lm_text_free(&skipped);
    free(path);
}

static void flip(uint64_t offset, int bit) {
    char byte = (char)(whole.data[offset] ^ 1 << bit);
    put(offset, &byte, 1);
    expect_noticed("a flip", offset);
    if (offset % 64 == 0) expect_fallback();
    put(offset, &whole.data[offset], 1);
}

static void expect_good(void) {
    lm_error err = {0};
    if (lm_checkpoint_check(new, pool, &err) != LM_OK) fail_msg("%s", err.message);
}

static void test_any_flipped_bit_of_the_structure_is_found(void **state) {
    (void)state;
    find_structure();
    expect_good();
    for (int i = 0; i < structures; i++)
        for (uint64_t at = structure[i][0]; at < structure[i][1]; at++)
            for (int bit = 0; bit < 8; bit++) flip(at, bit);
    expect_good();
}

static void test_random_flipped_bits_are_found(void **state) {
    (void)state;
    lm_rng rng = {.seed = 5, .purpose = LM_RNG_TEST};
    for (uint64_t i = 0; i < 10000; i++)
        flip((uint64_t)(lm_rng_uniform(&rng, 2 * i) * (double)whole.length),
             (int)(8 * lm_rng_uniform(&rng, 2 * i + 1)));
    expect_good();
}

static void cut(uint64_t length) {
    assert_int_equal(truncate(new, (off_t)length), 0);
    expect_noticed("a cut", length);
    if (length % 64 == 0) expect_fallback();
    put(length, whole.data + length, whole.length - length);
}

static void test_truncated_files_are_found(void **state) {
    (void)state;
    lm_rng rng = {.seed = 6, .purpose = LM_RNG_TEST};
    find_structure();
    for (int i = 0; i < structures; i++)
        for (uint64_t at = structure[i][0]; at < structure[i][1]; at++) cut(at);
    for (uint64_t i = 0; i < 1000; i++)
        cut((uint64_t)(lm_rng_uniform(&rng, i) * (double)whole.length));
    expect_good();
    put(whole.length, "x", 1); /* and something behind the end */
    expect_noticed("a byte too many", whole.length);
    expect_fallback();
}

/* Cut off, or replaced by other bytes, while somebody has it open. */
static void test_a_file_that_changes_while_it_is_read_is_found(void **state) {
    (void)state;
    lm_error err = {0};
    lm_checkpoint *c = NULL;
    assert_int_equal(lm_file_replace(new, whole.data, whole.length, &err), LM_OK);
    assert_int_equal(lm_checkpoint_open(&c, new, &err), LM_OK);
    assert_int_equal(lm_checkpoint_verify(c, pool, &err), LM_OK);
    assert_int_equal(truncate(new, 5000), 0);
    assert_int_equal(lm_checkpoint_verify(c, pool, &err), LM_ERR_RUNTIME);
    assert_true(err.damaged);
    assert_non_null(strstr(err.message, "the file ends before it"));
    put(0, whole.data, whole.length);
    assert_int_equal(lm_checkpoint_verify(c, pool, &err), LM_OK);
    lm_checkpoint_close(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_flipped_bit_of_the_structure_is_found),
        cmocka_unit_test(test_random_flipped_bits_are_found),
        cmocka_unit_test(test_truncated_files_are_found),
        cmocka_unit_test(test_a_file_that_changes_while_it_is_read_is_found),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

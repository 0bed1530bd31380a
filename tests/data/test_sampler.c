#include "tests/support/test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/file.h"
#include "data/sampler.h"
#include "tests/support/shards.h"
#include "tests/support/tempdir.h"

static const lm_corpus_options nothing_said;

static void test_permutation_is_a_bijection(void **state) {
    (void)state;
    static const int64_t sizes[] = {1, 2, 3, 5, 16, 17, 100, 1000, 65537};
    for (size_t k = 0; k < sizeof sizes / sizeof *sizes; k++) {
        int64_t n = sizes[k], fixed = 0;
        char *seen = calloc((size_t)n, 1);
        assert_non_null(seen);
        for (int64_t i = 0; i < n; i++) {
            int64_t j = lm_permute(42, 0, 3, n, i);
            assert_in_range(j, 0, n - 1);
            assert_int_equal(seen[j]++, 0);
            fixed += i == j;
        }
        if (n >= 1000) assert_true(fixed < 20); /* about 1 is expected of a random one */
        free(seen);
    }
}

static void test_epochs_and_seeds_differ(void **state) {
    (void)state;
    enum { N = 1000 };
    int same_epoch = 0, same_seed = 0;
    for (int64_t i = 0; i < N; i++) {
        same_epoch += lm_permute(1, 0, 0, N, i) == lm_permute(1, 0, 1, N, i);
        same_seed += lm_permute(1, 0, 0, N, i) == lm_permute(2, 0, 0, N, i);
    }
    assert_true(same_epoch < 20 && same_seed < 20);
    /* Pinned: resumed runs of older versions must find the same order. */
    assert_int_equal(lm_permute(1, 0, 0, N, 0), 97);
    assert_int_equal(lm_permute(1, 0, 7, N, 999), 311);
}

/* Sources of the same size do not go through their windows in the same order. */
static void test_streams_differ(void **state) {
    (void)state;
    enum { N = 1000 };
    int same = 0;
    for (int64_t i = 0; i < N; i++) same += lm_permute(1, 0, 0, N, i) == lm_permute(1, 1, 0, N, i);
    assert_true(same < 20);
}

/* Windows of many shards, of which some hold none. */
static void test_windows_are_found_in_many_shards(void **state) {
    (void)state;
    lm_error err = {0};
    lm_corpus *c;
    lm_sampler s;
    int32_t ids[8];
    int64_t window = 0;
    assert_int_equal(lm_file_make_directory(shards_in("shards"), &err), LM_OK);
    for (int i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "shards/%02d.bin", i);
        shards_put(shards_in(name), 1 + i * i % 23, 100 * i, 4000);
    }
    assert_int_equal(lm_corpus_open(&c, shards_in("shards"), &nothing_said, &err), LM_OK);
    const lm_sampler_options how = {.context_length = 7};
    assert_int_equal(lm_sampler_init(&s, c, &how, &err), LM_OK);
    for (int i = 0; i < 20; i++)
        for (int k = 0; k < i * i % 23 / 7; k++) {
            assert_int_equal(lm_sampler_window(&s, window++, ids, &err), LM_OK);
            assert_true(ids[0] == 100 * i + 7 * k && ids[7] == 100 * i + 7 * k + 7);
        }
    assert_int_equal(window, s.windows);
    lm_sampler_free(&s);
    lm_sampler_free(&s);
    lm_corpus_close(c);
}

/* A sparse file of 5 GiB: offsets beyond 32 bits. */
static void test_large_files(void **state) {
    (void)state;
    lm_error err = {0};
    lm_corpus *c;
    const char *path = shards_in("large.bin");
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    assert_true(fd >= 0);
    off_t size = (off_t)5 << 30;
    int refused = ftruncate(fd, size) != 0 || pwrite(fd, "\x34\x12", 2, size - 2) != 2;
    close(fd);
    if (refused) skip();
    assert_int_equal(lm_corpus_open(&c, path, &nothing_said, &err), LM_OK);
    lm_sampler s;
    int32_t ids[1025];
    assert_int_equal(lm_sampler_init(&s, c, &(lm_sampler_options){.context_length = 1}, &err),
                     LM_OK);
    assert_int_equal(s.windows, size / 2 - 1);
    assert_int_equal(lm_sampler_window_in_order(&s, s.windows - 1, ids, &err), LM_OK);
    assert_true(ids[0] == 0 && ids[1] == 0x1234);
    lm_sampler_free(&s);
    lm_corpus_close(c);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_permutation_is_a_bijection),
        cmocka_unit_test(test_epochs_and_seeds_differ),
        cmocka_unit_test(test_streams_differ),
        cmocka_unit_test(test_windows_are_found_in_many_shards),
        cmocka_unit_test(test_large_files),
    };
    return cmocka_run_group_tests(tests, tempdir_open, shards_close);
}

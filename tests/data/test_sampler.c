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

/* Behind the window come ids from `first` on, up to `end`, and then none. */
static void expect_behind(const lm_sampler *s, int64_t window, int32_t first, int32_t end) {
    lm_error err = {0};
    int32_t ids[9];
    for (int n = 0; n <= 9; n++) {
        assert_int_equal(lm_sampler_behind(s, window, n, ids, &err), LM_OK);
        for (int i = 0; i < n; i++) assert_int_equal(ids[i], first + i < end ? first + i : -1);
    }
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
            expect_behind(&s, window - 1, 100 * i + 7 * k + 8, 100 * i + 1 + i * i % 23);
        }
    assert_int_equal(window, s.windows);
    lm_sampler_free(&s);
    lm_sampler_free(&s);
    lm_corpus_close(c);
}

/* ---- offsets ----------------------------------------------------------------------------------*/

/* Shards of n tokens, context 10: in each epoch the same number of windows, back to back from one
 * offset on, all inside; over the epochs every offset that leaves room, and every token. */
static void expect_offsets(int64_t n, int64_t windows, int64_t offsets) {
    enum { EPOCHS = 600 };
    lm_error err = {0};
    lm_corpus *c;
    lm_sampler s;
    int32_t ids[11];
    char name[32], used[64] = {0};
    int64_t seen[64] = {0};
    snprintf(name, sizeof name, "offsets%d.bin", (int)n);
    shards_put(shards_in(name), n, 0, 100);
    assert_int_equal(lm_corpus_open(&c, shards_in(name), &nothing_said, &err), LM_OK);
    const lm_sampler_options how = {
        .context_length = 10, .shuffle = true, .offsets = true, .seed = 5};
    assert_int_equal(lm_sampler_init(&s, c, &how, &err), LM_OK);
    assert_int_equal(s.windows, windows);
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        int64_t offset = lm_sampler_offset(&s, epoch, 0), places = 0;
        assert_in_range(offset, 0, offsets - 1);
        seen[offset]++;
        for (int64_t i = 0; i < windows; i++) {
            assert_int_equal(lm_sampler_window(&s, epoch * windows + i, ids, &err), LM_OK);
            assert_int_equal((ids[0] - offset) % 10, 0);
            places |= (int64_t)1 << (ids[0] - offset) / 10;
            for (int k = 0; k < 11; k++) used[ids[k]] = 1;
        }
        assert_int_equal(places, ((int64_t)1 << windows) - 1);
    }
    for (int64_t i = 0; i < offsets; i++) /* about EPOCHS / offsets each: five deviations */
        assert_in_range(seen[i], 1, EPOCHS / offsets + 5 * 25);
    for (int64_t i = 0; i < n; i++) assert_true(used[i]);
    lm_sampler_free(&s);
    lm_corpus_close(c);
}

static void test_offsets_leave_out_nothing(void **state) {
    (void)state;
    expect_offsets(11, 1, 1); /* one window fits, at one place */
    expect_offsets(15, 1, 5);
    expect_offsets(20, 1, 10); /* one of two would fit at one place only */
    expect_offsets(21, 1, 11);
    expect_offsets(29, 1, 19);
    expect_offsets(30, 2, 10);
    expect_offsets(55, 4, 15);
}

/* Pure functions of seed, stream, epoch and shard; pinned, since runs that are resumed with a later
 * version must find the same windows. */
static void test_offsets_are_drawn_for_each_shard_and_epoch(void **state) {
    (void)state;
    lm_error err = {0};
    lm_corpus *c;
    lm_sampler s;
    enum { EPOCHS = 50 };
    int64_t drawn[4][EPOCHS];
    assert_int_equal(lm_file_make_directory(shards_in("two"), &err), LM_OK);
    shards_put(shards_in("two/a.bin"), 3000, 0, 100);
    shards_put(shards_in("two/b.bin"), 3000, 0, 100);
    shards_put(shards_in("two/c.bin"), 10, 0, 100);
    assert_int_equal(lm_corpus_open(&c, shards_in("two"), &nothing_said, &err), LM_OK);
    for (int i = 0; i < 4; i++) {
        const lm_sampler_options how = {.context_length = 1000,
                                        .shuffle = true,
                                        .offsets = true,
                                        .seed = i == 1 ? 2 : 1,
                                        .stream = i == 2};
        assert_int_equal(lm_sampler_init(&s, c, &how, &err), LM_OK);
        assert_int_equal(s.windows, 4);
        for (int64_t e = 0; e < EPOCHS; e++) drawn[i][e] = lm_sampler_offset(&s, e, i == 3);
        lm_sampler_free(&s);
    }
    for (int i = 0; i < 4; i++)
        for (int k = 0; k < i; k++) {
            int same = 0;
            for (int e = 0; e < EPOCHS; e++) same += drawn[i][e] == drawn[k][e];
            assert_true(same < 5);
        }
    assert_int_equal(drawn[0][0], 783);
    assert_int_equal(drawn[3][7], 945);
    lm_text unused = {0}, expected = {0};
    const lm_sampler_options how = {.context_length = 1000, .shuffle = true, .offsets = true};
    assert_int_equal(lm_sampler_init(&s, c, &how, &err), LM_OK);
    lm_sampler_print_unused(&s, &unused);
    lm_text_printf(&expected,
                   "not used of %s: 10 tokens (0.17%%) in 1 of 3 shards, shorter than a window of"
                   " 1001; 1998 tokens (33%%) in each epoch, other ones each time\n",
                   shards_in("two"));
    assert_string_equal(unused.data, expected.data);
    lm_text_free(&unused);
    lm_text_free(&expected);
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
        cmocka_unit_test(test_offsets_leave_out_nothing),
        cmocka_unit_test(test_offsets_are_drawn_for_each_shard_and_epoch),
        cmocka_unit_test(test_large_files),
    };
    return cmocka_run_group_tests(tests, tempdir_open, shards_close);
}

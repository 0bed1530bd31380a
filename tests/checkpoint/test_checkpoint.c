#include "tests/support/test.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <zlib.h>

#include "base/bytes.h"
#include "base/digest.h"
#include "base/file.h"
#include "base/rng.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/planes.h"
#include "checkpoint/zip.h"
#include "tests/support/tempdir.h"

static lm_pool *pools[4]; /* by threads */

static int set_up(void **state) {
    lm_error err = {0};
    tempdir_open(state);
    for (int i = 1; i <= 3; i++)
        if (lm_pool_create(&pools[i], i, &err) != LM_OK) return -1;
    return 0;
}
static int tear_down(void **state) {
    for (int i = 1; i <= 3; i++) lm_pool_free(pools[i]);
    return tempdir_close(state);
}

static float *random_floats(int64_t n, uint64_t seed) {
    lm_rng rng = {.seed = seed, .purpose = LM_RNG_TEST};
    float *x = malloc((size_t)(n + 1) * sizeof *x);
    assert_non_null(x);
    for (int64_t i = 0; i < n; i++) x[i] = (float)(0.02 * lm_rng_normal(&rng, (uint64_t)i));
    return x;
}

#define META "{\n  \"step\": 12\n}"

enum { N_ARRAYS = 6 };

/* Several chunks, one chunk, specials, zeros, a scalar and nothing. */
static void make_arrays(lm_checkpoint_array arrays[N_ARRAYS]) {
    int64_t big = 2 * LM_PLANE_CHUNK + 1234;
    lm_checkpoint_array rows[N_ARRAYS] = {
        {"wte.weight", 2, {2, big / 2, 0, 0}, random_floats(big, 1)},
        {"h.0.attn/qkv", 3, {3, 5, 7, 0}, random_floats(105, 2)},
        {"special", 1, {8, 0, 0, 0}, random_floats(8, 3)},
        {"zeros", 1, {100000, 0, 0, 0}, random_floats(100000, 4)},
        {"scalar", 0, {0}, random_floats(1, 5)},
        {"nothing", 2, {0, 4, 0, 0}, random_floats(0, 6)},
    };
    const float special[8] = {0.0f, -0.0f, INFINITY, -INFINITY, 0x1p-149f, -0x1p-130f, 1, 3.4e38f};
    const uint32_t nan = 0x7fc12345;
    memcpy(rows[2].data, special, sizeof special);
    memcpy(&rows[2].data[6], &nan, sizeof nan);
    memset(rows[3].data, 0, 100000 * sizeof(float));
    memcpy(arrays, rows, sizeof rows);
}

static int64_t count_of(const lm_checkpoint_array *a) {
    int64_t n = 1;
    for (int d = 0; d < a->ndim; d++) n *= a->shape[d];
    return n;
}

/* The same names and shapes over fresh memory. */
static void make_targets(const lm_checkpoint_array *from, lm_checkpoint_array *to, int n) {
    for (int i = 0; i < n; i++) {
        to[i] = from[i];
        to[i].data = calloc((size_t)count_of(&from[i]) + 1, sizeof(float));
        assert_non_null(to[i].data);
    }
}

static void free_arrays(lm_checkpoint_array *arrays, int n) {
    for (int i = 0; i < n; i++) free(arrays[i].data);
}

static bool same(const lm_checkpoint_array *a, const lm_checkpoint_array *b, int n) {
    for (int i = 0; i < n; i++)
        if (memcmp(a[i].data, b[i].data, (size_t)count_of(&a[i]) * sizeof(float)) != 0)
            return false;
    return true;
}

static char *in(const char *name) {
    return lm_file_join(tempdir, name);
}

static void test_round_trip_on_any_number_of_threads(void **state) {
    (void)state;
    lm_error err = {0};
    lm_checkpoint_array arrays[N_ARRAYS], targets[N_ARRAYS];
    lm_mapping first, map;
    make_arrays(arrays);
    for (int threads = 1; threads <= 3; threads++) {
        char name[16];
        uint64_t bytes;
        snprintf(name, sizeof name, "t%d.npz", threads);
        char *path = in(name);
        assert_int_equal(lm_checkpoint_write(path, arrays, N_ARRAYS, NULL, 0, META, pools[threads],
                                             &bytes, &err),
                         LM_OK);
        assert_int_equal(lm_file_map(&map, path, &err), LM_OK);
        assert_int_equal(map.size, bytes);
        if (threads == 1) {
            first = map;
        } else {
            assert_int_equal(map.size, first.size);
            assert_memory_equal(map.data, first.data, map.size);
            lm_file_unmap(&map);
        }
        lm_checkpoint *c;
        if (lm_checkpoint_open(&c, path, &err) != LM_OK) fail_msg("%s", err.message);
        assert_int_equal(lm_checkpoint_count(c), N_ARRAYS);
        assert_string_equal(lm_checkpoint_entry_at(c, 1)->array.name, "h.0.attn/qkv");
        assert_int_equal(lm_checkpoint_entry_at(c, 1)->array.shape[2], 7);
        assert_true(strncmp(lm_checkpoint_meta(c), "{\n  \"step\": 12,\n  \"arrays\": [", 29) == 0);
        make_targets(arrays, targets, N_ARRAYS);
        if (lm_checkpoint_read(c, targets, N_ARRAYS, pools[threads], &err) != LM_OK)
            fail_msg("%s", err.message);
        assert_true(same(arrays, targets, N_ARRAYS));
        if (lm_checkpoint_verify(c, pools[threads], &err) != LM_OK) fail_msg("%s", err.message);
        free_arrays(targets, N_ARRAYS);
        lm_checkpoint_close(c);
        free(path);
    }
    lm_file_unmap(&first);
    free_arrays(arrays, N_ARRAYS);
    lm_checkpoint_close(NULL);
}

static void test_a_missing_array_is_an_error(void **state) {
    (void)state;
    lm_error err = {0};
    lm_checkpoint_array a = {"a", 2, {2, 3, 0, 0}, random_floats(6, 1)};
    char *path = in("ask.npz");
    lm_checkpoint *c;
    assert_int_equal(lm_checkpoint_write(path, &a, 1, NULL, 0, "{}", pools[2], NULL, &err), LM_OK);
    assert_int_equal(lm_checkpoint_open(&c, path, &err), LM_OK);
    lm_checkpoint_array want = a;
    want.shape[1] = 4;
    assert_int_equal(lm_checkpoint_read(c, &want, 1, pools[2], &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "array a: expected shape [2, 4], found [2, 3]"));
    strcpy(want.name, "b");
    assert_int_equal(lm_checkpoint_read(c, &want, 1, pools[2], &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "expected an array b, found none"));
    strcpy(want.name, "c\x1b[2J"); /* a name may come from a foreign file */
    assert_int_equal(lm_checkpoint_read(c, &want, 1, pools[2], &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "expected an array c\\x1b[2J, found none"));
    assert_int_equal(lm_checkpoint_read(c, NULL, 0, pools[2], &err), LM_OK);
    lm_checkpoint_close(c);
    free(path);
    free(a.data);
}

/* Opens, verifies and reads; true when the file was found damaged. Whatever it is told is right
 * must be right. */
static bool detected(const char *path, const lm_checkpoint_array *arrays, int n) {
    lm_error err = {0};
    lm_checkpoint *c = NULL;
    lm_checkpoint_array targets[N_ARRAYS];
    bool found = lm_checkpoint_open(&c, path, &err) != LM_OK ||
                 lm_checkpoint_verify(c, pools[1], &err) != LM_OK;
    if (found) assert_non_null(strstr(err.message, path));
    if (!found) {
        make_targets(arrays, targets, n);
        assert_int_equal(lm_checkpoint_read(c, targets, n, pools[1], &err), LM_OK);
        assert_true(same(arrays, targets, n));
        free_arrays(targets, n);
    }
    lm_checkpoint_close(c);
    return found;
}

static void test_a_failed_write_leaves_the_old_file(void **state) {
    (void)state;
    lm_error err = {0};
    lm_checkpoint_array old = {"a", 1, {10, 0, 0, 0}, random_floats(10, 1)};
    lm_checkpoint_array new = {"a", 1, {500000, 0, 0, 0}, random_floats(500000, 2)};
    char *path = in("step-0000000001.npz"), *temporary = in("step-0000000001.npz.tmp");
    assert_int_equal(lm_checkpoint_write(path, &old, 1, NULL, 0, META, pools[2], NULL, &err),
                     LM_OK);
    struct rlimit before, small;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    for (rlim_t limit = 0; limit < 1700000; limit += 340000) {
        small.rlim_cur = limit + 100;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        lm_status status = lm_checkpoint_write(path, &new, 1, NULL, 0, META, pools[2], NULL, &err);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(status, LM_ERR_RUNTIME);
        assert_non_null(strstr(err.message, "File too large"));
        assert_false(lm_file_exists(temporary));
        assert_false(detected(path, &old, 1));
    }
    assert_int_equal(lm_file_remove(path, &err), LM_OK);
    free(temporary);
    free(path);
    free(old.data);
    free(new.data);
}

/* ZIP64 records, on figures alone: sizes and offsets beyond 4 GiB, more than 65535 members. */
static void test_zip64_records(void **state) {
    (void)state;
    lm_text out = {0};
    lm_zip_member m = {.name = "a.npy",
                       .method = 8,
                       .stored = (uint64_t)5 << 30,
                       .raw = (uint64_t)6 << 30,
                       .offset = (uint64_t)7 << 30};
    lm_zip_local_print(&m, &out);
    assert_int_equal(out.length, lm_zip_local_size(&m));
    assert_int_equal(out.length, 30 + 5 + 20);
    size_t local = out.length;
    lm_zip_end_print(&m, 1, (uint64_t)12 << 30, 0, &out);
    assert_int_equal(out.length - local, 46 + 5 + 28 + 56 + 20 + 22 + 30);
    lm_text_free(&out);
}

/* Python's zipfile and zipinfo, where they are installed: names, sizes, offsets. */
static void expect_other_readers_see(const char *path, const lm_zip_member *m, int n) {
    lm_text script = {0}, command = {0};
    lm_text_printf(&script,
                   "import zipfile\nz = zipfile.ZipFile('%s').infolist()\nassert"
                   " [(i.filename, i.file_size, i.compress_size, i.header_offset)"
                   " for i in z] == [",
                   path);
    for (int i = 0; i < n; i++)
        lm_text_printf(&script, "('%s', %llu, %llu, %llu), ", m[i].name,
                       (unsigned long long)m[i].raw, (unsigned long long)m[i].stored,
                       (unsigned long long)m[i].offset);
    lm_text_printf(
        &command,
        "if command -v python3 >/dev/null; then python3 -c \"%s]\" || exit 1; fi;"
        " if command -v zipinfo >/dev/null; then test \"$(zipinfo -1 '%s' | tr '\n' ' ')\""
        " = 'a.npy b.npy meta.json ' || exit 1; fi",
        lm_text_cstr(&script), path);
    assert_int_equal(system(lm_text_cstr(&command)), 0);
    lm_text_free(&script);
    lm_text_free(&command);
}

/* A file of 10 GiB with holes for data: the records of members beyond 4 GiB are found again, and a
 * wrong bit in any of them is not believed. */
static void test_a_file_beyond_4_gib(void **state) {
    (void)state;
    lm_error err = {0};
    lm_text end = {0}, local = {0};
    lm_zip_member m[3] = {
        {.name = "a.npy", .stored = (uint64_t)5 << 30, .raw = (uint64_t)5 << 30, .crc32 = 1},
        {.name = "b.npy", .stored = (uint64_t)5 << 30, .raw = (uint64_t)5 << 30, .crc32 = 2},
        {.name = "meta.json", .stored = 2, .raw = 2, .crc32 = 3}};
    char *path = in("large.npz");
    lm_file_writer w;
    uint64_t at = 0;
    assert_int_equal(lm_file_writer_open(&w, path, &err), LM_OK);
    for (int i = 0; i < 3; i++) {
        m[i].offset = at;
        local.length = 0;
        lm_zip_local_print(&m[i], &local);
        assert_int_equal(lm_file_writer_write_at(&w, at, local.data, local.length, &err), LM_OK);
        at += local.length + m[i].stored;
    }
    /* The last member and, from `at` on, what describes all. */
    lm_text_append(&end, local.data, local.length);
    lm_text_append(&end, "\0\0", m[2].stored);
    size_t before = end.length;
    lm_zip_end_print(m, 3, at, 0, &end);
    assert_int_equal(lm_file_writer_write_at(&w, m[2].offset, end.data, end.length, &err), LM_OK);
    assert_int_equal(lm_file_writer_commit(&w, &err), LM_OK);

    lm_file_reader file;
    lm_zip_member *found = NULL;
    size_t n = 0;
    assert_int_equal(lm_file_reader_open(&file, path, &err), LM_OK);
    assert_true(file.size > (uint64_t)10 << 30);
    if (lm_zip_parse(&file, &found, &n, &err) != LM_OK) fail_msg("%s", err.message);
    assert_int_equal(n, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(found[i].name, m[i].name);
        assert_true(found[i].offset == m[i].offset && found[i].stored == m[i].stored &&
                    found[i].raw == m[i].raw);
    }
    free(found);
    expect_other_readers_see(path, m, 3);
    for (size_t i = 0; i < end.length; i++) {
        int fd = open(path, O_RDWR);
        char wrong = (char)(end.data[i] ^ 1 << i % 8);
        assert_int_equal(pwrite(fd, &wrong, 1, (off_t)(at - before + i)), 1);
        assert_int_equal(lm_zip_parse(&file, &found, &n, &err), LM_ERR_RUNTIME);
        assert_true(err.damaged);
        assert_int_equal(pwrite(fd, &end.data[i], 1, (off_t)(at - before + i)), 1);
        close(fd);
    }
    lm_file_reader_close(&file);
    assert_int_equal(lm_file_remove(path, &err), LM_OK);
    lm_text_free(&end);
    lm_text_free(&local);
    free(path);
}

static void put_digest(lm_text *file, const char *label, size_t from) {
    char comment[31];
    size_t covered = file->length - 30;
    snprintf(comment, sizeof comment, "%s%016" PRIx64, label,
             lm_digest_of(file->data + from, covered - from));
    memcpy(file->data + covered, comment, 30);
}

/* meta.json with a CRC-32 that is right and other contents is found by the file's digest; a file of
 * before, whose digest begins at the directory, is read still. */
static void test_the_digest_of_the_file(void **state) {
    (void)state;
    lm_error err = {0};
    lm_text file = {0};
    char *path = in("whole.npz");
    lm_checkpoint_array a = {"a", 1, {10, 0, 0, 0}, random_floats(10, 1)};
    assert_int_equal(lm_checkpoint_write(path, &a, 1, NULL, 0, META, pools[1], NULL, &err), LM_OK);
    assert_int_equal(lm_file_read(path, 1 << 20, &file, &err), LM_OK);
    size_t start = lm_read_u32((unsigned char *)file.data + file.length - 30 - 22 + 16);
    char *second = memmem(file.data + start + 1, file.length - start - 1, "PK\1\2", 4);
    assert_non_null(second);
    size_t last = lm_read_u32((unsigned char *)second + 42);

    char comment[30];
    memcpy(comment, file.data + file.length - 30, 30);
    put_digest(&file, "lmtrain whole=", last);
    assert_memory_equal(comment, file.data + file.length - 30, 30);
    put_digest(&file, "lmtrain xxh64=", start);
    assert_int_equal(lm_file_replace(path, file.data, file.length, &err), LM_OK);
    if (lm_checkpoint_check(path, pools[1], &err) != LM_OK) fail_msg("%s", err.message);

    memcpy(file.data + file.length - 30, comment, 30);
    char *digit = memmem(file.data + last, start - last, "12", 2);
    assert_non_null(digit);
    *digit = '3'; /* "step": 32 */
    const size_t body = last + 30 + strlen("meta.json");
    uint32_t crc = (uint32_t)crc32_z(0, (unsigned char *)file.data + body, start - body);
    lm_write_u32((unsigned char *)second + 16, crc);
    lm_write_u32((unsigned char *)file.data + last + 14, crc);
    assert_int_equal(lm_file_replace(path, file.data, file.length, &err), LM_OK);
    assert_int_equal(lm_checkpoint_check(path, pools[1], &err), LM_ERR_RUNTIME);
    assert_true(err.damaged);
    assert_non_null(strstr(err.message, "the digest of its last member and the directory is"));
    lm_text_free(&file);
    free(path);
    free(a.data);
}

/* A text is a member that any ZIP tool reads; a changed byte in it is found. */
static void test_texts(void **state) {
    (void)state;
    lm_error err = {0};
    lm_checkpoint *c;
    float x[2] = {1, 2};
    lm_checkpoint_array a = {"a", 1, {2, 0, 0, 0}, x};
    const lm_checkpoint_text texts[] = {{"tokenizer.json", "{\"a\": 1}", 8}, {"other", "", 0}};
    lm_text found = {0}, file = {0};
    bool there;
    char *path = lm_file_join(tempdir, "texts.npz");
    assert_int_equal(lm_checkpoint_write(path, &a, 1, texts, 2, "{}", pools[1], NULL, &err), LM_OK);
    assert_int_equal(lm_checkpoint_open(&c, path, &err), LM_OK);
    assert_int_equal(lm_checkpoint_count(c), 1);
    assert_int_equal(lm_checkpoint_read_text(c, "tokenizer.json", &there, &found, &err), LM_OK);
    assert_true(there);
    assert_string_equal(lm_text_cstr(&found), "{\"a\": 1}");
    assert_int_equal(lm_checkpoint_read_text(c, "none", &there, &found, &err), LM_OK);
    assert_false(there);
    assert_int_equal(lm_checkpoint_verify(c, pools[1], &err), LM_OK);
    lm_checkpoint_close(c);
    assert_int_equal(lm_file_read(path, 1 << 20, &file, &err), LM_OK);
    char *at = memmem(file.data, file.length, "{\"a\": 1}", 8);
    assert_non_null(at);
    at[6] = '2';
    assert_int_equal(lm_file_replace(path, file.data, file.length, &err), LM_OK);
    assert_int_equal(lm_checkpoint_open(&c, path, &err), LM_OK);
    assert_int_equal(lm_checkpoint_read_text(c, "tokenizer.json", &there, &found, &err),
                     LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "damaged: tokenizer.json: its digest is wrong"));
    assert_int_equal(lm_checkpoint_verify(c, pools[1], &err), LM_ERR_RUNTIME);
    lm_checkpoint_close(c);
    lm_text_free(&found);
    lm_text_free(&file);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_round_trip_on_any_number_of_threads),
        cmocka_unit_test(test_a_missing_array_is_an_error),
        cmocka_unit_test(test_a_failed_write_leaves_the_old_file),
        cmocka_unit_test(test_the_digest_of_the_file),
        cmocka_unit_test(test_zip64_records),
        cmocka_unit_test(test_a_file_beyond_4_gib),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

#include "tests/support/test.h"

#include <errno.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/file.h"
#include "base/sync.h"
#include "tests/support/tempdir.h"

static void check_content(const char *path, const char *want) {
    lm_error err = {0};
    lm_text t = {0};
    assert_int_equal(lm_file_read(path, 1000, &t, &err), LM_OK);
    assert_string_equal(lm_text_cstr(&t), want);
    lm_text_free(&t);
}

static void test_replace_read_map(void **state) {
    (void)state;
    lm_error err = {0};
    char *path = lm_file_join(tempdir, "a.txt");
    assert_int_equal(lm_file_replace(path, "hello", 5, &err), LM_OK);
    check_content(path, "hello");
    assert_int_equal(lm_file_replace(path, "world!", 6, &err), LM_OK);
    check_content(path, "world!");

    lm_mapping map;
    assert_int_equal(lm_file_map(&map, path, &err), LM_OK);
    assert_int_equal(map.size, 6);
    assert_memory_equal(map.data, "world!", 6);
    lm_file_unmap(&map);
    lm_file_unmap(&map);

    lm_text t = {0};
    assert_int_equal(lm_file_read(path, 5, &t, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "at most 5 bytes"));
    lm_text_free(&t);
    assert_int_equal(lm_file_replace(path, "", 0, &err), LM_OK);
    assert_int_equal(lm_file_map(&map, path, &err), LM_OK);
    assert_null(map.data);
    assert_int_equal(lm_file_remove(path, &err), LM_OK);
    assert_int_equal(lm_file_remove(path, &err), LM_ERR_RUNTIME);
    free(path);
}

static void test_aborted_and_failed_writes_leave_the_old_file(void **state) {
    (void)state;
    lm_error err = {0};
    char *path = lm_file_join(tempdir, "b.txt"), *temporary = lm_file_join(tempdir, "b.txt.tmp");
    assert_int_equal(lm_file_replace(path, "old", 3, &err), LM_OK);
    lm_file_writer w;
    assert_int_equal(lm_file_writer_open(&w, path, &err), LM_OK);
    assert_int_equal(lm_file_writer_write(&w, "new", 3, &err), LM_OK);
    assert_int_equal(w.offset, 3);
    assert_true(lm_file_exists(temporary));
    check_content(path, "old");
    lm_file_writer_abort(&w);
    lm_file_writer_abort(&w);
    assert_false(lm_file_exists(temporary));

    /* A limit on the file's size makes the write itself fail. */
    struct rlimit before, small = {.rlim_cur = 4096};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    char big[10000] = {0};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    lm_status status = lm_file_replace(path, big, sizeof big, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "b.txt.tmp"));
    assert_non_null(strstr(err.message, "File too large"));
    check_content(path, "old");
    assert_false(lm_file_exists(temporary));
    free(temporary);
    free(path);
}

typedef struct range {
    const lm_file_writer *writer;
    uint64_t offset;
    unsigned char data[70000];
    lm_status status;
} range;

static void *write_range(void *argument) {
    range *r = argument;
    lm_error err = {0};
    r->status = lm_file_writer_write_at(r->writer, r->offset, r->data, sizeof r->data, &err);
    return NULL;
}

/* Four threads at once, the last range first, and the header when all are done. */
static void test_write_at(void **state) {
    (void)state;
    enum { THREADS = 4 };
    lm_error err = {0};
    lm_file_writer w;
    lm_mapping map;
    pthread_t threads[THREADS];
    range *ranges = calloc(THREADS, sizeof *ranges);
    assert_non_null(ranges);
    char *path = lm_file_join(tempdir, "ranges");
    assert_int_equal(lm_file_writer_open(&w, path, &err), LM_OK);
    for (int i = THREADS - 1; i >= 0; i--) {
        ranges[i].writer = &w;
        ranges[i].offset = 8 + (uint64_t)i * sizeof ranges[i].data;
        for (size_t k = 0; k < sizeof ranges[i].data; k++)
            ranges[i].data[k] = (unsigned char)(k * 7 + (size_t)i);
        assert_int_equal(pthread_create(&threads[i], NULL, write_range, &ranges[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(ranges[i].status, LM_OK);
    }
    assert_int_equal(w.offset, 0);
    assert_int_equal(lm_file_writer_write(&w, "12345678", 8, &err), LM_OK);
    assert_int_equal(lm_file_writer_commit(&w, &err), LM_OK);
    lm_file_writer_abort(&w); /* after a commit: does nothing */
    assert_int_equal(lm_file_map(&map, path, &err), LM_OK);
    assert_int_equal(map.size, 8 + THREADS * sizeof ranges[0].data);
    assert_memory_equal(map.data, "12345678", 8);
    for (int i = 0; i < THREADS; i++)
        assert_memory_equal(map.data + ranges[i].offset, ranges[i].data, sizeof ranges[i].data);
    lm_file_unmap(&map);
    free(ranges);
    free(path);
}

static void test_read_appends_up_to_its_limit(void **state) {
    (void)state;
    lm_error err = {0};
    lm_text t = {0};
    char *path = lm_file_join(tempdir, "c.txt");
    assert_int_equal(lm_file_replace(path, "hello", 5, &err), LM_OK);
    lm_text_append(&t, "say ", 4);
    assert_int_equal(lm_file_read(path, 5, &t, &err), LM_OK); /* exactly at the limit */
    assert_string_equal(lm_text_cstr(&t), "say hello");
    lm_text_free(&t);
    /* A file above the limit is refused however many reads it takes. */
    size_t size = 200000;
    char *big = malloc(size);
    assert_non_null(big);
    memset(big, 'x', size);
    assert_int_equal(lm_file_replace(path, big, size, &err), LM_OK);
    assert_int_equal(lm_file_read(path, size - 1, &t, &err), LM_ERR_RUNTIME);
    lm_text_free(&t);
    assert_int_equal(lm_file_read(path, size, &t, &err), LM_OK);
    assert_int_equal(t.length, size);
    lm_text_free(&t);
    free(big);
    free(path);
}

static void test_a_leftover_temporary_is_overwritten(void **state) {
    (void)state;
    lm_error err = {0};
    char *path = lm_file_join(tempdir, "d.txt"), *temporary = lm_file_join(tempdir, "d.txt.tmp");
    assert_int_equal(lm_file_replace(temporary, "a killed run's longer rest", 26, &err), LM_OK);
    assert_int_equal(lm_file_replace(path, "new", 3, &err), LM_OK);
    check_content(path, "new");
    assert_false(lm_file_exists(temporary));
    free(temporary);
    free(path);
}

static void test_directories(void **state) {
    (void)state;
    lm_error err = {0};
    char *deep = lm_file_join(tempdir, "x/y/z");
    assert_int_equal(lm_file_make_directory(deep, &err), LM_OK);
    assert_int_equal(lm_file_make_directory(deep, &err), LM_OK);
    assert_true(lm_file_is_directory(deep));
    static const char *const names[] = {"b", "a", "B", "10", "9"};
    for (int i = 0; i < 5; i++) {
        char *path = lm_file_join(deep, names[i]);
        assert_int_equal(lm_file_replace(path, "x", 1, &err), LM_OK);
        free(path);
    }
    lm_file_list list;
    assert_int_equal(lm_file_list_directory(&list, deep, &err), LM_OK);
    static const char *const sorted[] = {"10", "9", "B", "a", "b"};
    assert_int_equal(list.count, 5);
    for (int i = 0; i < 5; i++) assert_string_equal(list.names[i], sorted[i]);
    lm_file_list_free(&list);
    lm_file_list_free(&list);

    char *slashes = lm_file_join(tempdir, "p//q/");
    assert_int_equal(lm_file_make_directory(slashes, &err), LM_OK);
    assert_true(lm_file_is_directory(slashes));
    free(slashes);
    char *root = lm_file_join("/", "name"), *bare = lm_file_join("", "name");
    assert_string_equal(root, "/name");
    assert_string_equal(bare, "name");
    free(root);
    free(bare);

    char *blocked = lm_file_join(deep, "a/under");
    assert_int_equal(lm_file_make_directory(blocked, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "/a"));
    free(blocked);
    free(deep);
}

/* Also of a file that is cut off while it is open: a mapping of it would end the process. */
static void test_read_at_places(void **state) {
    (void)state;
    lm_error err = {0};
    lm_file_reader r;
    char found[4] = "", *path = lm_file_join(tempdir, "places");
    assert_int_equal(lm_file_replace(path, "0123456789", 10, &err), LM_OK);
    assert_int_equal(lm_file_reader_open(&r, path, &err), LM_OK);
    assert_int_equal(r.size, 10);
    assert_int_equal(lm_file_reader_at(&r, 6, found, 4, &err), LM_OK);
    assert_memory_equal(found, "6789", 4);
    assert_int_equal(lm_file_reader_at(&r, 7, found, 4, &err), LM_ERR_RUNTIME);
    assert_true(err.damaged);
    assert_int_equal(truncate(path, 5), 0);
    assert_int_equal(lm_file_reader_at(&r, 3, found, 4, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "places: cannot read byte offset 5: the file ends"));
    assert_true(err.damaged);
    lm_file_reader_close(&r);
    lm_file_reader_close(&r);
    assert_int_equal(lm_file_reader_open(&r, tempdir, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "found a directory"));
    assert_int_equal(lm_file_reader_open(&r, "/nonexistent/a", &err), LM_ERR_RUNTIME);
    assert_false(err.damaged);
    lm_file_reader_close(&r);
    free(path);
}

static void test_errors_name_the_path(void **state) {
    (void)state;
    lm_error err = {0};
    lm_mapping map;
    lm_text t = {0};
    lm_file_list list;
    assert_int_equal(lm_file_map(&map, "/nonexistent/a", &err), LM_ERR_RUNTIME);
    assert_string_equal(err.message, "/nonexistent/a: cannot open: No such file or directory");
    assert_int_equal(lm_file_map(&map, tempdir, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "found a directory"));
    assert_int_equal(lm_file_read(tempdir, 10, &t, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "found a directory"));
    assert_int_equal(lm_file_list_directory(&list, "/nonexistent", &err), LM_ERR_RUNTIME);
    assert_int_equal(lm_file_replace("/nonexistent/a", "", 0, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "/nonexistent/a.tmp"));
}

static void expect_home(const char *path, const char *expected) {
    lm_error err = {0};
    char *out = NULL;
    if (lm_file_expand_home(path, &out, &err) != LM_OK) fail_msg("%s", err.message);
    if (expected) assert_string_equal(out, expected);
    assert_int_not_equal(out[0], '~');
    free(out);
}

static void count_call(void *argument) {
    ++*(int *)argument;
}

/* By this thread, and by another one while this one makes a call. */
static void test_sync(void **state) {
    (void)state;
    int calls = 0;
    for (int beside = 0; beside < 2; beside++) {
        FILE *f = tmpfile();
        int pipe_ends[2];
        assert_non_null(f);
        assert_int_equal(pipe(pipe_ends), 0);
        if (beside) lm_sync_set_meanwhile(count_call, &calls);
        assert_int_equal(lm_sync(fileno(f)), 0);
        assert_int_equal(lm_sync_data(fileno(f)), 0);
        errno = 0;
        assert_int_equal(lm_sync(-1), -1);
        assert_int_equal(errno, EBADF);
        assert_int_equal(lm_sync_data(pipe_ends[1]), -1);
        assert_int_equal(errno, EINVAL);
        lm_sync_set_meanwhile(NULL, NULL);
        close(pipe_ends[0]);
        close(pipe_ends[1]);
        fclose(f);
    }
}

static void test_home(void **state) {
    (void)state;
    lm_error err = {0};
    char *out = NULL;
    assert_int_equal(setenv("HOME", "/home/me", 1), 0);
    expect_home("~", "/home/me");
    expect_home("~/", "/home/me/");
    expect_home("~/a/~/b", "/home/me/a/~/b");
    expect_home("~//a", "/home/me/a");
    assert_int_equal(setenv("HOME", "/", 1), 0);
    expect_home("~/a", "/a");
    static const char *const same[] = {"", "a", "/a/~", "./~/a", "a~", " ~/a"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_int_equal(lm_file_expand_home(same[i], &out, &err), LM_OK);
        assert_string_equal(out, same[i]);
        free(out);
    }
    assert_int_equal(lm_file_expand_home("~you/a", &out, &err), LM_ERR_USAGE);
    assert_null(out);
    assert_non_null(strstr(err.message, "~you/a: other users' home directories"));
    assert_non_null(strstr(err.message, "./~you/a for a name that begins with ~"));
    /* Without HOME it is what the system's list of users says. */
    assert_int_equal(unsetenv("HOME"), 0);
    if (getpwuid(getuid())) expect_home("~/a", NULL);
}

static void test_a_name_beside_another_replaces_its_end_or_is_longer(void **state) {
    (void)state;
    static const char *const names[][2] = {
        {"a/x.bin", "a/x.json"}, {"x.binary", "x.binary.json"}, {".bin", ".json"}, {"", ".json"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = lm_file_beside(names[i][0], ".bin", ".json");
        assert_string_equal(path, names[i][1]);
        free(path);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_name_beside_another_replaces_its_end_or_is_longer),
        cmocka_unit_test(test_replace_read_map),
        cmocka_unit_test(test_aborted_and_failed_writes_leave_the_old_file),
        cmocka_unit_test(test_write_at),
        cmocka_unit_test(test_read_appends_up_to_its_limit),
        cmocka_unit_test(test_a_leftover_temporary_is_overwritten),
        cmocka_unit_test(test_read_at_places),
        cmocka_unit_test(test_directories),
        cmocka_unit_test(test_errors_name_the_path),
        cmocka_unit_test(test_sync),
        cmocka_unit_test(test_home),
    };
    return cmocka_run_group_tests(tests, tempdir_open, tempdir_close);
}

#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "data/text_files.h"
#include "tests/support/tempdir.h"

/* Valid until the next call but one. */
static const char *in(const char *name) {
    static char *paths[2];
    static int next;
    next = !next;
    free(paths[next]);
    return paths[next] = lm_file_join(tempdir, name);
}

static void put(const char *name, const char *bytes, size_t size) {
    lm_error err = {0};
    assert_int_equal(lm_file_replace(in(name), bytes, size, &err), LM_OK);
}

static void put_text(const char *name, const char *text) {
    put(name, text, strlen(text));
}

static int set_up(void **state) {
    lm_error err = {0};
    tempdir_open(state);
    if (lm_file_make_directory(in("tree/b/deep"), &err) != LM_OK) return 1;
    if (lm_file_make_directory(in("tree/.git"), &err) != LM_OK) return 1;
    put_text("tree/z.h", "zz");
    put_text("tree/a.h", "a");
    put_text("tree/b.h", "bbb");
    put_text("tree/b/deep/c.h", "cccc");
    put_text("tree/b/d.c", "ddddd");
    put_text("tree/empty.h", "");
    put_text("tree/.hidden.h", "hidden");
    put_text("tree/.git/e.h", "hidden");
    put_text("tree/.h", "hidden");
    put("tree/binary.h", "no\0text", 7);
    return 0;
}

static int tear_down(void **state) {
    in(""), in("");
    return tempdir_close(state);
}

static const char *const dot_h[] = {".h"};

/* Finds below one path; the names of what was taken, without the directory, one per line. */
static void find(lm_text_files *list, const lm_text_files_options *o, const char *path, char *names,
                 size_t size) {
    lm_error err = {0};
    if (lm_text_files_find(list, o, &path, 1, &err) != LM_OK) fail_msg("%s", err.message);
    size_t root = strlen(tempdir) + 1, used = 0;
    uint64_t bytes = 0;
    names[0] = '\0';
    for (size_t i = 0; i < list->count; i++) {
        assert_true(used + strlen(list->files[i].path) + 2 < size);
        used += (size_t)snprintf(names + used, size - used, "%s%s\n", list->files[i].path + root,
                                 list->files[i].validation ? " held out" : "");
        bytes += list->files[i].size;
    }
    assert_true(bytes == list->bytes);
}

static void test_walk(void **state) {
    (void)state;
    char names[1024];
    lm_text_files list;
    lm_text_files_options o = {.extensions = dot_h, .n_extensions = 1};
    /* strcmp order of whole paths: '.' comes before '/'. */
    find(&list, &o, in("tree"), names, sizeof names);
    assert_string_equal(names, "tree/a.h\ntree/b.h\ntree/b/deep/c.h\ntree/z.h\n");
    assert_int_equal(list.not_text, 1);
    assert_int_equal(list.left_out, 0);
    lm_text_files_free(&list);
    lm_text_files_free(&list);

    static const char *const two[] = {".c", ".zig"};
    o = (lm_text_files_options){.extensions = two, .n_extensions = 2};
    find(&list, &o, in("tree/"), names, sizeof names);
    assert_string_equal(names, "tree/b/d.c\n");
    lm_text_files_free(&list);
}

static void test_links_and_repeats(void **state) {
    (void)state;
    char names[1024];
    lm_error err = {0};
    lm_text_files list;
    lm_text_files_options all = {0};
    assert_int_equal(lm_file_make_directory(in("links"), &err), LM_OK);
    put_text("links/one", "one");
    assert_int_equal(symlink("..", in("links/up")), 0);
    assert_int_equal(symlink("loop", in("links/loop")), 0);
    assert_int_equal(symlink("one", in("links/soft")), 0);
    assert_int_equal(link(in("links/one"), in("links/two")), 0);
    find(&list, &all, in("links"), names, sizeof names);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.repeated, 1);
    lm_text_files_free(&list);

    /* The same again by other ways: still once, so nothing of training is in validation. */
    char *paths[3] = {lm_file_join(tempdir, "links"), lm_file_join(tempdir, "links/./one"),
                      lm_file_join(tempdir, "links/soft")};
    lm_text_files_options half = {.val_fraction = 0.5};
    assert_int_equal(lm_text_files_find(&list, &half, (const char *const *)paths, 3, &err), LM_OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(list.repeated, 3);
    assert_false(list.files[0].validation);
    lm_text_files_free(&list);
    for (int i = 0; i < 3; i++) free(paths[i]);
}

/* Files f00 ... f49, of 1 to 50 bytes. */
static void make_fifty(const char *where) {
    char name[64], text[64];
    lm_error err = {0};
    assert_int_equal(lm_file_make_directory(in(where), &err), LM_OK);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "%s/f%02d", where, i);
        memset(text, 'x', sizeof text);
        put(name, text, (size_t)i + 1);
    }
}

static void test_held_out(void **state) {
    (void)state;
    char first[4096], second[4096];
    lm_text_files list;
    lm_text_files_options o = {.val_fraction = 0.1};
    make_fifty("fifty");
    make_fifty("elsewhere");
    find(&list, &o, in("fifty"), first, sizeof first);
    assert_int_equal(list.count, 50);
    size_t held = 0;
    for (size_t i = 0; i < list.count; i++) held += list.files[i].validation;
    assert_int_equal(held, 5);
    lm_text_files_free(&list);
    /* A function of the paths below the directory: another place holds out the same. */
    find(&list, &o, in("elsewhere"), second, sizeof second);
    lm_text_files_free(&list);
    for (const char *a = first, *b = second; *a;) {
        a += strlen("fifty"), b += strlen("elsewhere");
        size_t n = strcspn(a, "\n") + 1;
        assert_int_equal(strncmp(a, b, n), 0);
        a += n, b += n;
    }
    /* With more of it, what was held out before still is. */
    o.val_fraction = 0.5;
    find(&list, &o, in("fifty"), second, sizeof second);
    held = 0;
    for (size_t i = 0; i < list.count; i++) {
        char line[128];
        snprintf(line, sizeof line, "%s held out\n", list.files[i].path + strlen(tempdir) + 1);
        if (strstr(first, line)) assert_true(list.files[i].validation);
        held += list.files[i].validation;
    }
    assert_int_equal(held, 25);
    lm_text_files_free(&list);

    /* One on each side, however small or large the share. */
    static const double extremes[] = {1e-9, 0.999};
    for (int i = 0; i < 2; i++) {
        o.val_fraction = extremes[i];
        find(&list, &o, in("fifty"), second, sizeof second);
        held = 0;
        for (size_t k = 0; k < list.count; k++) held += list.files[k].validation;
        assert_int_equal(held, i == 0 ? 1 : 49);
        lm_text_files_free(&list);
    }
}

static void test_max_bytes(void **state) {
    (void)state;
    char names[4096];
    lm_error err = {0};
    lm_text_files list;
    make_fifty("sample");
    for (uint64_t most = 100; most <= 1300; most += 300) {
        lm_text_files_options o = {.max_bytes = most};
        find(&list, &o, in("sample"), names, sizeof names);
        assert_true(list.bytes <= most);
        assert_true(most >= 1275 ? list.bytes == 1275 : list.bytes > most / 2);
        assert_int_equal(list.count + list.left_out, 50);
        lm_text_files_free(&list);
    }
    /* At most: not even one file of more. */
    char *path = lm_file_join(tempdir, "sample/f49");
    lm_text_files_options o = {.max_bytes = 49};
    assert_int_equal(lm_text_files_find(&list, &o, (const char *const *)&path, 1, &err),
                     LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "larger than --max-bytes"));
    assert_int_equal(list.count, 0);
    free(path);
}

static void expect_error(const char *path, const lm_text_files_options *o, const char *part) {
    lm_error err = {0};
    lm_text_files list;
    assert_int_not_equal(lm_text_files_find(&list, o, &path, 1, &err), LM_OK);
    if (!strstr(err.message, part)) fail_msg("expected \"%s\" in: %s", part, err.message);
    assert_null(list.files);
}

static void test_errors(void **state) {
    (void)state;
    lm_error err = {0};
    lm_text_files_options all = {0}, h = {.extensions = dot_h, .n_extensions = 1};
    expect_error(in("nowhere"), &all, "nowhere: cannot open: No such file");
    assert_int_equal(mkfifo(in("pipe"), 0600), 0);
    expect_error(in("pipe"), &all, "expected a file or a directory, found something else");
    assert_int_equal(lm_file_make_directory(in("none"), &err), LM_OK);
    expect_error(in("none"), &all, "none: expected text files, found none");
    expect_error(in("none"), &h, "with the extensions asked for");
    put("none/x", "\0", 1);
    put("none/y", "a\0", 2);
    expect_error(in("none"), &all, "some hold 0x00 bytes");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_walk),     cmocka_unit_test(test_links_and_repeats),
        cmocka_unit_test(test_held_out), cmocka_unit_test(test_max_bytes),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* Which files are found, in which order, and what is counted. */
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/text.h"
#include "tests/support/tempdir.h"
#include "text/walk.h"

static lm_walk w;
static lm_text names;

static void make(const char *name, const char *text) {
    lm_error err = {0};
    char *path = lm_file_join(tempdir, name);
    assert_int_equal(lm_file_replace(path, text, strlen(text), &err), LM_OK);
    free(path);
}

static void make_directory(const char *name) {
    lm_error err = {0};
    char *path = lm_file_join(tempdir, name);
    assert_int_equal(lm_file_make_directory(path, &err), LM_OK);
    free(path);
}

static int set_up(void **state) {
    tempdir_open(state);
    make_directory("tree/b/deep");
    make_directory("tree/.git");
    make("tree/z.h", "zz");
    make("tree/a.h", "a");
    make("tree/b.h", "bbb");
    make("tree/b/deep/c.h", "cccc");
    make("tree/b/d.c", "ddddd");
    make("tree/.hidden.h", "hidden");
    make("tree/.git/e.h", "hidden");
    make("tree/.h", "hidden");
    return 0;
}

static int tear_down(void **state) {
    lm_walk_free(&w);
    lm_text_free(&names);
    return tempdir_close(state);
}

static lm_status add(const char *name, const lm_walk_how *how, lm_error *err) {
    char *path = lm_file_join(tempdir, name);
    lm_status status = lm_walk_add(&w, path, how, err);
    free(path);
    return status;
}

/* The files below the directory, one after the other; those for validation in brackets. */
static const char *list(void) {
    lm_error err = {0};
    assert_int_equal(lm_walk_finish(&w, &err), LM_OK);
    names.length = 0;
    lm_text_append(&names, "", 0);
    for (size_t i = 0; i < w.count; i++)
        lm_text_printf(&names, w.files[i].validation ? "[%s] " : "%s ",
                       w.files[i].path + strlen(tempdir) + 1);
    return lm_text_cstr(&names);
}

static const char *const extensions[] = {".h"};
static const lm_walk_how all = {0}, headers = {extensions, 1, false}, held = {.validation = true};

static void test_directories(void **state) {
    (void)state;
    lm_error err = {0};
    uint64_t hash = 0;
    static const char *const spelled[] = {"tree", "tree/", "tree///"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(add(spelled[i], &headers, &err), LM_OK);
        /* strcmp order of whole paths: '.' comes before '/'. */
        assert_string_equal(list(), "tree/a.h tree/b.h tree/b/deep/c.h tree/z.h ");
        assert_int_equal(w.hidden, 3);
        assert_int_equal(w.other, 1);
        assert_int_equal(w.files[2].size, 4);
        assert_false(w.files[0].named);
        if (i > 0) assert_true(w.files[2].hash == hash);
        hash = w.files[2].hash;
        lm_walk_free(&w);
        lm_walk_free(&w);
    }
    assert_int_equal(add("tree/b.h", &all, &err), LM_OK);
    assert_int_equal(add("tree/a*", &all, &err), LM_OK);
    assert_string_equal(list(), "tree/b.h tree/a.h ");
    assert_true(w.files[0].named);
    assert_false(w.files[1].named);
    lm_walk_free(&w);
}

static void test_links_and_repeats(void **state) {
    (void)state;
    lm_error err = {0};
    char *one = lm_file_join(tempdir, "links/one"), *two = lm_file_join(tempdir, "links/two");
    char *up = lm_file_join(tempdir, "links/up"), *loop = lm_file_join(tempdir, "links/loop");
    char *far = lm_file_join(tempdir, "links/far"), *pipe = lm_file_join(tempdir, "links/pipe");
    make_directory("links");
    make("links/one", "one");
    assert_int_equal(symlink("..", up), 0);
    assert_int_equal(symlink("loop", loop), 0);
    assert_int_equal(symlink("../tree/a.h", far), 0);
    assert_int_equal(link(one, two), 0);
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(add("links", &all, &err), LM_OK);
    assert_string_equal(list(), "links/far links/one ");
    assert_int_equal(w.links, 2);
    assert_int_equal(w.special, 1);
    assert_int_equal(w.repeated, 1);
    lm_walk_free(&w);

    /* What is for validation is for nothing else, whichever way it is found. */
    assert_int_equal(add("links", &all, &err), LM_OK);
    assert_int_equal(add("links/./two", &held, &err), LM_OK);
    assert_string_equal(list(), "links/far [links/./two] ");
    assert_int_equal(w.repeated, 2);
    lm_walk_free(&w);
    char *paths[] = {one, two, up, loop, far, pipe};
    for (int i = 0; i < 6; i++) free(paths[i]);
}

static void test_names_with_pattern_characters(void **state) {
    (void)state;
    lm_error err = {0};
    make("a*b[1]", "x");
    assert_int_equal(add("a*b[1]", &all, &err), LM_OK);
    assert_string_equal(list(), "a*b[1] ");
    assert_true(w.files[0].named);
    lm_walk_free(&w);
}

static void test_errors(void **state) {
    (void)state;
    lm_error err = {0};
    assert_int_equal(add("nowhere", &all, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "nowhere: cannot open: No such file"));
    assert_int_equal(add("nowhere*", &all, &err), LM_ERR_USAGE);
    assert_int_equal(add("links/pipe", &all, &err), LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "expected a file or a directory, found something else"));
    assert_int_equal(lm_walk_add(&w, "-", &all, &err), LM_OK);
    assert_int_equal(lm_walk_add(&w, "-", &held, &err), LM_ERR_USAGE);
    lm_walk_free(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_directories),
        cmocka_unit_test(test_links_and_repeats),
        cmocka_unit_test(test_names_with_pattern_characters),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

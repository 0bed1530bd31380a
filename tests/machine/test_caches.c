/* Sizes of caches out of a made-up /sys, and from text. */
#include "tests/support/test.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "machine/caches.h"
#include "tests/support/tempdir.h"

static void put(const char *root, int cpu, int index, const char *name, const char *text) {
    lm_error err = {0};
    char path[256];
    snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%d/cache/index%d", cpu, index);
    char *directory = lm_file_join(root, path), *file = lm_file_join(directory, name);
    assert_int_equal(lm_file_make_directory(directory, &err), LM_OK);
    assert_int_equal(lm_file_replace(file, text, strlen(text), &err), LM_OK);
    free(file), free(directory);
}

typedef struct index {
    const char *level, *type, *size, *ways, *shared;
} index_files;

static void put_index(const char *root, int cpu, int index, index_files f) {
    put(root, cpu, index, "level", f.level);
    put(root, cpu, index, "type", f.type);
    put(root, cpu, index, "size", f.size);
    if (f.ways) put(root, cpu, index, "ways_of_associativity", f.ways);
    if (f.shared) put(root, cpu, index, "shared_cpu_list", f.shared);
}

/* The first and the last CPU of this process, whose caches count, and how many there are. */
static int first, last, count;

static void find_cpus(void) {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0) CPU_SET(0, &set);
    first = -1;
    count = 0;
    for (int i = 0; i < CPU_SETSIZE; i++) {
        if (!CPU_ISSET((size_t)i, &set)) continue;
        if (first < 0) first = i;
        last = i;
        count++;
    }
}

static void test_sys(void **unused) {
    (void)unused;
    char *root = lm_test_tempdir(), all[64];
    snprintf(all, sizeof all, "%d-%d\n", first, last);
    put_index(root, first, 0, (index_files){"1\n", "Data\n", "48K\n", "12\n", "0\n"});
    put_index(root, first, 1, (index_files){"1\n", "Instruction\n", "16K\n", "4\n", "0\n"});
    put_index(root, first, 2, (index_files){"2\n", "Unified\n", "1280K\n", "20\n", "100000\n"});
    put_index(root, first, 3, (index_files){"3\n", "Unified\n", "36M\n", NULL, all});
    lm_caches c = lm_caches_detect(root);
    assert_int_equal(c.cpus, count);
    assert_true(c.l1d.bytes == 48 << 10 && c.l1d.ways == 12 && c.l1d.shared == 1);
    assert_true(c.l2.bytes == 1280 << 10 && c.l2.ways == 20 && c.l2.shared == 1);
    assert_true(c.l3.bytes == 36 << 20 && c.l3.ways == lm_caches_usual.l3.ways);
    assert_int_equal(c.l3.shared, count);
    lm_test_tempdir_free(root);
}

static void test_the_smaller_kind_of_core_counts(void **unused) {
    (void)unused;
    if (count < 2) skip();
    char *root = lm_test_tempdir();
    put_index(root, first, 0, (index_files){"2\n", "Unified\n", "2048K\n", "16\n", NULL});
    put_index(root, last, 0, (index_files){"2\n", "Unified\n", "1024K\n", "8\n", NULL});
    lm_caches c = lm_caches_detect(root);
    assert_true(c.l2.bytes == 1 << 20 && c.l2.ways == 8);
    lm_test_tempdir_free(root);
}

static void expect_usual(const char *root) {
    lm_caches c = lm_caches_detect(root);
    assert_true(c.l1d.bytes == lm_caches_usual.l1d.bytes && c.l2.bytes == lm_caches_usual.l2.bytes);
    assert_true(c.l3.bytes == lm_caches_usual.l3.bytes && c.l3.shared == count);
}

static void test_garbage_counts_as_unknown(void **unused) {
    (void)unused;
    char *root = lm_test_tempdir();
    expect_usual(root);
    static const char *const sizes[] = {"\n",    "0K\n", "-1K\n", "99999999999999999999G\n",
                                        "17G\n", "K\n",  "512\n", "many\n"};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        put_index(root, first, 2, (index_files){"2\n", "Unified\n", sizes[i], "8\n", "0-\n"});
        expect_usual(root);
    }
    put_index(root, first, 2, (index_files){"7\n", "Unified\n", "1M\n", "8\n", "0\n"});
    expect_usual(root);
    put_index(root, first, 2, (index_files){"2\n", "Unified\n", "1M\n", "-8\n", ",,-\n"});
    expect_usual(root);
    lm_test_tempdir_free(root);
}

/* This machine's, from /sys or CPUID. */
static void test_here(void **unused) {
    (void)unused;
    lm_caches c = lm_caches_detect("");
    assert_true(c.l1d.bytes >= 4096 && c.l2.bytes >= c.l1d.bytes && c.l3.bytes >= 4096);
    assert_true(c.l1d.ways >= 1 && c.l2.ways >= 1 && c.l3.ways >= 1 && c.cpus == count);
    assert_true(c.l1d.shared >= 1 && c.l2.shared >= 1 && c.l3.shared >= 1);
}

static void test_parse(void **unused) {
    (void)unused;
    lm_error err = {0};
    lm_caches c;
    char text[64];
    assert_int_equal(lm_caches_parse("32K,512K,16M", &c, &err), LM_OK);
    assert_true(c.l1d.bytes == 32 << 10 && c.l2.bytes == 512 << 10 && c.l3.bytes == 16 << 20);
    assert_string_equal(lm_caches_describe(&c, text, sizeof text), "32K 512K 16M");
    assert_int_equal(lm_caches_parse("65536,1M,1G", &c, &err), LM_OK);
    static const char *const bad[] = {"",          "32K",         "32K,512K",  "32K,512K,16M,",
                                      "32K,512K,", "32k,1M,16M",  "1K,1M,16M", "32K,1M,17G",
                                      "a,b,c",     "32K,-1M,16M", "32K,1M 16M"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(lm_caches_parse(bad[i], &c, &err), LM_ERR_USAGE);
        assert_non_null(strstr(err.message, bad[i]));
    }
}

static void test_sharing(void **unused) {
    (void)unused;
    lm_caches c = lm_caches_usual;
    c.cpus = 16;
    c.l2.shared = 2;
    assert_int_equal(lm_caches_sharing(&c, &c.l2, 16), 2);
    assert_int_equal(lm_caches_sharing(&c, &c.l2, 8), 1);
    assert_int_equal(lm_caches_sharing(&c, &c.l2, 1), 1);
    assert_int_equal(lm_caches_sharing(&c, &c.l2, 100), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sys),
                                       cmocka_unit_test(test_the_smaller_kind_of_core_counts),
                                       cmocka_unit_test(test_garbage_counts_as_unknown),
                                       cmocka_unit_test(test_here),
                                       cmocka_unit_test(test_parse),
                                       cmocka_unit_test(test_sharing)};
    find_cpus();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

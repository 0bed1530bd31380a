#include "tests/support/test.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "machine/cgroup.h"
#include "machine/cores.h"
#include "machine/cpu.h"
#include "machine/limits.h"
#include "tests/support/tempdir.h"

static void put(const char *root, const char *path, const char *text) {
    lm_error err = {0};
    char *full = lm_file_join(root, path), *slash = strrchr(full, '/');
    *slash = '\0';
    assert_int_equal(lm_file_make_directory(full, &err), LM_OK);
    *slash = '/';
    assert_int_equal(lm_file_replace(full, text, strlen(text), &err), LM_OK);
    free(full);
}

static void test_no_cgroup_means_no_limit(void **state) {
    (void)state;
    char *root = lm_test_tempdir();
    assert_true(lm_cgroup_cpus(root) == 0);
    assert_true(lm_cgroup_memory(root) == UINT64_MAX);
    lm_test_tempdir_free(root);
}

static void test_version_2(void **state) {
    (void)state;
    char *root = lm_test_tempdir();
    put(root, "proc/self/cgroup", "0::/job/step\n");
    put(root, "sys/fs/cgroup/job/step/cpu.max", "max 100000\n");
    put(root, "sys/fs/cgroup/job/cpu.max", "150000 100000\n"); /* the parent's limit counts */
    put(root, "sys/fs/cgroup/job/step/memory.max", "max\n");
    put(root, "sys/fs/cgroup/job/memory.max", "1000000\n");
    put(root, "sys/fs/cgroup/job/memory.current", "700000\n");
    put(root, "sys/fs/cgroup/job/memory.stat", "anon 1\ninactive_file 200000\nfile 5\n");
    assert_true(lm_cgroup_cpus(root) == 1.5);
    assert_int_equal(lm_cgroup_memory(root), 500000);
    lm_test_tempdir_free(root);
}

static void test_file_cache_and_slab_can_be_dropped(void **state) {
    (void)state;
    char *root = lm_test_tempdir();
    put(root, "proc/self/cgroup", "0::/\n");
    put(root, "sys/fs/cgroup/memory.max", "1000000\n");
    put(root, "sys/fs/cgroup/memory.current", "900000\n");
    put(root, "sys/fs/cgroup/memory.stat",
        "anon 1\nfile 500000\nslab_reclaimable 7000\ninactive_file 200000\nactive_file 300000\n");
    assert_int_equal(lm_cgroup_memory(root), 1000000 - (900000 - 507000));
    put(root, "sys/fs/cgroup/memory.high", "800000\n"); /* counts when it is lower */
    assert_int_equal(lm_cgroup_memory(root), 800000 - (900000 - 507000));
    put(root, "sys/fs/cgroup/memory.max", "max\n");
    assert_int_equal(lm_cgroup_memory(root), 800000 - (900000 - 507000));
    put(root, "sys/fs/cgroup/memory.high", "max\n");
    assert_true(lm_cgroup_memory(root) == UINT64_MAX);
    lm_test_tempdir_free(root);
}

static void test_files_that_are_not_numbers_set_no_limit(void **state) {
    (void)state;
    char *root = lm_test_tempdir();
    put(root, "proc/self/cgroup", "nonsense\n0:\n::\n0::/a\n");
    put(root, "sys/fs/cgroup/a/cpu.max", "many few\n");
    put(root, "sys/fs/cgroup/cpu.max", "100000 0\n");
    put(root, "sys/fs/cgroup/a/memory.max", "lots\n");
    put(root, "sys/fs/cgroup/memory.max", "99999999999999999999999\n");
    assert_true(lm_cgroup_cpus(root) == 0);
    assert_true(lm_cgroup_memory(root) == UINT64_MAX);
    lm_test_tempdir_free(root);
}

static void test_version_1(void **state) {
    (void)state;
    char *root = lm_test_tempdir();
    put(root, "proc/self/cgroup", "5:memory:/box\n4:cpu,cpuacct:/box\n3:cpuset:/\n");
    put(root, "sys/fs/cgroup/cpu/box/cpu.cfs_quota_us", "250000\n");
    put(root, "sys/fs/cgroup/cpu/box/cpu.cfs_period_us", "100000\n");
    put(root, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n");
    put(root, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
    put(root, "sys/fs/cgroup/memory/box/memory.limit_in_bytes", "5000\n");
    put(root, "sys/fs/cgroup/memory/box/memory.usage_in_bytes", "6000\n");
    put(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_true(lm_cgroup_cpus(root) == 2.5);
    assert_int_equal(lm_cgroup_memory(root), 0);
    put(root, "sys/fs/cgroup/memory/box/memory.stat",
        "inactive_file 1\ntotal_inactive_file 2000\ntotal_active_file 1500\n");
    assert_int_equal(lm_cgroup_memory(root), 2500);
    lm_test_tempdir_free(root);
}

static void test_a_cgroup_outside_the_mount_has_the_limit_of_the_mount(void **state) {
    (void)state;
    char *root = lm_test_tempdir();
    put(root, "proc/self/cgroup", "0::/../../elsewhere\n");
    put(root, "sys/fs/cgroup/cpu.max", "50000 100000\n");
    assert_true(lm_cgroup_cpus(root) == 0.5);
    lm_test_tempdir_free(root);
}

static void test_figures_of_this_machine_are_plausible(void **state) {
    (void)state;
    assert_true(lm_cpu_usable() >= 1);
    assert_true(lm_limits_memory() > 1 << 20);
    assert_true(lm_limits_peak_resident() > 1 << 16);
    assert_true(lm_limits_disk("/") < UINT64_MAX);
    assert_int_equal(lm_limits_disk("/no/such/place") > 0, lm_limits_disk("/") > 0);
    assert_true(lm_limits_disk("no-such-directory/here") < UINT64_MAX);
    assert_true(lm_limits_disk("name") < UINT64_MAX);
}

/* A quota is rounded to whole threads; half a CPU is worth one more. */
static void test_threads_of_a_quota(void **state) {
    (void)state;
    static const struct {
        double cpus;
        int threads;
    } cases[] = {{0.1, 1}, {0.9, 1}, {1, 1},   {1.2, 1}, {1.49, 1},      {1.5, 2},
                 {1.9, 2}, {2, 2},   {3.5, 4}, {64, 64}, {1e30, INT_MAX}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(lm_cpu_threads_of_quota(cases[i].cpus), cases[i].threads);
}

static void test_omp_num_threads_sets_them(void **state) {
    (void)state;
    const int cores = lm_cores_usable().count, usable = lm_cpu_usable();
    const int otherwise = cores < usable ? cores : usable;
    static const struct {
        const char *text;
        int threads; /* 0: as without it */
    } cases[] = {{"1", 1},
                 {"1,4", 1},
                 {"1 ", 1},
                 {" 1", 1},
                 {"", 0},
                 {"0", 0},
                 {"-1", 0},
                 {"one", 0},
                 {"1x", 0},
                 {"1.5", 0},
                 {"99999999999999999999", 0},
                 {"100000", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int asked = -1, expected = otherwise > 1 ? cases[i].threads : 0;
        assert_int_equal(setenv("OMP_NUM_THREADS", cases[i].text, 1), 0);
        assert_int_equal(lm_cpu_threads(&asked), expected ? expected : otherwise);
        assert_int_equal(asked, expected);
    }
    assert_int_equal(unsetenv("OMP_NUM_THREADS"), 0);
    assert_int_equal(lm_cpu_threads(NULL), otherwise);
}

static void put_cpu(const char *root, int cpu, const char *name, const char *text) {
    char path[128];
    snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%d/%s", cpu, name);
    put(root, path, text);
}

/* Four cores: 0 and 4 share one, 1 and 5, and so on. */
static void test_cpus_that_share_a_core(void **state) {
    (void)state;
    static const char *const names[] = {"topology/core_cpus_list", "topology/thread_siblings_list"};
    for (int i = 0; i < 2; i++) {
        char *root = lm_test_tempdir();
        char text[16];
        for (int cpu = 0; cpu < 8; cpu++) {
            snprintf(text, sizeof text, "%d,%d\n", cpu % 4, cpu % 4 + 4);
            put_cpu(root, cpu, names[i], text);
        }
        assert_int_equal(lm_cores_of(root, (const int[]){0, 1, 2, 3, 4, 5, 6, 7}, 8).count, 4);
        assert_int_equal(lm_cores_of(root, (const int[]){1, 5}, 2).count, 1); /* the mask counts */
        assert_int_equal(lm_cores_of(root, (const int[]){5, 6, 7}, 3).count, 3);
        assert_false(lm_cores_of(root, (const int[]){0, 1}, 2).differ);
        lm_test_tempdir_free(root);
    }
}

static void test_cores_of_an_unknown_machine(void **state) {
    (void)state;
    char *root = lm_test_tempdir();
    assert_int_equal(lm_cores_of(root, (const int[]){0, 1, 9}, 3).count, 3);
    assert_false(lm_cores_of(root, (const int[]){0, 1, 9}, 3).differ);
    put_cpu(root, 0, "topology/core_cpus_list", "garbage\n");
    put_cpu(root, 1, "topology/core_cpus_list", "99999999999999999999\n");
    put_cpu(root, 9, "cpu_capacity", "\n");
    assert_int_equal(lm_cores_of(root, (const int[]){0, 1, 9}, 3).count, 3);
    lm_test_tempdir_free(root);
}

/* Two fast cores of two CPUs each and four slow ones; and cores of one kind whose clocks differ a
 * little. */
static void test_cores_of_two_kinds(void **state) {
    (void)state;
    static const char *const names[] = {"cpufreq/cpuinfo_max_freq", "cpu_capacity"};
    static const char *const speeds[][2] = {{"5100000\n", "3900000\n"}, {"1024\n", "446\n"}};
    static const char *const siblings[] = {"0-1\n", "0-1\n", "2-3\n", "2-3\n",
                                           "4\n",   "5\n",   "6\n",   "7\n"};
    for (int i = 0; i < 2; i++) {
        char *root = lm_test_tempdir();
        for (int cpu = 0; cpu < 8; cpu++) {
            put_cpu(root, cpu, "topology/core_cpus_list", siblings[cpu]);
            put_cpu(root, cpu, names[i], speeds[i][cpu >= 4]);
        }
        lm_cores all = lm_cores_of(root, (const int[]){0, 1, 2, 3, 4, 5, 6, 7}, 8);
        assert_int_equal(all.count, 6);
        assert_true(all.differ);
        assert_false(lm_cores_of(root, (const int[]){4, 5, 6, 7}, 4).differ);
        put_cpu(root, 6, names[i], i == 0 ? "3800000\n" : "440\n");
        assert_false(lm_cores_of(root, (const int[]){4, 5, 6, 7}, 4).differ);
        lm_test_tempdir_free(root);
    }
}

static void test_ladder(void **state) {
    (void)state;
    lm_error err = {0};
    char text[128];
    lm_isa_mask all = (1u << LM_ISA_AVX512BF16) | (1u << LM_ISA_AVX512) | (1u << LM_ISA_AVX2) | 1u;
    lm_isa_mask mask = all;
    assert_true(lm_cpu_detect() & 1u);
    assert_int_equal(lm_cpu_limit("avx2", &mask, &err), LM_OK);
    assert_string_equal(lm_cpu_describe(mask, text, sizeof text), "scalar avx2");
    assert_int_equal(lm_cpu_best(mask), LM_ISA_AVX2);
    assert_int_equal(lm_cpu_limit("auto", &mask, &err), LM_OK);
    assert_int_equal(lm_cpu_limit("avx512", &mask, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "it has: scalar avx2"));
    mask = all;
    assert_int_equal(lm_cpu_limit("avx5l2", &mask, &err), LM_ERR_USAGE);
    assert_non_null(strstr(err.message, "did you mean \"avx512\"?"));
    assert_int_equal(mask, all);
    assert_int_equal(lm_cpu_limit("scalar", &mask, &err), LM_OK);
    assert_int_equal(mask, 1);
    assert_null(lm_isa_name(LM_ISA_COUNT));
    assert_true(strlen(lm_cpu_model(text, sizeof text)) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_cgroup_means_no_limit),
        cmocka_unit_test(test_version_2),
        cmocka_unit_test(test_file_cache_and_slab_can_be_dropped),
        cmocka_unit_test(test_files_that_are_not_numbers_set_no_limit),
        cmocka_unit_test(test_version_1),
        cmocka_unit_test(test_a_cgroup_outside_the_mount_has_the_limit_of_the_mount),
        cmocka_unit_test(test_figures_of_this_machine_are_plausible),
        cmocka_unit_test(test_threads_of_a_quota),
        cmocka_unit_test(test_omp_num_threads_sets_them),
        cmocka_unit_test(test_cpus_that_share_a_core),
        cmocka_unit_test(test_cores_of_an_unknown_machine),
        cmocka_unit_test(test_cores_of_two_kinds),
        cmocka_unit_test(test_ladder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

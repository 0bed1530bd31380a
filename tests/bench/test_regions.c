/* What a recording of a step's regions says of more cores, by given times. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "bench/recording.h"
#include "bench/schedule.h"

static bool near(double a, double b) {
    return fabs(a - b) < 1e-12;
}

/* Tasks in their order go to whichever core is free first, not to where they would fit best. */
static void test_list_scheduling(void **unused) {
    (void)unused;
    const double even[] = {1, 1, 1, 1, 1}, late[] = {1, 1, 1, 1, 4}, early[] = {4, 1, 1, 1, 1};
    assert_true(near(lm_bench_schedule(even, 0, 3), 0));
    assert_true(near(lm_bench_schedule(even, 5, 1), 5));
    assert_true(near(lm_bench_schedule(even, 5, 2), 3));
    assert_true(near(lm_bench_schedule(even, 5, 5), 1));
    assert_true(near(lm_bench_schedule(even, 5, LM_BENCH_MOST_CORES), 1));
    assert_true(near(lm_bench_schedule(late, 5, 2), 6));
    assert_true(near(lm_bench_schedule(early, 5, 2), 4));
    double many[1000];
    for (int i = 0; i < 1000; i++) many[i] = 1 + i % 7;
    double sum = 0;
    for (int i = 0; i < 1000; i++) sum += many[i];
    for (int cores = 1; cores <= LM_BENCH_MOST_CORES; cores++) { /* Graham's bound */
        double took = lm_bench_schedule(many, 1000, cores);
        assert_true(took >= sum / cores - 1e-9 && took <= sum / cores + 7);
    }
}

/* The same by looking at every core for each task. */
static void test_list_scheduling_beside_its_definition(void **unused) {
    (void)unused;
    double seconds[300], free_at[13] = {0}, last = 0;
    for (int i = 0; i < 300; i++) seconds[i] = (double)((i * 7919) % 101) / 64;
    for (int i = 0; i < 300; i++) {
        int first = 0;
        for (int core = 1; core < 13; core++)
            if (free_at[core] < free_at[first]) first = core;
        free_at[first] += seconds[i];
        last = fmax(last, free_at[first]);
    }
    assert_true(near(lm_bench_schedule(seconds, 300, 13), last));
}

/* Three regions: 4 tasks of 1, 2, 3, 4; one of 2; 4 more; each a second longer than it must be. */
static void give(lm_bench_recording *r, double factor) {
    static const double tasks[] = {1, 2, 3, 4};
    static const double two = 2;
    lm_pool_watch watch = lm_bench_recording_watch(r);
    lm_bench_recording_begin(r);
    for (int region = 0; region < 3; region++) {
        int n = region == 1 ? 1 : 4;
        double *to = watch.begin(watch.argument, region == 1 ? "alone" : "four", n);
        assert_non_null(to);
        for (int i = 0; i < n; i++) to[i] = factor * (region == 1 ? two : tasks[i]);
        watch.end(watch.argument, factor * (region == 1 ? 2 : 10) + 1);
    }
    lm_bench_recording_end(r, factor * 22 + 3 + 0.5 * factor);
}

static void test_a_recording(void **unused) {
    (void)unused;
    lm_bench_recording r = {0}, other = {0}, short_one = {0};
    lm_bench_kind kinds[3];
    give(&r, 2);
    give(&r, 1);
    assert_true(r.n_regions == 3 && r.n_tasks == 9 && near(r.outside, 0.5));
    assert_true(near(lm_bench_recording_work(&r), 22.5));
    assert_true(near(lm_bench_recording_serial(&r), 2.5));
    assert_true(near(lm_bench_recording_share_in(&r, 4), 20.0 / 22));
    assert_true(near(lm_bench_recording_share_in(&r, 5), 0));
    assert_true(near(lm_bench_recording_predict(&r, 1), 22.5));
    assert_true(near(lm_bench_recording_predict(&r, 2), 0.5 + 6 + 2 + 6));
    assert_true(near(lm_bench_recording_predict(&r, 100), 0.5 + 4 + 2 + 4));

    assert_int_equal(lm_bench_recording_kinds(&r, 2, kinds, 3), 2);
    assert_string_equal(kinds[0].like->name, "four");
    assert_true(kinds[0].regions == 2 && near(kinds[0].tasks, 20) && near(kinds[0].seconds, 22) &&
                near(kinds[0].predicted, 12));
    assert_true(kinds[1].regions == 1 && near(kinds[1].tasks, 2));
    assert_int_equal(lm_bench_recording_kinds(&r, 2, kinds, 1), 1);

    give(&other, 3);
    other.tasks[0] = other.regions[0].seconds = 0.25;
    assert_true(lm_bench_recording_fold(&r, &other));
    assert_true(near(r.tasks[0], 0.25) && near(r.tasks[1], 2) && near(r.regions[0].seconds, 0.25));
    lm_bench_recording_begin(&short_one);
    assert_false(lm_bench_recording_fold(&r, &short_one));
    lm_bench_recording_free(&r);
    lm_bench_recording_free(&other);
    lm_bench_recording_free(&short_one);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_scheduling),
        cmocka_unit_test(test_list_scheduling_beside_its_definition),
        cmocka_unit_test(test_a_recording),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

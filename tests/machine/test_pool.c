#include "tests/support/test.h"

#include <fenv.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "machine/fpmode.h"
#include "machine/peak.h"
#include "machine/pool.h"
#include "tests/support/aborts.h"

enum { MAX_TASKS = 1000 };

typedef struct record {
    int counts[MAX_TASKS]; /* plain: each task writes its own, the pool orders them */
    int workers[MAX_TASKS];
    int unset_modes;
    int64_t offset;
} record;

static void count_task(void *argument, int64_t task, int worker) {
    record *r = argument;
    r->counts[task]++;
    r->workers[task] = worker;
    if (!lm_fpmode_is_set()) __atomic_fetch_add(&r->unset_modes, 1, __ATOMIC_RELAXED);
}

static void test_every_task_once(void **state) {
    (void)state;
    static const int threads[] = {1, 2, 3, 7, 19};
    static const int64_t tasks[] = {0, 1, 2, 3, 17, MAX_TASKS};
    lm_error err = {0};
    for (size_t i = 0; i < sizeof threads / sizeof *threads; i++) {
        lm_pool *pool;
        assert_int_equal(lm_pool_create(&pool, threads[i], &err), LM_OK);
        assert_int_equal(lm_pool_threads(pool), threads[i]);
        record *r = calloc(1, sizeof *r);
        assert_non_null(r);
        for (size_t j = 0; j < sizeof tasks / sizeof *tasks; j++) {
            memset(r, 0, sizeof *r);
            lm_pool_run(pool, tasks[j], count_task, r);
            for (int64_t t = 0; t < MAX_TASKS; t++) {
                assert_int_equal(r->counts[t], t < tasks[j] ? 1 : 0);
                assert_in_range(r->workers[t], 0, threads[i] - 1);
            }
            assert_int_equal(r->unset_modes, 0);
        }
        free(r);
        lm_pool_free(pool);
    }
    lm_pool_free(NULL);
}

/* Each region reads what the one before wrote: an error of ordering shows as a wrong sum. */
static void chain_task(void *argument, int64_t task, int worker) {
    (void)worker;
    int64_t *x = argument;
    x[task + 1] += x[0];
}

/* What is said to be read next need not be there. */
static void test_reading_ahead_touches_nothing(void **state) {
    (void)state;
    static const lm_pool_ahead aheads[] = {
        {(const void *)(uintptr_t)4096, 1 << 20, 4096, 4, 65536},
        {(const void *)(uintptr_t)(UINTPTR_MAX - 64), INT64_MAX / 8, INT64_MAX / 8, 4, 4096},
        {0}};
    lm_error err = {0};
    lm_pool *pool;
    assert_int_equal(lm_pool_create(&pool, 3, &err), LM_OK);
    int64_t x[6] = {0}, sum = 0;
    for (int i = 0; i < 600; i++) {
        lm_pool_read_ahead(pool, &aheads[i % 3]);
        x[0] = i;
        sum += i;
        lm_pool_run(pool, 4, chain_task, x);
        for (int task = 1; task <= 4; task++) assert_int_equal(x[task], sum);
    }
    lm_pool_read_ahead(NULL, &aheads[0]);
    lm_pool_free(pool);
}

static void test_many_small_regions(void **state) {
    (void)state;
    lm_error err = {0};
    for (int threads = 2; threads <= 4; threads++) {
        lm_pool *pool;
        assert_int_equal(lm_pool_create(&pool, threads, &err), LM_OK);
        int64_t x[6] = {0};
        int64_t sum = 0;
        int regions = threads == 2 ? 20000 : 2000;
        for (int i = 0; i < regions; i++) {
            x[0] = i;
            sum += i;
            lm_pool_run(pool, 1 + i % 5, chain_task, x);
            assert_int_equal(x[1], sum);
        }
        lm_pool_free(pool);
    }
}

static void test_shares(void **state) {
    (void)state;
    lm_error err = {0};
    lm_pool *pool;
    assert_int_equal(lm_pool_create(&pool, 3, &err), LM_OK);
    assert_true(lm_pool_shares(pool) >= 3);
    lm_pool_set_finer(pool, 4);
    assert_int_equal(lm_pool_shares(pool), 12);
    assert_int_equal(lm_pool_threads(pool), 3);
    lm_pool_free(pool);
}

static void test_create_and_free(void **state) {
    (void)state;
    lm_error err = {0};
    lm_pool *pool;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(lm_pool_create(&pool, 1 + i % 4, &err), LM_OK);
        lm_pool_free(pool);
    }
    assert_int_equal(lm_pool_create(&pool, 0, &err), LM_ERR_USAGE);
    assert_int_equal(lm_pool_create(&pool, LM_POOL_MAX_THREADS + 1, &err), LM_ERR_USAGE);
}

static void test_pool_sets_the_mode_of_its_creator(void **state) {
    (void)state;
    lm_error err = {0};
    for (int threads = 1; threads <= 2; threads++) {
        lm_pool *pool;
        assert_int_equal(fesetenv(FE_DFL_ENV), 0);
        assert_false(lm_fpmode_is_set());
        assert_int_equal(lm_pool_create(&pool, threads, &err), LM_OK);
        assert_true(lm_fpmode_is_set());
        lm_pool_free(pool);
    }
}

typedef struct claims {
    int task[64];
    atomic_int busy, total;
} claims;

/* Uneven tasks: the long one must not hold up those that others can do. */
static void uneven_task(void *argument, int64_t task, int worker) {
    (void)worker;
    claims *c = argument;
    if (task == 0) {
        while (atomic_load(&c->total) < 63) sched_yield(); /* ends only if others do all the rest */
    } else {
        c->task[task]++;
    }
    atomic_fetch_add(&c->total, 1);
}

static void test_a_long_task_does_not_hold_up_the_others(void **state) {
    (void)state;
    lm_error err = {0};
    lm_pool *pool;
    assert_int_equal(lm_pool_create(&pool, 2, &err), LM_OK);
    for (int i = 0; i < 20; i++) {
        claims c = {0};
        lm_pool_run(pool, 64, uneven_task, &c);
        assert_int_equal(atomic_load(&c.total), 64);
        for (int t = 1; t < 64; t++) assert_int_equal(c.task[t], 1);
    }
    lm_pool_free(pool);
}

typedef struct beginnings {
    atomic_bool begun[4], done[4];
    int second; /* which of tasks 1 and 2 began while task 0 waited for one of them */
} beginnings;

static void begin_task(void *argument, int64_t task, int worker) {
    (void)worker;
    beginnings *b = argument;
    atomic_store(&b->begun[task], true);
    if (task == 0) {
        while (!atomic_load(&b->begun[1]) && !atomic_load(&b->begun[2])) sched_yield();
        b->second = atomic_load(&b->begun[1]) ? 1 : 2;
    }
    while ((task == 1 || task == 2) && !atomic_load(&b->done[0])) sched_yield();
    atomic_store(&b->done[task], true);
}

/* The second worker begins with the second half, or takes the second task. */
static void test_which_task_a_worker_begins_with(void **state) {
    (void)state;
    lm_error err = {0};
    lm_pool *pool;
    assert_int_equal(lm_pool_create(&pool, 2, &err), LM_OK);
    for (int i = 0; i < 100; i++) {
        beginnings runs = {0}, order = {0};
        lm_pool_run(pool, 4, begin_task, &runs);
        lm_pool_run_in_order(pool, 4, begin_task, &order);
        for (int t = 0; t < 4; t++)
            assert_true(atomic_load(&runs.done[t]) && atomic_load(&order.done[t]));
        assert_int_equal(runs.second, 2);
        assert_int_equal(order.second, 1);
    }
    lm_pool_free(pool);
}

/* Long enough apart that the workers are asleep, and tasks long enough that the caller is. */
static void slow_task(void *argument, int64_t task, int worker) {
    (void)task, (void)worker;
    usleep(500);
    atomic_fetch_add((atomic_int *)argument, 1);
}

static void test_sleepers_are_woken(void **state) {
    (void)state;
    lm_error err = {0};
    for (int threads = 2; threads <= 5; threads++) {
        lm_pool *pool;
        atomic_int done = 0;
        assert_int_equal(lm_pool_create(&pool, threads, &err), LM_OK);
        for (int i = 1; i <= 20; i++) {
            usleep(300);
            lm_pool_run(pool, 3, slow_task, &done);
            assert_int_equal(atomic_load(&done), 3 * i);
        }
        lm_pool_free(pool);
    }
}

typedef struct nested {
    lm_pool *pool;
    int64_t tasks; /* of the region inside */
} nested;

static void nested_task(void *argument, int64_t task, int worker) {
    const nested *n = argument;
    (void)task, (void)worker;
    lm_pool_run(n->pool, n->tasks, nested_task, argument);
}

static void run_nested(void *argument) {
    lm_error err = {0};
    nested *n = argument;
    if (lm_pool_create(&n->pool, 2, &err) == LM_OK) lm_pool_run(n->pool, 2, nested_task, n);
}

static void test_running_the_pool_inside_a_task_aborts(void **state) {
    (void)state;
    for (int64_t tasks = 0; tasks <= 2; tasks++) {
        nested n = {.tasks = tasks};
        assert_true(lm_test_aborts(run_nested, &n, "pool.c"));
    }
}

static void test_fpmode_flushes(void **state) {
    (void)state;
    lm_fpmode_set();
    assert_true(lm_fpmode_is_set());
    volatile float smallest = 0x1p-126f, half = 0.5f, denormal = 0x1p-130f;
    volatile float result = smallest * half, read = denormal * 4.0f;
    assert_true(result == 0.0f);
    assert_true(read == 0.0f);
}

static double fake_loop(int64_t iterations) {
    volatile float x = 1;
    for (int64_t i = 0; i < iterations; i++) x = x * 0.5f + 1.0f;
    return 2.0 * (double)iterations;
}

static void test_peak_is_positive(void **state) {
    (void)state;
    lm_error err = {0};
    lm_pool *pool;
    assert_int_equal(lm_pool_create(&pool, 2, &err), LM_OK);
    assert_true(lm_peak_flops(pool, fake_loop, 0.02) > 1e6);
    lm_pool_free(pool);
}

/* ---- watching ---------------------------------------------------------------------------------*/

typedef struct seen {
    char names[3][64];
    int64_t n_tasks[3];
    double seconds[3], tasks[3][8];
    int begun, ended;
} seen;

static double *begin_region(void *argument, const char *name, int64_t n_tasks) {
    seen *s = argument;
    assert_true(s->begun < 3 && s->begun == s->ended && n_tasks <= 8);
    snprintf(s->names[s->begun], sizeof *s->names, "%s", name);
    s->n_tasks[s->begun] = n_tasks;
    double *room = s->tasks[s->begun];
    if (strcmp(name, "unwatched") == 0) return NULL;
    s->begun++;
    return room;
}

static void end_region(void *argument, double seconds) {
    seen *s = argument;
    s->seconds[s->ended++] = seconds;
}

/* Takes 2 ms; task 3 takes 20. */
static void sleepy_task(void *argument, int64_t task, int worker) {
    (void)argument, (void)worker;
    usleep(task == 3 ? 20000 : 2000);
}

static void test_a_watch_is_told_of_regions_and_tasks(void **state) {
    (void)state;
    static const int threads[] = {1, 3};
    lm_error err = {0};
    for (int i = 0; i < 2; i++) {
        seen s = {0};
        lm_pool *pool;
        const lm_pool_watch watch = {begin_region, end_region, &s};
        assert_int_equal(lm_pool_create(&pool, threads[i], &err), LM_OK);
        lm_pool_set_watch(pool, &watch);
        lm_pool_run(pool, 4, sleepy_task, NULL);
        lm_pool_run_named(pool, 1, sleepy_task, NULL, "unwatched");
        lm_pool_run_named(pool, 1, sleepy_task, NULL, "alone");
        lm_pool_set_watch(pool, NULL);
        lm_pool_run(pool, 2, sleepy_task, NULL);
        assert_true(s.begun == 2 && s.ended == 2);
        assert_non_null(strstr(s.names[0], "test_pool.c:sleepy_task"));
        assert_string_equal(s.names[1], "alone");
        assert_true(s.n_tasks[0] == 4 && s.n_tasks[1] == 1);
        for (int t = 0; t < 4; t++) assert_true(s.tasks[0][t] >= (t == 3 ? 0.02 : 0.002));
        assert_true(s.seconds[0] >= s.tasks[0][3] && s.tasks[0][4] == 0);
        assert_true(s.seconds[1] >= s.tasks[1][0] && s.tasks[1][0] >= 0.002);
        lm_pool_free(pool);
    }
}

/* A pool that seems larger still does its tasks with the workers that it has. */
static void test_apparent_threads_do_no_tasks(void **state) {
    (void)state;
    lm_error err = {0};
    lm_pool *pool;
    record *r = calloc(1, sizeof *r);
    assert_non_null(r);
    assert_int_equal(lm_pool_create(&pool, 2, &err), LM_OK);
    lm_pool_set_apparent_threads(pool, 128);
    assert_int_equal(lm_pool_threads(pool), 128);
    lm_pool_run(pool, MAX_TASKS, count_task, r);
    for (int64_t t = 0; t < MAX_TASKS; t++) {
        assert_int_equal(r->counts[t], 1);
        assert_in_range(r->workers[t], 0, 1);
    }
    free(r);
    lm_pool_free(pool);
}

typedef struct turns {
    lm_pool *pool;
    int count, depth, within;
} turns;

static void take_turn(void *argument, bool within) {
    turns *t = argument;
    record r = {0};
    t->within += within;
    if (within) return;
    t->count++;
    if (t->depth++ == 0) lm_pool_run(t->pool, 3, count_task, &r); /* a region of its own */
    t->depth--;
}

static void long_task(void *argument, int64_t task, int worker) {
    double begun = lm_clock_seconds();
    while (lm_clock_seconds() < begun + 4 * LM_POOL_TURN) continue;
    count_task(argument, task, worker);
}

static void test_a_turn_between_regions_and_tasks(void **state) {
    (void)state;
    lm_error err = {0};
    for (int threads = 1; threads <= 2; threads++) {
        turns t = {0};
        record r = {0};
        assert_int_equal(lm_pool_create(&t.pool, threads, &err), LM_OK);
        lm_pool_set_between(t.pool, take_turn, &t);
        for (int i = 0; i < 5; i++) lm_pool_run(t.pool, 4, count_task, &r);
        assert_int_equal(t.count, 10);
        for (int i = 0; i < 4; i++) assert_int_equal(r.counts[i], 5);
        t.within = 0;
        lm_pool_run(t.pool, 4, long_task, &r);
        assert_int_equal(t.count, 12);
        if (threads == 1) assert_int_equal(t.within, 3); /* two may share four in any way */
        lm_pool_set_between(t.pool, NULL, NULL);
        lm_pool_run(t.pool, 4, count_task, &r);
        assert_int_equal(t.count, 12);
        lm_pool_free(t.pool);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_task_once),
        cmocka_unit_test(test_many_small_regions),
        cmocka_unit_test(test_reading_ahead_touches_nothing),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_create_and_free),
        cmocka_unit_test(test_pool_sets_the_mode_of_its_creator),
        cmocka_unit_test(test_a_long_task_does_not_hold_up_the_others),
        cmocka_unit_test(test_which_task_a_worker_begins_with),
        cmocka_unit_test(test_sleepers_are_woken),
        cmocka_unit_test(test_running_the_pool_inside_a_task_aborts),
        cmocka_unit_test(test_a_watch_is_told_of_regions_and_tasks),
        cmocka_unit_test(test_apparent_threads_do_no_tasks),
        cmocka_unit_test(test_a_turn_between_regions_and_tasks),
        cmocka_unit_test(test_fpmode_flushes),
        cmocka_unit_test(test_peak_is_positive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

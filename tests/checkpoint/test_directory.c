/* A directory of checkpoints: the newest good one, what is set aside, what is kept. */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "checkpoint/checkpoint.h"
#include "tests/support/tempdir.h"

static lm_pool *pool;
static float data[10];

static int set_up(void **state) {
    lm_error err = {0};
    tempdir_open(state);
    return lm_pool_create(&pool, 1, &err) == LM_OK ? 0 : -1;
}
static int tear_down(void **state) {
    lm_pool_free(pool);
    return tempdir_close(state);
}

static char *in(const char *name) {
    char *path = lm_file_join(tempdir, name);
    assert_non_null(path);
    return path;
}

/* The names in a directory, a space behind each. */
static void expect_files(const char *path, const char *names) {
    lm_error err = {0};
    lm_file_list list;
    lm_text found = {0};
    assert_int_equal(lm_file_list_directory(&list, path, &err), LM_OK);
    for (size_t i = 0; i < list.count; i++) lm_text_printf(&found, "%s ", list.names[i]);
    assert_string_equal(lm_text_cstr(&found), names);
    lm_text_free(&found);
    lm_file_list_free(&list);
}

static int looked; /* calls of loss_of */

static double loss_of(const char *meta) {
    const char *at = strstr(meta, "\"loss\": ");
    looked++;
    return at ? strtod(at + 8, NULL) : NAN;
}

static lm_status retain(const char *runs, int64_t newest, int64_t last, int64_t every,
                        int64_t best) {
    lm_error err = {0};
    lm_checkpoint_losses known = {0};
    lm_checkpoint_retention keep = {newest, last, every, 0, best, loss_of, &known};
    lm_status status = lm_checkpoint_retain(runs, &keep, &err);
    lm_checkpoint_losses_free(&known);
    return status;
}

static void write_one(const char *runs, int64_t step, double loss) {
    lm_error err = {0};
    char meta[64], *path = lm_checkpoint_path(runs, step);
    lm_checkpoint_array a = {"a", 1, {10, 0, 0, 0}, data};
    snprintf(meta, sizeof meta, isnan(loss) ? "{}" : "{\"loss\": %g}", loss);
    assert_int_equal(lm_checkpoint_write(path, &a, 1, NULL, 0, meta, pool, NULL, &err), LM_OK);
    free(path);
}

static void test_what_retention_keeps(void **state) {
    (void)state;
    lm_error err = {0};
    char *runs = in("kept");
    /* 0.5 was evaluated once, at 200: 300 repeats it. 600 has none, 700 is beyond the newest. */
    const double losses[] = {0.9, 0.5, 0.5, 0.7, 0.6, NAN, 0.1};
    assert_int_equal(lm_file_make_directory(runs, &err), LM_OK);
    for (int i = 0; i < 7; i++) write_one(runs, 100 * (i + 1), losses[i]);
    uint64_t bytes = lm_checkpoint_bytes(runs);
    assert_int_equal(retain(runs, 600, 1, 400, 2), LM_OK);
    expect_files(runs, "step-0000000200.npz step-0000000400.npz step-0000000500.npz "
                       "step-0000000600.npz step-0000000700.npz ");
    assert_true(lm_checkpoint_bytes(runs) < bytes && lm_checkpoint_bytes(runs) > bytes / 2);
    assert_int_equal(retain(runs, 700, 2, 0, 1), LM_OK);
    expect_files(runs, "step-0000000600.npz step-0000000700.npz ");
    free(runs);
}

static void test_newest_and_retention(void **state) {
    (void)state;
    lm_error err = {0};
    lm_text skipped = {0};
    char *runs = in("checkpoints"), *newest;
    assert_int_equal(lm_checkpoint_newest(runs, pool, &newest, &skipped, &err), LM_OK);
    assert_null(newest);
    assert_int_equal(lm_file_make_directory(runs, &err), LM_OK);
    for (int64_t step = 100; step <= 500; step += 100) write_one(runs, step, NAN);
    char *last = lm_checkpoint_path(runs, 500), *other = lm_file_join(runs, "notes.txt");
    char *temporary = lm_file_join(runs, "step-0000000600.npz.tmp");
    assert_int_equal(lm_file_replace(last, "not a checkpoint", 16, &err), LM_OK);
    assert_int_equal(lm_file_replace(other, "x", 1, &err), LM_OK);
    assert_int_equal(lm_file_replace(temporary, "x", 1, &err), LM_OK);
    assert_int_equal(lm_checkpoint_newest(runs, pool, &newest, &skipped, &err), LM_OK);
    assert_non_null(strstr(newest, "/step-0000000400.npz"));
    assert_non_null(strstr(lm_text_cstr(&skipped), "step-0000000500.npz: expected the end of"));

    /* Resumed at 400: the damaged one is set aside and stays, beside a second of the same step. */
    lm_text moved = {0};
    assert_int_equal(lm_checkpoint_set_aside(runs, 400, &moved, &err), LM_OK);
    assert_non_null(strstr(lm_text_cstr(&moved), "step-0000000500.npz.aside\n"));
    expect_files(runs, "notes.txt step-0000000100.npz step-0000000200.npz step-0000000300.npz "
                       "step-0000000400.npz step-0000000500.npz.aside step-0000000600.npz.tmp ");
    assert_int_equal(retain(runs, 400, 2, 0, 0), LM_OK);
    expect_files(runs, "notes.txt step-0000000300.npz step-0000000400.npz "
                       "step-0000000500.npz.aside ");
    write_one(runs, 500, NAN);
    assert_int_equal(retain(runs, 500, 2, 0, 0), LM_OK);
    expect_files(runs, "notes.txt step-0000000400.npz step-0000000500.npz "
                       "step-0000000500.npz.aside ");
    assert_int_equal(lm_checkpoint_set_aside(runs, 400, &moved, &err), LM_OK);
    assert_non_null(strstr(lm_text_cstr(&moved), "step-0000000500.npz.aside2\n"));
    expect_files(runs, "notes.txt step-0000000400.npz step-0000000500.npz.aside "
                       "step-0000000500.npz.aside2 ");
    lm_text_free(&moved);
    lm_text_free(&skipped);
    free(newest);
    free(last);
    free(other);
    free(temporary);
    free(runs);
}

enum { STEPS = 30 };

/* What retention should keep of the checkpoints up to `newest`, by the words of its header. */
static void expect_kept(bool there[STEPS + 1], const double loss[STEPS + 1],
                        const lm_checkpoint_retention *k) {
    bool kept[STEPS + 1] = {false};
    int64_t last = 0;
    for (int64_t s = k->newest; s > 0 && last < k->keep_last; s--)
        if (there[s]) kept[s] = ++last > 0;
    for (int64_t s = 1; s <= k->newest; s++)
        if ((k->keep_every > 0 && s % k->keep_every == 0) ||
            (k->keep_step > 0 && s == k->keep_step))
            kept[s] = there[s];
    for (int64_t s = 1; s <= k->newest; s++) {
        int64_t better = 0;    /* lower losses, each counted once */
        bool repeated = false; /* an older one has the same */
        for (int64_t i = 1; there[s] && i <= k->newest; i++) {
            bool first = there[i] && i != s;
            for (int64_t j = 1; j < i; j++) first = first && !(there[j] && loss[j] == loss[i]);
            better += first && loss[i] < loss[s];
            repeated = repeated || (there[i] && i < s && loss[i] == loss[s]);
        }
        if (there[s] && isfinite(loss[s]) && !repeated && better < k->keep_best) kept[s] = true;
    }
    memcpy(there, kept, sizeof kept);
}

/* A run that saves at each step, is taken back now and then, and saves a step twice, under every
 * kind of rule at once: the newest is always there, what is kept is what the rules say, and each
 * meta.json was read once. */
static void run_with(uint64_t seed) {
    lm_error err = {0};
    lm_rng rng = {.seed = seed, .purpose = LM_RNG_TEST};
    uint64_t draws = 0;
    char *runs = in("run");
    bool there[STEPS + 1] = {false};
    double loss[STEPS + 1];
    lm_checkpoint_losses known = {0};
    lm_text moved = {0};
#define DRAW(n) ((int64_t)((double)(n)*lm_rng_uniform(&rng, draws++)))
    lm_checkpoint_retention keep = {.loss = loss_of, .known = &known};
    keep.keep_last = 1 + DRAW(3);
    if (DRAW(2) == 0) keep.keep_every = 2 + DRAW(5);
    if (DRAW(2) == 0) keep.keep_step = 1 + DRAW(20);
    keep.keep_best = DRAW(4);
    assert_int_equal(lm_file_make_directory(runs, &err), LM_OK);
    for (int64_t step = 1; step <= STEPS; step++) {
        loss[step] = DRAW(8) == 0 ? NAN : 1.0 + 0.25 * (double)DRAW(8);
        write_one(runs, step, loss[step]);
        there[step] = true;
        keep.newest = step;
        looked = 0;
        assert_int_equal(lm_checkpoint_retain(runs, &keep, &err), LM_OK);
        assert_int_equal(looked, keep.keep_best > 0);
        expect_kept(there, loss, &keep);
        assert_true(there[step]);
        for (int64_t s = 1; s <= step; s++) {
            char *path = lm_checkpoint_path(runs, s);
            assert_int_equal(lm_file_exists(path), there[s]);
            free(path);
        }
        if (DRAW(10) == 0 && step > 4) { /* taken back to the newest of those kept before */
            int64_t to = step - 1;
            while (to > 0 && !there[to]) to--;
            if (to == 0) continue;
            assert_int_equal(lm_checkpoint_set_aside(runs, to, &moved, &err), LM_OK);
            for (int64_t s = to + 1; s <= STEPS; s++) there[s] = false;
            step = to;
            lm_checkpoint_losses_free(&known); /* by another process */
            keep.newest = to;
            assert_int_equal(lm_checkpoint_retain(runs, &keep, &err), LM_OK);
            expect_kept(there, loss, &keep);
        } else if (DRAW(6) == 0) {
            step--; /* evaluated after it was saved: once more */
        }
    }
    lm_checkpoint_losses_free(&known);
    lm_text_free(&moved);
    lm_test_tempdir_free(runs);
#undef DRAW
}

static void test_retention_keeps_what_any_rule_keeps(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) run_with(seed);
}

/* Something in the way, a directory of that name say, must not keep the others: the disk would
 * fill. */
static void test_a_checkpoint_that_cannot_be_deleted_does_not_spare_the_others(void **state) {
    (void)state;
    lm_error err = {0};
    char *runs = in("stuck"), *way = lm_checkpoint_path(runs, 100), *newest;
    char *half = lm_file_join(runs, "step-0000000050.npz.tmp");
    char *together = lm_file_join(runs, "step-0000000050.npz.123-456.tmp");
    char *kept = lm_file_join(runs, "step-0000000050.npz.mine.tmp");
    lm_text skipped = {0};
    assert_int_equal(lm_file_make_directory(way, &err), LM_OK);
    assert_int_equal(lm_file_replace(half, "x", 1, &err), LM_OK);
    assert_int_equal(lm_file_replace(together, "x", 1, &err), LM_OK);
    assert_int_equal(lm_file_replace(kept, "x", 1, &err), LM_OK);
    for (int64_t step = 200; step <= 400; step += 100) write_one(runs, step, NAN);
    assert_int_equal(retain(runs, 400, 1, 0, 0), LM_ERR_RUNTIME);
    expect_files(runs, "step-0000000050.npz.mine.tmp step-0000000100.npz step-0000000400.npz ");
    /* Nor be waited for when it is the newest. */
    char *later = lm_checkpoint_path(runs, 500);
    assert_int_equal(lm_file_make_directory(later, &err), LM_OK);
    assert_int_equal(lm_checkpoint_newest(runs, pool, &newest, &skipped, &err), LM_OK);
    assert_non_null(strstr(newest, "/step-0000000400.npz"));
    assert_non_null(strstr(lm_text_cstr(&skipped), "found a directory"));
    lm_text_free(&skipped);
    free(newest);
    free(later);
    free(half);
    free(together);
    free(kept);
    free(way);
    free(runs);
}

/* What may be deleted is so because its successor is there. */
static void test_nothing_is_deleted_when_the_newest_is_missing(void **state) {
    (void)state;
    lm_error err = {0};
    char *runs = in("alone"), *last = lm_checkpoint_path(runs, 300);
    assert_int_equal(lm_file_make_directory(runs, &err), LM_OK);
    for (int64_t step = 100; step <= 300; step += 100) write_one(runs, step, NAN);
    assert_int_equal(lm_file_remove(last, &err), LM_OK);
    assert_int_equal(retain(runs, 300, 1, 0, 0), LM_OK);
    expect_files(runs, "step-0000000100.npz step-0000000200.npz ");
    free(last);
    free(runs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_retention_keeps),
        cmocka_unit_test(test_newest_and_retention),
        cmocka_unit_test(test_retention_keeps_what_any_rule_keeps),
        cmocka_unit_test(test_a_checkpoint_that_cannot_be_deleted_does_not_spare_the_others),
        cmocka_unit_test(test_nothing_is_deleted_when_the_newest_is_missing),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

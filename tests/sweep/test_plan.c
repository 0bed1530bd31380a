/* Halving and TPE as functions of results. */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "sweep/leaderboard.h"
#include "sweep/plan.h"
#include "sweep/tpe.h"
#include "tests/support/tempdir.h"

static void open_sweep(lm_sweep *s, const char *section) {
    char text[1024];
    lm_error err = {0};
    char *path = lm_file_join(tempdir, "s.json");
    snprintf(text, sizeof text,
             "{\"sweep\": {\"dir\": \"d\", %s}, \"base\": {\"data\": {\"train\": \"t\"},"
             " \"train\": {\"steps\": 64}},"
             " \"space\": {\"optimizer.lr\": {\"log_uniform\": [1e-4, 1]},"
             " \"model.tie_embeddings\": [true, false]}}",
             section);
    assert_int_equal(lm_file_replace(path, text, strlen(text), &err), LM_OK);
    if (lm_sweep_open(s, path, NULL, &err) != LM_OK) fail_msg("%s", err.message);
    free(path);
}

/* The distance of log lr from log 0.01, and 1 more without tied embeddings. */
static double loss_of(const lm_sweep *s, int64_t setting) {
    const lm_value *v = lm_sweep_values(s, setting);
    return v ? fabs(log(v[0].number / 0.01)) + (v[1].number != 0 ? 0 : 1) : 9;
}

static void give(const lm_sweep *s, lm_journals *j, const lm_task *t, lm_task_state state) {
    double loss = loss_of(s, t->trial / s->options.n_seeds);
    *lm_journals_result(j, t->trial, t->rung) = (lm_result){.state = state, .loss = loss};
}

/* 9 settings, 4, 2, 1: a rung opens when the one before is whole, for the best; what diverged
 * stays. */
static void test_halving(void **state) {
    (void)state;
    lm_sweep s;
    lm_journals j;
    lm_error err;
    lm_task_list list;
    open_sweep(&s, "\"points\": 9, \"halving\": 2, \"seeds\": 2, \"baseline\": false");
    assert_int_equal(lm_journals_open(&j, &s, &err), LM_OK);
    int64_t expected[] = {18, 8, 4, 2};
    double worst_before = INFINITY;
    for (int rung = 0; rung < 4; rung++) {
        assert_int_equal(lm_plan(&s, &j, &list, &err), LM_OK);
        assert_int_equal(list.count, expected[rung]);
        double worst = 0;
        for (int64_t i = 0; i < list.count; i++) {
            assert_int_equal(list.tasks[i].rung, rung);
            worst = fmax(worst, loss_of(&s, list.tasks[i].trial / 2));
        }
        assert_true(worst < worst_before);
        worst_before = worst;
        lm_task last = list.tasks[list.count - 1];
        for (int64_t i = 0; i + 1 < list.count; i++) give(&s, &j, &list.tasks[i], LM_TASK_DONE);
        lm_task_list_free(&list);
        assert_int_equal(lm_plan(&s, &j, &list, &err), LM_OK);
        assert_int_equal(list.count, 1);
        assert_int_equal(list.tasks[0].trial, last.trial);
        give(&s, &j, &last, LM_TASK_DONE);
        lm_task_list_free(&list);
    }
    assert_int_equal(lm_plan(&s, &j, &list, &err), LM_OK);
    assert_true(list.complete);
    lm_task_list_free(&list);
    /* Without a result that counts, a setting does not go on, however good the other seed is. */
    int64_t best = 0;
    for (int64_t i = 1; i < 9; i++) best = loss_of(&s, i) < loss_of(&s, best) ? i : best;
    memset(j.results, 0, 18 * 4 * sizeof *j.results);
    for (int64_t t = 0; t < 18; t++)
        give(&s, &j, &(lm_task){t, 0}, t == 2 * best ? LM_TASK_DIVERGED : LM_TASK_DONE);
    assert_true(isinf(lm_plan_mean(&s, &j, best, 0)));
    assert_int_equal(lm_plan(&s, &j, &list, &err), LM_OK);
    assert_int_equal(list.count, 8);
    for (int64_t i = 0; i < list.count; i++) assert_int_not_equal(list.tasks[i].trial / 2, best);
    assert_false(list.competes[best]);
    lm_task_list_free(&list);
    lm_journals_close(&j);
    lm_sweep_close(&s);
}

/* What diverged has the last rank among the losses, and no part in means; what failed says
 * nothing. */
static void test_what_diverged_counts_as_the_worst(void **state) {
    (void)state;
    lm_sweep s;
    lm_journals j;
    lm_error err;
    lm_text text = {0};
    open_sweep(&s, "\"points\": 8, \"baseline\": false");
    assert_int_equal(lm_journals_open(&j, &s, &err), LM_OK);
    int64_t highest = 0, lowest = 0;
    for (int64_t i = 1; i < 8; i++) {
        double lr = lm_sweep_values(&s, i)[0].number;
        if (lr > lm_sweep_values(&s, highest)[0].number) highest = i;
        if (lr < lm_sweep_values(&s, lowest)[0].number) lowest = i;
    }
    for (int64_t i = 0; i < 8; i++)
        *lm_journals_result(&j, i, 0) = (lm_result){
            .state = i == highest  ? LM_TASK_DIVERGED
                     : i == lowest ? LM_TASK_FAILED
                                   : LM_TASK_DONE,
            .steps = 7,
            .loss = i == highest || i == lowest ? NAN : 1 + lm_sweep_values(&s, i)[0].number};
    lm_importance_print(&s, &j, &text);
    assert_non_null(strstr(lm_text_cstr(&text), "importance 1.00, the loss rises with it"));
    lm_importance_write(&s, &j, &text);
    assert_non_null(strstr(lm_text_cstr(&text), "\"settings\": 7,"));
    assert_non_null(strstr(lm_text_cstr(&text), "\"diverged\": 1, \"mean\": "));
    text.length = 0;
    lm_leaderboard_print(&s, &j, 8, &text);
    assert_non_null(strstr(lm_text_cstr(&text), "     7  diverged "));
    assert_non_null(strstr(lm_text_cstr(&text), "1 of 8 trials diverged\n1 of 8 trials failed\n"));
    lm_text_free(&text);
    lm_journals_close(&j);
    lm_sweep_close(&s);
}

/* A density over [0, 1) has the integral 1, also when its Gaussians are cut. */
static void test_density(void **state) {
    (void)state;
    const double at[] = {0.01, 0.02, 0.5, 0.97};
    double sum = 0;
    enum { PARTS = 20000 };
    for (int i = 0; i < PARTS; i++) sum += lm_tpe_density(at, 4, 0, (i + 0.5) / PARTS) / PARTS;
    assert_true(fabs(sum - 1) < 1e-6); /* the midpoint rule on widths of 1/6: about 1e-9 */
    sum = 0;
    for (int i = 0; i < 5; i++) sum += lm_tpe_density(at, 4, 5, (i + 0.5) / 5) / 5;
    assert_true(fabs(sum - 1) < 1e-12);
    assert_true(lm_tpe_density(at, 4, 0, 0.02) > lm_tpe_density(at, 4, 0, 0.75));
}

/* Generations come one after the other, get better, and are the same whenever they are drawn. */
static void test_tpe(void **state) {
    (void)state;
    double means[2][6];
    for (int run = 0; run < 2; run++) {
        lm_sweep s;
        lm_journals j;
        lm_error err;
        lm_task_list list;
        open_sweep(&s, "\"points\": 96, \"method\": \"tpe\", \"baseline\": false");
        assert_int_equal(lm_journals_open(&j, &s, &err), LM_OK);
        for (int generation = 0; generation < 6; generation++) {
            assert_int_equal(lm_plan(&s, &j, &list, &err), LM_OK);
            assert_int_equal(list.count, 16);
            means[run][generation] = 0;
            for (int64_t i = 0; i < 16; i++) {
                /* in another order each run */
                const lm_task *t = &list.tasks[run ? 15 - i : i];
                assert_int_equal(t->trial / 16, generation);
                give(&s, &j, t, LM_TASK_DONE);
            }
            for (int64_t t = 16 * generation; t < 16 * (generation + 1); t++)
                means[run][generation] += loss_of(&s, t) / 16;
            lm_task_list_free(&list);
        }
        lm_journals_close(&j);
        lm_sweep_close(&s);
    }
    assert_memory_equal(means[0], means[1], sizeof means[0]);
    assert_true(means[0][5] < 0.6 * means[0][0]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_halving),
        cmocka_unit_test(test_what_diverged_counts_as_the_worst),
        cmocka_unit_test(test_density),
        cmocka_unit_test(test_tpe),
    };
    return cmocka_run_group_tests(tests, tempdir_open, tempdir_close);
}

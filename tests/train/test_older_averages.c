/* Checkpoints from before averages of lazy tables were kept as gaps: they hold "ema/ngram..." rows,
 * no "ema_gap/ngram..." rows and no "gap" in meta.json. A run goes on from one, whoever uses the
 * model reads the same weights out of it, and one that lacks both is refused by name. */
#include "tests/support/test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "bench/corpus.h"
#include "tests/support/tempdir.h"
#include "tests/support/trainer.h"

static lm_bench_corpus corpus;
static lm_error err;

static int set_up(void **state) {
    if (lm_bench_corpus_make(&corpus, 65, &err) != LM_OK) return -1;
    return tempdir_open(state);
}
static int tear_down(void **state) {
    lm_bench_corpus_free(&corpus);
    return tempdir_close(state);
}

/* Evaluates a blend of its weights and their average; one step is not averaged. */
static trainer *make(void) {
    lm_text text = {0};
    lm_text_printf(
        &text,
        "{\"run\": {\"dir\": \"-\", \"threads\": 2}, \"data\": {\"train\": \"%s\"}, \"model\": {"
        "\"vocab_size\": 65, \"d_model\": 8, \"n_layers\": 1, \"n_heads\": 1, \"context_length\":"
        " 8, \"ngram_tables\": [{\"order\": 2, \"rows\": 40}, {\"order\": 3, \"rows\": 90}]},"
        " \"optimizer\": {\"lr\": 0.1}, \"schedule\": {\"warmup_steps\": 0}, \"train\": {\"batch\":"
        " 4, \"steps\": 20, \"ema\": 0.8, \"ema_start\": 1, \"ema_blend\": 0.7}}",
        corpus.path);
    trainer *t = trainer_make(lm_text_cstr(&text));
    lm_text_free(&text);
    return t;
}

static void step(trainer *t, int n) {
    for (int i = 0; i < n; i++) assert_int_equal(lm_trainer_step(&t->t, &err), LM_OK);
}

static bool is_gap(const lm_checkpoint_array *a) {
    return strncmp(a->name, LM_AVERAGE_GAP "/", strlen(LM_AVERAGE_GAP) + 1) == 0;
}

/* Gaps become averages, w + E gap; or are left out. malloc'd path. */
static char *write_older(const char *name, trainer *t, bool without) {
    lm_run_state s = t->t.state;
    lm_text meta = {0};
    int64_t rows, n = 0;
    const lm_param *row = lm_model_rows(t->t.model, &rows);
    lm_checkpoint_array *all = calloc((size_t)t->t.n_arrays, sizeof *all);
    float *made[8];
    int n_made = 0;
    assert_non_null(all);
    for (int64_t i = 0; i < t->t.n_arrays; i++) {
        all[n] = t->t.arrays[i];
        if (is_gap(&all[n])) {
            const char *of = all[n].name + strlen(LM_AVERAGE_GAP) + 1;
            const lm_param *r = row;
            while (strcmp(r->name, of) != 0) r++;
            const float *w = lm_model_weights(t->t.model) + r->offset;
            float *average = made[n_made++] = malloc((size_t)r->count * sizeof *average);
            assert_non_null(average);
            for (int64_t k = 0; k < r->count; k++)
                average[k] = w[k] + (float)s.gap * all[n].data[k];
            all[n] = lm_saved_array(LM_SAVED_AVERAGE, r, average);
            if (without) continue;
        }
        n++;
    }
    assert_int_equal(n_made, 2);
    assert_true(s.gap < 1);
    s.gap = 1; /* which is not written */
    lm_run_state_print(&s, &t->config, &meta);
    assert_null(strstr(lm_text_cstr(&meta), "\"gap\""));
    char *path = lm_file_join(tempdir, name);
    if (lm_checkpoint_write(path, all, n, NULL, 0, lm_text_cstr(&meta), t->t.pool, NULL, &err) !=
        LM_OK)
        fail_msg("%s", err.message);
    while (n_made > 0) free(made[--n_made]);
    free(all);
    lm_text_free(&meta);
    return path;
}

/* What the run evaluates; malloc'd. */
static float *evaluated(trainer *t) {
    const size_t bytes = (size_t)lm_model_total(t->t.model) * sizeof(float);
    float *w = malloc(bytes);
    assert_non_null(w);
    assert_true(lm_trainer_show_average(&t->t));
    memcpy(w, lm_model_weights(t->t.model), bytes);
    lm_trainer_hide_average(&t->t);
    return w;
}

/* w and a gap to the average were each rounded once or twice on the way, in both runs. */
static void close_to(const char *what, const float *want, const float *got, int64_t n) {
    double largest = 0;
    for (int64_t i = 0; i < n; i++) largest = fmax(largest, fabs((double)want[i]));
    for (int64_t i = 0; i < n; i++)
        if (!(fabs((double)want[i] - (double)got[i]) <= 8 * (double)FLT_EPSILON * largest))
            fail_msg("%s: element %lld is %.9g, expected %.9g", what, (long long)i, (double)got[i],
                     (double)want[i]);
}

static void test_runs_go_on_from_them(void **state) {
    (void)state;
    trainer *a = make(), *b = make();
    lm_saved from;
    lm_text skipped = {0};
    const int64_t total = lm_model_total(a->t.model);
    step(a, 6);
    char *path = write_older("older.npz", a, false);
    assert_int_equal(lm_saved_open(&from, path, a->t.pool, &skipped, &err), LM_OK);
    if (lm_trainer_take(&b->t, &from, &err) != LM_OK) fail_msg("%s", err.message);
    for (int i = 0; i < 2; i++) {
        float *want = evaluated(a), *got = evaluated(b);
        close_to(i == 0 ? "the blend" : "the blend later", want, got, total);
        assert_memory_equal(lm_model_weights(a->t.model), lm_model_weights(b->t.model),
                            (size_t)total * sizeof(float));
        free(want);
        free(got);
        step(a, 5);
        step(b, 5);
    }
    lm_saved_close(&from);
    free(path);
    trainer_free(a);
    trainer_free(b);
}

static void test_their_weights_are_what_the_run_evaluated(void **state) {
    (void)state;
    trainer *a = make();
    lm_saved from;
    lm_text skipped = {0};
    int64_t n;
    const int64_t total = lm_model_total(a->t.model);
    step(a, 6);
    char *path = write_older("older.npz", a, false);
    assert_int_equal(lm_saved_open(&from, path, a->t.pool, &skipped, &err), LM_OK);
    float *want = evaluated(a), *got = calloc((size_t)total, sizeof *got);
    const lm_param *rows = lm_model_rows(a->t.model, &n);
    assert_int_equal(lm_saved_read(&from, rows, n, got, a->t.pool, &err), LM_OK);
    close_to("the blend", want, got, total);
    free(want);
    free(got);
    lm_saved_close(&from);
    free(path);
    trainer_free(a);
}

static void test_neither_gaps_nor_averages(void **state) {
    (void)state;
    trainer *a = make(), *b = make();
    lm_saved from;
    lm_text skipped = {0};
    step(a, 6);
    char *path = write_older("neither.npz", a, true);
    assert_int_equal(lm_saved_open(&from, path, a->t.pool, &skipped, &err), LM_OK);
    assert_int_not_equal(lm_trainer_take(&b->t, &from, &err), LM_OK);
    if (!strstr(err.message, "ema/ngram.2.weight") || !strstr(err.message, "neither.npz"))
        fail_msg("%s", err.message);
    lm_saved_close(&from);
    free(path);
    trainer_free(a);
    trainer_free(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_runs_go_on_from_them),
        cmocka_unit_test(test_their_weights_are_what_the_run_evaluated),
        cmocka_unit_test(test_neither_gaps_nor_averages),
    };
    return cmocka_run_group_tests_name("older averages", tests, set_up, tear_down);
}

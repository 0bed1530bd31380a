/* The mean of checkpoints is that of their weights, in double and rounded once; what cannot be
 * averaged is refused by name. */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "saved/mean.h"
#include "tests/support/tempdir.h"

enum { MODELS = 3 };

static lm_pool *pool;
static lm_error err;

static int set_up(void **state) {
    return tempdir_open(state) == 0 && lm_pool_create(&pool, 2, &err) == LM_OK ? 0 : -1;
}
static int tear_down(void **state) {
    lm_pool_free(pool);
    return tempdir_close(state);
}

/* A checkpoint of a model with this "model" object; weights and their average are draws by seed.
 * averaged: it has an average of them, of which it evaluates the share 0.25. malloc'd path. */
static char *make(const char *name, const char *model, uint32_t seed, int64_t step, bool averaged) {
    lm_config c;
    lm_text run = {0}, meta = {0};
    lm_checkpoint_array *arrays;
    lm_run_state s;
    int64_t total, n;
    lm_text_printf(&run, "{\"run\": {\"dir\": \"r\"}, \"data\": {\"train\": \"t\"}, \"model\": %s",
                   model);
    lm_text_printf(&run, "%s}", averaged ? ", \"train\": {\"ema\": 0.5, \"ema_blend\": 0.25}" : "");
    if (lm_config_parse(&c, "f", run.data, run.length, NULL, 0, &err) != LM_OK ||
        lm_model_resolve(&c.model, &err) != LM_OK)
        fail_msg("%s", err.message);
    n = lm_model_params(&c.model, NULL, &total);
    lm_param *rows = calloc((size_t)n, sizeof *rows);
    float *weights = calloc(2 * (size_t)total, sizeof *weights);
    assert_true(rows && weights);
    lm_model_params(&c.model, rows, &total);
    const lm_rng rng = {.seed = seed, .purpose = LM_RNG_INIT};
    for (int64_t i = 0; i < 2 * total; i++) weights[i] = (float)lm_rng_normal(&rng, (uint64_t)i);
    lm_run_state_init(&s);
    s.step = step;
    s.averaged = averaged ? step : 0;
    lm_run_state_print(&s, &c, &meta);
    arrays = lm_saved_row_arrays(rows, n, weights);
    lm_checkpoint_array *all = calloc(2 * (size_t)n, sizeof *all);
    assert_true(arrays && all);
    memcpy(all, arrays, (size_t)n * sizeof *all);
    for (int64_t i = 0; i < n; i++) {
        all[n + i] = all[i];
        all[n + i].data += total;
        snprintf(all[n + i].name, sizeof all->name, "ema/%s", all[i].name);
    }
    char *path = lm_file_join(tempdir, name);
    assert_int_equal(lm_checkpoint_write(path, all, averaged ? 2 * n : n, NULL, 0,
                                         lm_text_cstr(&meta), pool, NULL, &err),
                     LM_OK);
    free(all);
    free(arrays);
    free(rows);
    free(weights);
    lm_text_free(&run);
    lm_text_free(&meta);
    lm_config_free(&c);
    return path;
}

static void open_all(lm_saved *s, char *paths[], int64_t n) {
    lm_text skipped = {0};
    for (int64_t i = 0; i < n; i++) {
        if (lm_saved_open(&s[i], paths[i], pool, &skipped, &err) != LM_OK)
            fail_msg("%s", err.message);
        free(paths[i]);
    }
}

/* All weights of it, flat; malloc'd. */
static float *weights_of(const lm_saved *s, int64_t *total) {
    int64_t n = lm_model_params(&s->config.model, NULL, total);
    lm_param *rows = calloc((size_t)n, sizeof *rows);
    float *w = calloc((size_t)*total, sizeof *w);
    assert_true(rows && w);
    lm_model_params(&s->config.model, rows, total);
    assert_int_equal(lm_saved_read(s, rows, n, w, pool, &err), LM_OK);
    free(rows);
    return w;
}

#define MODEL "{\"d_model\": 8, \"n_heads\": 2, \"vocab_size\": 5, \"n_layers\": 2}"

static void test_weighted_mean(void **state) {
    (void)state;
    char *paths[] = {make("a.npz", MODEL, 1, 10, false), make("b.npz", MODEL, 2, 30, true),
                     make("c.npz", MODEL, 3, 20, false)};
    const double shares[MODELS] = {0.5, 0.2, 0.3};
    lm_saved from[MODELS], result;
    lm_text said = {0}, skipped = {0};
    lm_mean m = {.from = from, .shares = shares, .n = MODELS};
    char *out = lm_file_join(tempdir, "mean.npz");
    float *w[MODELS], *mean;
    int64_t total;
    open_all(from, paths, MODELS);
    assert_int_equal(lm_mean_check(&m, &said, &err), LM_OK);
    assert_int_equal(m.last, 1);
    assert_int_equal(said.length, 0);
    assert_int_equal(lm_mean_write(&m, out, pool, NULL, &err), LM_OK);
    assert_int_equal(lm_saved_open(&result, out, pool, &skipped, &err), LM_OK);
    assert_int_equal(result.state.step, 30);
    assert_int_equal(result.state.averaged, 0);
    mean = weights_of(&result, &total);
    for (int i = 0; i < MODELS; i++) w[i] = weights_of(&from[i], &total);
    /* b's weights are the blend that its run evaluates. */
    from[1].weights = LM_WEIGHTS_RAW;
    float *raw = weights_of(&from[1], &total);
    assert_memory_not_equal(raw, w[1], (size_t)total * sizeof *raw);
    for (int64_t k = 0; k < total; k++) {
        double sum = 0;
        for (int i = 0; i < MODELS; i++) sum += shares[i] * (double)w[i][k];
        assert_true(mean[k] == (float)sum);
    }
    for (int i = 0; i < MODELS; i++) free(w[i]);
    for (int i = 0; i < MODELS; i++) lm_saved_close(&from[i]);
    lm_saved_close(&result);
    free(raw);
    free(mean);
    free(out);
}

static void test_the_mean_of_equal_ones_is_these(void **state) {
    (void)state;
    char *paths[] = {make("a.npz", MODEL, 1, 10, false), make("b.npz", MODEL, 1, 10, false),
                     make("c.npz", MODEL, 1, 10, false)};
    const double shares[MODELS] = {1.0 / 3, 1.0 / 3, 1.0 / 3};
    lm_saved from[MODELS];
    lm_text said = {0};
    lm_mean m = {.from = from, .shares = shares, .n = MODELS};
    char *out = lm_file_join(tempdir, "mean.npz"), *a = lm_file_join(tempdir, "a.npz");
    open_all(from, paths, MODELS);
    assert_int_equal(lm_mean_check(&m, &said, &err), LM_OK);
    assert_int_equal(lm_mean_write(&m, out, pool, NULL, &err), LM_OK);
    lm_text x = {0}, y = {0};
    assert_int_equal(lm_file_read(a, 1 << 20, &x, &err), LM_OK);
    assert_int_equal(lm_file_read(out, 1 << 20, &y, &err), LM_OK);
    assert_int_equal(x.length, y.length);
    assert_memory_equal(x.data, y.data, x.length);
    for (int i = 0; i < MODELS; i++) lm_saved_close(&from[i]);
    lm_text_free(&x);
    lm_text_free(&y);
    free(out);
    free(a);
}

static void test_what_differs_is_named(void **state) {
    (void)state;
    static const struct {
        const char *model, *expected; /* expected NULL: it may differ, and is told */
    } cases[] = {
        {"{\"d_model\": 16, \"n_heads\": 2, \"vocab_size\": 5, \"n_layers\": 2}",
         "b.npz: expected array wte.weight of shape"},
        {"{\"d_model\": 8, \"n_heads\": 2, \"vocab_size\": 5, \"n_layers\": 3}",
         "b.npz: expected array"},
        {"{\"d_model\": 8, \"n_heads\": 2, \"vocab_size\": 5, \"n_layers\": 2,"
         " \"tie_embeddings\": false}",
         "b.npz: it has array lm_head.weight, which"},
        {"{\"d_model\": 8, \"n_heads\": 4, \"vocab_size\": 5, \"n_layers\": 2}",
         "model.n_heads: 2 in"},
        {"{\"d_model\": 8, \"n_heads\": 2, \"vocab_size\": 5, \"n_layers\": 2, \"dropout\": 0.5}",
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *paths[] = {make("a.npz", MODEL, 1, 1, false),
                         make("b.npz", cases[i].model, 2, 1, false)};
        lm_saved from[2];
        lm_text said = {0};
        lm_mean m = {.from = from, .n = 2};
        open_all(from, paths, 2);
        lm_status status = lm_mean_check(&m, &said, &err);
        if (cases[i].expected) {
            assert_int_equal(status, LM_ERR_USAGE);
            if (!strstr(err.message, cases[i].expected)) fail_msg("%zu: %s", i, err.message);
        } else {
            assert_int_equal(status, LM_OK);
            assert_non_null(strstr(lm_text_cstr(&said), "model.dropout: 0 in"));
        }
        lm_text_free(&said);
        lm_saved_close(&from[0]);
        lm_saved_close(&from[1]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weighted_mean),
        cmocka_unit_test(test_the_mean_of_equal_ones_is_these),
        cmocka_unit_test(test_what_differs_is_named),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

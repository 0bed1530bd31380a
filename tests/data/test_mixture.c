/* Mixtures: counts of each source, at every step, for weights of all kinds. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/rng.h"
#include "data/sources.h"
#include "tests/support/shards.h"
#include "tests/support/tempdir.h"

enum { P = LM_MIXTURE_PERIOD, MOST = 256 };

/* Over two periods: counts within one of the share at every step, indexes that count up, and what
 * lm_mixture_count says. */
static void expect_fair(const int64_t *shares, int64_t n) {
    lm_mixture m;
    lm_error err = {0};
    int64_t counts[MOST] = {0}, source, index;
    assert_int_equal(lm_mixture_init(&m, shares, n, &err), LM_OK);
    for (int64_t sample = 0; sample < 2 * P; sample++) {
        lm_mixture_find(&m, sample, &source, &index);
        assert_in_range(source, 0, n - 1);
        assert_int_equal(index, counts[source]++);
        for (int64_t i = 0; i < n; i++) {
            int64_t off = counts[i] * P - (sample + 1) * shares[i];
            if (off <= -P || off >= P)
                fail_msg("%lld of %lld samples are of source %lld, whose share is %lld",
                         (long long)counts[i], (long long)sample + 1, (long long)i,
                         (long long)shares[i]);
        }
        if (sample % 997 == 0 || sample == P - 1 || sample == P)
            for (int64_t i = 0; i < n; i++)
                assert_int_equal(lm_mixture_count(&m, sample + 1, i), counts[i]);
    }
    for (int64_t i = 0; i < n; i++) assert_int_equal(counts[i], 2 * shares[i]);
    assert_int_equal(lm_mixture_count(&m, 0, 0), 0);
    /* Far on, the same period. */
    lm_mixture_find(&m, (int64_t)P << 30, &source, &index);
    assert_int_equal(index, shares[source] << 30);
    lm_mixture_free(&m);
    lm_mixture_free(&m);
}

static void test_counts_are_within_one_at_every_step(void **state) {
    (void)state;
    static const double weights[][5] = {{1},
                                        {0.5, 0.5},
                                        {0.7, 0.3},
                                        {1, 1, 1},
                                        {1000000, 20},
                                        {1, 2, 3, 4},
                                        {0.9, 0.05, 0.05},
                                        {0.6, 0.3, 0.09, 0.01},
                                        {5, 4, 3, 2, 1}};
    int64_t shares[MOST];
    for (size_t k = 0; k < sizeof weights / sizeof *weights; k++) {
        int64_t n = 0;
        while (n < 5 && weights[k][n] > 0) n++;
        assert_true(lm_mixture_shares(weights[k], n, shares));
        expect_fair(shares, n);
    }
}

/* Weights over six orders of magnitude, up to as many sources as there can be. */
static void test_counts_of_many_sources(void **state) {
    (void)state;
    const lm_rng rng = {.seed = 3, .purpose = LM_RNG_TEST};
    double weights[MOST];
    int64_t shares[MOST];
    uint64_t draws = 0;
    static const int64_t counts[] = {6, 17, MOST};
    for (size_t k = 0; k < sizeof counts / sizeof *counts; k++) {
        int64_t n = counts[k];
        double span = n < MOST ? 6 : 1;
        do
            for (int64_t i = 0; i < n; i++)
                weights[i] = pow(10, span * lm_rng_uniform(&rng, draws++));
        while (!lm_mixture_shares(weights, n, shares));
        expect_fair(shares, n);
    }
}

static void test_weights_are_rounded_to_shares(void **state) {
    (void)state;
    int64_t shares[3];
    assert_true(lm_mixture_shares((double[]){0.7, 0.3}, 2, shares));
    assert_true(shares[0] == 45875 && shares[1] == 19661);
    assert_true(lm_mixture_shares((double[]){1e9, 1e9, 1e9}, 3, shares));
    assert_true(shares[0] == 21846 && shares[1] == 21845 && shares[2] == 21845);
    assert_true(lm_mixture_shares((double[]){1e-9, 1e-9}, 2, shares));
    assert_true(shares[0] == P / 2 && shares[1] == P / 2);
    assert_false(lm_mixture_shares((double[]){1, 1e-9}, 2, shares));
    assert_true(shares[0] == P && shares[1] == 0);
}

/* ---- sources ----------------------------------------------------------------------------------*/

/* Each sample is the next one of its source's own order, with epochs of its own. */
static void test_sources_have_their_own_epochs(void **state) {
    (void)state;
    lm_error err = {0};
    lm_sources s;
    shards_put(shards_in("a.bin"), 8 * 5 + 1, 0, 200);    /* 5 windows of 8 */
    shards_put(shards_in("b.bin"), 8 * 12 + 1, 100, 200); /* 12 */
    lm_data_source items[] = {{.path = (char *)shards_in("a.bin"), .weight = 3},
                              {.path = (char *)shards_in("b.bin"), .weight = 1}};
    const lm_data_sources options = {items, 2};
    const lm_sampler_options how = {.context_length = 8, .shuffle = true, .seed = 9};
    const lm_corpus_options nothing_said = {0};
    assert_int_equal(lm_sources_open(&s, &options, "data.train", &nothing_said, &how, &err), LM_OK);
    int64_t counts[2] = {0}, seen[12] = {0};
    for (int64_t sample = 0; sample < 48; sample++) {
        int32_t ids[9], own[9];
        int64_t source, index;
        lm_sources_expect(&s, sample); /* changes nothing but speed */
        assert_int_equal(lm_sources_window(&s, sample, ids, &err), LM_OK);
        lm_mixture_find(&s.mixture, sample, &source, &index);
        assert_int_equal(index, counts[source]++);
        assert_int_equal(lm_sampler_window(&s.items[source].sampler, index, own, &err), LM_OK);
        assert_memory_equal(ids, own, sizeof ids);
        assert_int_equal(ids[0] >= 100, source);
        if (source == 1) seen[(ids[0] - 100) / 8]++;
    }
    assert_true(counts[0] == 36 && counts[1] == 12);
    for (int i = 0; i < 12; i++) assert_int_equal(seen[i], 1); /* one epoch of the second */
    assert_int_equal(lm_sources_tokens(&s, 0, 48), 36 * 8);
    assert_true(lm_sources_epochs(&s, 0, 48) == 36.0 / 5);
    assert_true(lm_sources_epochs(&s, 1, 48) == 1);
    lm_sources_close(&s);
    lm_sources_close(&s);
    items[1].path = (char *)shards_in("none.bin");
    assert_int_equal(lm_sources_open(&s, &options, "data.train", &nothing_said, &how, &err),
                     LM_ERR_RUNTIME);
    assert_non_null(strstr(err.message, "data.train[1]: "));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_are_within_one_at_every_step),
        cmocka_unit_test(test_counts_of_many_sources),
        cmocka_unit_test(test_weights_are_rounded_to_shares),
        cmocka_unit_test(test_sources_have_their_own_epochs),
    };
    return cmocka_run_group_tests(tests, tempdir_open, shards_close);
}

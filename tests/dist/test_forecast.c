/* What several processes would take, on paper. */
#include "tests/support/test.h"

#include <math.h>

#include "dist/forecast.h"

static void near(double expected, double found) {
    assert_true(fabs(expected - found) <= 1e-9 * (1 + expected));
}

/* 8 lanes of a second each, of 1000 elements, at 1000 bytes a second. */
static lm_forecast_of eight(int ranks) {
    return (lm_forecast_of){.ranks = ranks,
                            .lanes = 8,
                            .model.elements = 1000,
                            .first = 100,
                            .last = 100,
                            .windows = 8,
                            .rest = 2,
                            .pass = 1,
                            .bandwidth = 1000};
}

static void test_bound_by_the_network(void **state) {
    (void)state;
    lm_forecast_of f = eight(2);
    const lm_forecast r = lm_forecast_make(&f);
    near(4 + 1, r.compute);
    near(2 + 2, r.sending); /* half of 4000 bytes each way, of gradients and of weights */
    near(2 - 2.0 / 3 + 2 - 1.0 / 3, r.waiting);
    near(5 + 3, r.step);
}

static void test_hidden_but_for_the_embedding(void **state) {
    (void)state;
    lm_forecast_of f = eight(4);
    f.pass = 1000;
    const lm_forecast r = lm_forecast_make(&f);
    near(2 + 0.5, r.compute);
    near(3 + 3, r.sending);
    near(3 * 0.1 + 3 * 0.1, r.waiting); /* of 1000 elements 100 are of the first layer */
    f.first = f.last = 1000;            /* or all of them */
    near(3 + 3, lm_forecast_make(&f).waiting);
    f.last = 0; /* where the head's gradient is the embedding's, it is not the last */
    near(3, lm_forecast_make(&f).waiting);
    f.bandwidth = 1e12;
    assert_true(lm_forecast_make(&f).waiting < 1e-8);
}

/* 2, 3 and 3 lanes; the second rank has two subtrees. */
static void test_uneven(void **state) {
    (void)state;
    lm_forecast_of f = eight(3);
    f.pass = 0;
    f.first = f.last = 0;
    const lm_forecast r = lm_forecast_make(&f);
    near(3 + 2.0 / 3, r.compute);
    near(1.125, r.traffic.imbalance);
    near(r.traffic.gradients_out / 1000 + r.traffic.weights_out / 1000, r.sending);
    near(2 * 4000 * 2.0 / 3, r.traffic.gradients_out);
}

/* Figures of the table in forecast.h. */
static void test_on_paper(void **state) {
    (void)state;
    static const struct {
        int64_t elements, first;
        double tokens_per_s, gbit, faster;
        int ranks;
    } rows[] = {
        {124400000, 38800000, 5704, 1, 5.3, 8},     {124400000, 38800000, 5704, 10, 54.2, 64},
        {1315000000, 103022592, 488, 1, 12.2, 64},  {1315000000, 103022592, 488, 10, 61.5, 64},
        {124400000, 38800000, 5704, 100, 62.9, 64}, {1315000000, 103022592, 488, 100, 8.0, 8},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        lm_forecast_of f = {.ranks = rows[i].ranks,
                            .lanes = 64,
                            .model.elements = rows[i].elements,
                            .first = rows[i].first,
                            .last = rows[i].first,
                            .windows = 524288 / rows[i].tokens_per_s,
                            .pass = 8192 / rows[i].tokens_per_s,
                            .bandwidth = LM_NETWORK_SHARE * rows[i].gbit * 1e9 / 8};
        assert_true(fabs(f.windows / lm_forecast_make(&f).step - rows[i].faster) < 0.06);
    }
}

static void test_rates(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double bytes;
    } good[] = {{"10Gbit", 1.25e9},   {"10 Gbit/s", 1.25e9}, {"100Mbit", 1.25e7},
                {"2.5Gbit", 3.125e8}, {"1.2GB/s", 1.2e9},    {"8bit/s", 1},
                {"64kbit", 8000},     {"1TB/s", 1e12}};
    static const char *const bad[] = {
        "",        "10",       "Gbit",    "10Gbps",
        "10Gb",    "10GB",     "-1Gbit",  "0Gbit",
        "1e3Gbit", "10  Gbit", "10Gbit ", "0x10Gbit",
        "1.Gbit",  ".5Gbit",   "infGbit", "10Kbit",
        "10gbit",  "10Gbits",  "10GiB/s", "1111111111111111111111111111111111111111Gbit"};
    double bytes = 0;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(lm_network_parse(good[i].text, &bytes));
        near(good[i].bytes, bytes);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (lm_network_parse(bad[i], &bytes)) fail_msg("\"%s\" is taken for a rate", bad[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bound_by_the_network),
        cmocka_unit_test(test_hidden_but_for_the_embedding),
        cmocka_unit_test(test_uneven),
        cmocka_unit_test(test_on_paper),
        cmocka_unit_test(test_rates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

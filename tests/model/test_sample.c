/* Drawing from vocabularies of many sizes, beside the definition: all candidates sorted. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>

#include "base/elementary.h"
#include "base/rng.h"
#include "model/generate.h"

enum { MOST = 6000 };

typedef struct candidate {
    double weight;
    int id;
} candidate;

static int likeliest_first(const void *a, const void *b) {
    const candidate *x = a, *y = b;
    if (x->weight != y->weight) return x->weight > y->weight ? -1 : 1;
    return x->id - y->id;
}

/* The candidates before the first that makes their mass reach `wanted`, and that one. */
static int up_to_mass(const candidate *c, int most, double wanted, double *mass) {
    int n = 0;
    *mass = 0;
    while (n < most && (n == 0 || *mass < wanted)) *mass += c[n++].weight;
    return n;
}

static int32_t drawn_by_definition(const lm_sample_options *o, const float *logits, int vocab,
                                   uint32_t sample, uint64_t index) {
    static candidate c[MOST];
    double largest = -INFINITY, all = 0, mass = 0, cumulative = 0;
    for (int i = 0; i < vocab; i++) largest = fmax(largest, (double)logits[i]);
    for (int i = 0; i < vocab; i++) {
        c[i] = (candidate){lm_exp(((double)logits[i] - largest) / o->temperature), i};
        all += c[i].weight;
    }
    qsort(c, (size_t)vocab, sizeof *c, likeliest_first);
    int n = vocab, most = vocab;
    mass = all;
    if (o->top_k > 0 && o->top_k < vocab) n = most = up_to_mass(c, (int)o->top_k, INFINITY, &mass);
    if (o->top_p < 1) n = up_to_mass(c, most, o->top_p * mass, &mass);
    int kept = 0;
    double kept_mass = 0;
    for (; kept < n && (kept == 0 || c[kept].weight >= o->min_p); kept++)
        kept_mass += c[kept].weight;
    if (o->min_p > 0) mass = kept_mass;
    const lm_rng rng = {.seed = o->seed, .purpose = LM_RNG_GENERATE, .step = sample};
    double u = lm_rng_uniform(&rng, index);
    for (int i = 0; i < kept; i++) {
        cumulative += c[i].weight;
        if (cumulative > u * mass) return c[i].id;
    }
    return c[0].id;
}

/* Shapes of logits: spread out, nearly flat, all equal, falling, rising, equal in pairs. */
static float logit_of(int shape, int i, int vocab) {
    float drawn = (float)((uint32_t)i * 2654435761u >> 8) * 0x1p-24f;
    const float shapes[] = {12 * drawn,    drawn,
                            2.0f,          8 * (float)(vocab - i) / (float)vocab,
                            (float)i / 50, (float)(i / 2 % 7)};
    return shapes[shape];
}

static void test_draws_are_the_definitions(void **state) {
    static const lm_sample_options options[] = {
        {.temperature = 1, .top_p = 1},
        {.temperature = 0.7, .top_k = 40, .top_p = 1},
        {.temperature = 1.3, .top_p = 0.9},
        {.temperature = 1, .top_p = 1, .min_p = 0.05},
        {.temperature = 0.8, .top_k = 300, .top_p = 0.95, .min_p = 0.01},
        {.temperature = 0.02, .top_p = 1}, /* most weigh nothing, and are equal */
    };
    static const int vocabs[] = {1, 2, 3, 40, 1000, 1100, MOST};
    static float logits[MOST];
    static double workspace[2 * MOST];
    (void)state;
    for (size_t v = 0; v < sizeof vocabs / sizeof *vocabs; v++)
        for (int shape = 0; shape < 6; shape++) {
            for (int i = 0; i < vocabs[v]; i++) logits[i] = logit_of(shape, i, vocabs[v]);
            for (size_t k = 0; k < sizeof options / sizeof *options; k++) {
                lm_sample_options o = options[k];
                o.repetition_penalty = 1;
                o.seed = 7;
                for (uint64_t index = 0; index < 6; index++)
                    assert_int_equal(lm_sample(&o, logits, vocabs[v], NULL, 3, index, workspace),
                                     drawn_by_definition(&o, logits, vocabs[v], 3, index));
            }
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_draws_are_the_definitions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The decoder against the training forward, and sampling against its definition. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "model/generate.h"
#include "model/parts.h"
#include "tests/support/layers.h"
#include "tests/support/transformer.h"

static lm_error err;

static lm_decoder *decoder(lm_model *m) {
    lm_decoder *d;
    if (lm_decoder_create(&d, m, &err) != LM_OK) fail_msg("%s", err.message);
    return d;
}

/* ---- decoder --------------------------------------------------------------------------------- */
/* Every logit of every position: the decoder's against the training forward's final norm times the
 * head, in double. Both sum the same terms in other orders: a few eps of sums of up to 96 terms. */
static void check_logits(const transformer_case *c) {
    int32_t tokens[256];
    lm_model_options o = c->o;
    lm_model *m = transformer_create(&o, 1, false, &layers_compute);
    lm_decoder *d = decoder(m);
    double worst = 0, largest = 0;
    transformer_fill(m);
    transformer_tokens(tokens, 0, 1, o.context_length, o.vocab_size);
    lm_model_loss(m, tokens, 1, o.context_length);
    const float *x = m->buffers.at[LM_B_NORM];
    const float *head =
        lm_param_at(m, lm_model_weights(m), o.tie_embeddings ? LM_P_WTE : LM_P_LM_HEAD, 0);
    for (int64_t t = 0; t < o.context_length; t++) {
        const float *logits = lm_decoder_next(d, tokens[t]);
        for (int64_t v = 0; v < o.vocab_size; v++) {
            double want = 0;
            for (int64_t i = 0; i < o.d_model; i++)
                want += (double)x[t * o.d_model + i] * (double)head[v * o.d_model + i];
            if (o.logit_softcap > 0) want = o.logit_softcap * tanh(want / o.logit_softcap);
            if (fabs((double)logits[v] - want) > worst) worst = fabs((double)logits[v] - want);
            if (fabs(want) > largest) largest = fabs(want);
        }
    }
    print_message("%s: logits off by %.1f eps of the largest\n", c->name,
                  worst / largest / (double)FLT_EPSILON);
    assert_true(worst <= 45 * (double)FLT_EPSILON * largest);
    lm_decoder_free(d);
    lm_model_free(m);
}

static void test_logits_are_those_of_training(void **state) {
    (void)state;
    for (const transformer_case *c = transformer_cases(); *c->name; c++) check_logits(c);
}

/* After the context is full, the next logits are those of a new decoder given the newest half. */
static void test_full_context_starts_over_with_the_newest_half(void **state) {
    int32_t tokens[256];
    (void)state;
    for (const transformer_case *c = transformer_cases(); *c->name; c++) {
        lm_model_options o = c->o;
        int64_t context = o.context_length, kept = context / 2;
        lm_model *m = transformer_create(&o, 1, false, &layers_compute);
        lm_decoder *old = decoder(m), *young = decoder(m);
        const float *a = NULL, *b = NULL;
        transformer_fill(m);
        transformer_tokens(tokens, 0, 1, 3 * context, o.vocab_size);
        for (int64_t t = 0; t <= context; t++) a = lm_decoder_next(old, tokens[t]);
        for (int64_t t = context - kept; t <= context; t++) b = lm_decoder_next(young, tokens[t]);
        assert_memory_equal(a, b, (size_t)o.vocab_size * sizeof *a);
        for (int64_t t = context + 1; t < 3 * context; t++) { /* over and over */
            a = lm_decoder_next(old, tokens[t]);
            b = lm_decoder_next(young, tokens[t]);
            assert_memory_equal(a, b, (size_t)o.vocab_size * sizeof *a);
        }
        lm_decoder_free(old);
        lm_decoder_free(young);
        lm_model_free(m);
    }
}

/* Tokens fed together have the logits, and leave the cache, that they have one by one. */
static void test_tokens_together_give_the_bits_of_one_by_one(void **state) {
    enum { MOST = 3 * LM_DECODE_TOKENS };
    static const int64_t pieces[] = {1, 2, 7, 13, 40, LM_DECODE_TOKENS, LM_DECODE_TOKENS + 5};
    int32_t tokens[MOST];
    (void)state;
    for (const transformer_case *c = transformer_cases(); *c->name; c++) {
        lm_model_options o = c->o;
        o.context_length = c->o.context_length < 20 ? 2 * LM_DECODE_TOKENS + 50 : 70;
        lm_model *m = transformer_create(&o, 1, false, &layers_compute);
        lm_decoder *single = decoder(m), *together = decoder(m);
        transformer_fill(m);
        transformer_tokens(tokens, 0, 1, MOST - 1, o.vocab_size);
        for (int64_t t = 0, i = 0, n; t < MOST; t += n, i++) { /* beyond a full context */
            n = pieces[i % (int64_t)(sizeof pieces / sizeof *pieces)];
            if (n > MOST - t) n = MOST - t;
            const float *a = NULL, *b = lm_decoder_feed(together, tokens + t, n);
            for (int64_t u = t; u < t + n; u++) a = lm_decoder_next(single, tokens[u]);
            layers_same_bits(c->name, a, b, o.vocab_size);
        }
        lm_decoder_free(single);
        lm_decoder_free(together);
        lm_model_free(m);
    }
}

static void test_context_of_one(void **state) {
    (void)state;
    lm_model_options o = transformer_named("gpt2")->o;
    o.context_length = 1;
    lm_model *m = transformer_create(&o, 1, false, &layers_compute);
    lm_decoder *a = decoder(m), *b = decoder(m);
    transformer_fill(m);
    lm_decoder_next(a, 3);
    assert_memory_equal(lm_decoder_next(a, 5), lm_decoder_next(b, 5), 13 * sizeof(float));
    lm_decoder_free(a);
    lm_decoder_free(b);
    lm_decoder_free(NULL);
    lm_model_free(m);
}

/* ---- sampling -------------------------------------------------------------------------------- */
static double workspace[2 * 64];

static void test_temperature_zero_takes_the_likeliest(void **state) {
    (void)state;
    const float logits[] = {1, 3, -2, 3, NAN};
    const float first_nan[] = {NAN, -INFINITY, 2, 1};
    lm_sample_options o = {.temperature = 0, .top_p = 1};
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(lm_sample(&o, logits, 5, i, workspace), 1); /* tie: the lower id */
        assert_int_equal(lm_sample(&o, first_nan, 4, i, workspace), 2);
    }
}

enum { DRAWS = 20000, VOCAB = 6 };
static const float some_logits[VOCAB] = {0.5f, -1, 2, 0.5f, 1, -INFINITY};

static void draw(const lm_sample_options *o, const float *logits, int counts[VOCAB]) {
    memset(counts, 0, VOCAB * sizeof *counts);
    for (uint64_t i = 0; i < DRAWS; i++) {
        int32_t token = lm_sample(o, logits, VOCAB, i, workspace);
        assert_in_range(token, 0, VOCAB - 1);
        counts[token]++;
    }
}

/* Frequencies are those of softmax(logits / temperature) over the set, zero elsewhere. */
static void check_frequencies(const lm_sample_options *o, const int in_set[VOCAB]) {
    int counts[VOCAB];
    double sum = 0;
    draw(o, some_logits, counts);
    for (int i = 0; i < VOCAB; i++)
        if (in_set[i]) sum += exp((double)some_logits[i] / o->temperature);
    for (int i = 0; i < VOCAB; i++) {
        double p = in_set[i] ? exp((double)some_logits[i] / o->temperature) / sum : 0;
        if (!in_set[i]) assert_int_equal(counts[i], 0);
        /* five standard deviations of a binomial */
        assert_true(fabs(counts[i] - DRAWS * p) <= 5 * sqrt(DRAWS * p * (1 - p)));
    }
}

static void test_tokens_are_drawn_as_often_as_likely(void **state) {
    (void)state;
    static const int all[VOCAB] = {1, 1, 1, 1, 1, 0};
    static const int best_two[VOCAB] = {0, 0, 1, 0, 1, 0};
    static const int best_three[VOCAB] = {1, 0, 1, 0, 1, 0}; /* of the tie 0, 3 the lower id */
    check_frequencies(&(lm_sample_options){.temperature = 1, .top_p = 1, .seed = 1}, all);
    check_frequencies(&(lm_sample_options){.temperature = 0.5, .top_p = 1, .seed = 2}, all);
    check_frequencies(&(lm_sample_options){.temperature = 2, .top_p = 1, .top_k = 2, .seed = 3},
                      best_two);
    check_frequencies(&(lm_sample_options){.temperature = 1, .top_p = 1, .top_k = 3, .seed = 4},
                      best_three);
    /* probabilities at temperature 1: 2 0.54, 4 0.20, 0 and 3 0.12 each, 1 0.03 */
    check_frequencies(&(lm_sample_options){.temperature = 1, .top_p = 0.7, .seed = 5}, best_two);
    check_frequencies(&(lm_sample_options){.temperature = 1, .top_p = 0.8, .seed = 6}, best_three);
    /* top_p of what top_k left: 0.73 and 0.27 */
    check_frequencies(&(lm_sample_options){.temperature = 1, .top_p = 0.74, .top_k = 2, .seed = 7},
                      best_two);
    int counts[VOCAB];
    draw(&(lm_sample_options){.temperature = 1, .top_p = 0.72, .top_k = 2, .seed = 8}, some_logits,
         counts);
    assert_int_equal(counts[2], DRAWS);
    draw(&(lm_sample_options){.temperature = 1, .top_p = 0, .seed = 9}, some_logits, counts);
    assert_int_equal(counts[2], DRAWS);
    draw(&(lm_sample_options){.temperature = 1, .top_p = 1, .top_k = 1, .seed = 9}, some_logits,
         counts);
    assert_int_equal(counts[2], DRAWS);
}

static void test_same_seed_and_index_same_token(void **state) {
    (void)state;
    lm_rng rng = {.seed = 3, .purpose = LM_RNG_TEST};
    float logits[64];
    int differ = 0;
    for (int i = 0; i < 64; i++) logits[i] = (float)lm_rng_uniform(&rng, (uint64_t)i);
    lm_sample_options o = {.temperature = 1, .top_p = 1, .seed = 11};
    lm_sample_options all = {.temperature = 1, .top_p = 1, .top_k = 64, .seed = 11};
    for (uint64_t i = 0; i < 200; i++) {
        int32_t token = lm_sample(&o, logits, 64, i, workspace);
        assert_int_equal(token, lm_sample(&o, logits, 64, i, workspace));
        assert_int_equal(token, lm_sample(&all, logits, 64, i, workspace)); /* cuts nothing */
        differ += token != lm_sample(&o, logits, 64, i + 1, workspace);
    }
    assert_true(differ > 150);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logits_are_those_of_training),
        cmocka_unit_test(test_full_context_starts_over_with_the_newest_half),
        cmocka_unit_test(test_tokens_together_give_the_bits_of_one_by_one),
        cmocka_unit_test(test_context_of_one),
        cmocka_unit_test(test_temperature_zero_takes_the_likeliest),
        cmocka_unit_test(test_tokens_are_drawn_as_often_as_likely),
        cmocka_unit_test(test_same_seed_and_index_same_token),
    };
    return cmocka_run_group_tests_name("generate", tests, layers_open_group, layers_close_group);
}

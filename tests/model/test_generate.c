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

static lm_decoder *decoder_of(lm_model *m, lm_decoder_options how) {
    lm_decoder *d;
    if (lm_decoder_create(&d, m, &how, &err) != LM_OK) fail_msg("%s", err.message);
    return d;
}
static lm_decoder *decoder(lm_model *m) {
    return decoder_of(m, (lm_decoder_options){0});
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

/* Reading beyond the context leaves what reading it bit by bit leaves: its newest tokens. */
static void test_reading_starts_over_too(void **state) {
    int32_t tokens[512];
    (void)state;
    lm_model_options o = transformer_named("llama")->o;
    int64_t context = o.context_length, size = o.vocab_size;
    lm_model *m = transformer_create(&o, 1, false, &layers_compute);
    transformer_fill(m);
    transformer_tokens(tokens, 0, 1, 3 * context, o.vocab_size);
    for (int64_t n = 1; n <= 3 * context; n += 1 + n / 3) {
        lm_decoder *whole = decoder(m), *parts = decoder(m);
        const float *a = lm_decoder_feed(whole, 0, tokens, n), *b = NULL;
        for (int64_t i = 0; i < n; i += 5)
            b = lm_decoder_feed(parts, 0, tokens + i, i + 5 < n ? 5 : n - i);
        assert_int_equal(lm_decoder_length(whole, 0), lm_decoder_length(parts, 0));
        assert_memory_equal(a, b, (size_t)size * sizeof *a);
        lm_decoder_free(whole);
        lm_decoder_free(parts);
    }
    lm_model_free(m);
}

/* Several sequences at once, of different lengths: each has the bits that it has alone. */
static void check_sequences(const transformer_case *c, lm_precision precision) {
    enum { SEQUENCES = 3, STEPS = 12 };
    int32_t tokens[256], all[SEQUENCES] = {0, 1, 2};
    lm_model_options o = c->o;
    lm_compute compute = layers_compute;
    compute.precision = precision;
    lm_model *m = transformer_create(&o, 1, false, &compute);
    transformer_fill(m);
    transformer_tokens(tokens, 0, 1, 255, o.vocab_size);
    lm_decoder *d = decoder_of(m, (lm_decoder_options){.sequences = SEQUENCES, .rows = 4});
    lm_decoder *alone[SEQUENCES];
    int64_t begin[SEQUENCES] = {3, o.context_length, 1};
    for (int i = 0; i < SEQUENCES; i++) {
        alone[i] = decoder(m);
        const float *a = lm_decoder_feed(d, i, tokens + i, begin[i]);
        const float *b = lm_decoder_feed(alone[i], 0, tokens + i, begin[i]);
        assert_memory_equal(a, b, (size_t)o.vocab_size * sizeof *a);
    }
    lm_decoder_copy(d, 0, 2);
    lm_decoder_clear(alone[2], 0);
    lm_decoder_feed(alone[2], 0, tokens, begin[0]);
    for (int t = 0; t < STEPS; t++) {
        int32_t next[SEQUENCES] = {tokens[t], tokens[t + 1], tokens[2 * t]};
        const float *a = lm_decoder_step(d, SEQUENCES, all, next);
        for (int i = 0; i < SEQUENCES; i++)
            assert_memory_equal(a + i * o.vocab_size, lm_decoder_next(alone[i], next[i]),
                                (size_t)o.vocab_size * sizeof *a);
    }
    for (int i = 0; i < SEQUENCES; i++) lm_decoder_free(alone[i]);
    lm_decoder_free(d);
    lm_model_free(m);
}

static void test_sequences_do_not_see_one_another(void **state) {
    (void)state;
    for (const transformer_case *c = transformer_cases(); *c->name; c++) {
        check_sequences(c, LM_FP32);
        check_sequences(c, LM_BF16);
    }
}

/* The losses of a window, token by token in two sequences that share its beginning, against the
 * loss of the evaluation pass. fp32: sums of the same terms, but for attention's. bf16: attention
 * does not round here, as evaluation does: a share of the rounding of operands, twice 2^-9. */
static void check_score(const transformer_case *c, lm_precision precision, double tolerance) {
    int32_t tokens[257];
    float losses[256];
    lm_decoder_row rows[256];
    lm_model_options o = c->o;
    lm_compute compute = layers_compute;
    compute.precision = precision;
    int64_t time = o.context_length, shared = time / 3;
    lm_model *m = transformer_create(&o, 1, false, &compute);
    transformer_fill(m);
    transformer_tokens(tokens, 0, 1, time + 1, o.vocab_size);
    double want = lm_model_loss(m, tokens, 1, time), sum = 0;
    lm_decoder *d = decoder_of(m, (lm_decoder_options){.sequences = 2, .rows = 7, .scores = true});
    for (int64_t t = 0; t < time; t++)
        rows[t] = (lm_decoder_row){.token = tokens[t], .target = tokens[t + 1]};
    lm_decoder_score(d, rows, shared, losses);
    lm_decoder_copy(d, 0, 1);
    for (int64_t t = shared; t < time; t++) rows[t].sequence = 1;
    lm_decoder_score(d, rows + shared, time - shared, losses + shared);
    for (int64_t t = 0; t < time; t++) sum += (double)losses[t];
    print_message("%s: loss off by %.1g\n", c->name, fabs(sum - want) / want);
    assert_true(fabs(sum - want) <= tolerance * want);
    lm_decoder_free(d);
    lm_model_free(m);
}

static void test_scores_are_losses(void **state) {
    (void)state;
    for (const transformer_case *c = transformer_cases(); *c->name; c++) {
        check_score(c, LM_FP32, 20 * (double)FLT_EPSILON);
        check_score(c, LM_BF16, 0x1p-8);
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
            const float *a = NULL, *b = lm_decoder_feed(together, 0, tokens + t, n);
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
    lm_sample_options o = {.temperature = 0, .top_p = 1, .repetition_penalty = 1};
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(lm_sample(&o, logits, 5, NULL, 0, i, workspace),
                         1); /* tie: the lower id */
        assert_int_equal(lm_sample(&o, first_nan, 4, NULL, 0, i, workspace), 2);
    }
}

enum { DRAWS = 20000, VOCAB = 6 };
static const float some_logits[VOCAB] = {0.5f, -1, 2, 0.5f, 1, -INFINITY};

static void draw(const lm_sample_options *o, const float *logits, int counts[VOCAB]) {
    memset(counts, 0, VOCAB * sizeof *counts);
    lm_sample_options plain = *o;
    if (plain.repetition_penalty == 0) plain.repetition_penalty = 1;
    for (uint64_t i = 0; i < DRAWS; i++) {
        int32_t token = lm_sample(&plain, logits, VOCAB, NULL, 0, i, workspace);
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
    int differ = 0, other = 0;
    for (int i = 0; i < 64; i++) logits[i] = (float)lm_rng_uniform(&rng, (uint64_t)i);
    lm_sample_options o = {.temperature = 1, .top_p = 1, .repetition_penalty = 1, .seed = 11};
    lm_sample_options all = o;
    all.top_k = 64;
    for (uint64_t i = 0; i < 200; i++) {
        int32_t token = lm_sample(&o, logits, 64, NULL, 0, i, workspace);
        assert_int_equal(token, lm_sample(&o, logits, 64, NULL, 0, i, workspace));
        assert_int_equal(token,
                         lm_sample(&all, logits, 64, NULL, 0, i, workspace)); /* cuts nothing */
        differ += token != lm_sample(&o, logits, 64, NULL, 0, i + 1, workspace);
        other += token != lm_sample(&o, logits, 64, NULL, 1, i, workspace);
    }
    assert_true(differ > 150);
    assert_true(other > 150);
}

static void test_min_p_takes_what_is_likely_beside_the_likeliest(void **state) {
    (void)state;
    static const int best_two[VOCAB] = {0, 0, 1, 0, 1, 0}, best_four[VOCAB] = {1, 0, 1, 1, 1, 0};
    /* as likely as the likeliest, at temperature 1: 4 0.37, 0 and 3 0.22, 1 0.05; at 2: 0.61 */
    check_frequencies(&(lm_sample_options){.temperature = 1, .top_p = 1, .min_p = 0.3, .seed = 1},
                      best_two);
    check_frequencies(&(lm_sample_options){.temperature = 1, .top_p = 1, .min_p = 0.1, .seed = 2},
                      best_four);
    check_frequencies(&(lm_sample_options){.temperature = 2, .top_p = 1, .min_p = 0.6, .seed = 3},
                      best_two);
    check_frequencies(&(lm_sample_options){.temperature = 1, .top_p = 0.7, .min_p = 0.1, .seed = 4},
                      best_two);
    int counts[VOCAB];
    draw(&(lm_sample_options){.temperature = 1, .top_p = 1, .min_p = 1, .seed = 5}, some_logits,
         counts);
    assert_int_equal(counts[2], DRAWS);
}

static void test_repetition_penalty_makes_seen_tokens_less_likely(void **state) {
    (void)state;
    const float logits[] = {3, 2, -1, -1.5f};
    const unsigned char first[] = {1, 0, 0, 0}, both[] = {1, 1, 1, 0};
    lm_sample_options o = {.top_p = 1, .repetition_penalty = 1.6};
    assert_int_equal(lm_sample(&o, logits, 4, NULL, 0, 0, workspace), 0);
    assert_int_equal(lm_sample(&o, logits, 4, first, 0, 0, workspace), 1); /* 3 / 1.6 < 2 */
    assert_int_equal(lm_sample(&o, logits, 4, both, 0, 0, workspace), 0);
    assert_int_equal(lm_sample(&o, logits + 2, 2, both, 0, 0, workspace), 0); /* both seen */
    const unsigned char negative[] = {1, 0};
    assert_int_equal(lm_sample(&o, logits + 2, 2, negative, 0, 0, workspace), 1); /* -1.6 < -1.5 */
    o.repetition_penalty = 1;
    assert_int_equal(lm_sample(&o, logits, 4, first, 0, 0, workspace), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logits_are_those_of_training),
        cmocka_unit_test(test_full_context_starts_over_with_the_newest_half),
        cmocka_unit_test(test_reading_starts_over_too),
        cmocka_unit_test(test_sequences_do_not_see_one_another),
        cmocka_unit_test(test_scores_are_losses),
        cmocka_unit_test(test_tokens_together_give_the_bits_of_one_by_one),
        cmocka_unit_test(test_context_of_one),
        cmocka_unit_test(test_temperature_zero_takes_the_likeliest),
        cmocka_unit_test(test_tokens_are_drawn_as_often_as_likely),
        cmocka_unit_test(test_same_seed_and_index_same_token),
        cmocka_unit_test(test_min_p_takes_what_is_likely_beside_the_likeliest),
        cmocka_unit_test(test_repetition_penalty_makes_seen_tokens_less_likely),
    };
    return cmocka_run_group_tests_name("generate", tests, layers_open_group, layers_close_group);
}

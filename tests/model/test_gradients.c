/* Gradients against finite differences of the loss itself.
 *
 * The loss is computed in float: the mean of N token losses near 2 is off by about 2 eps. Central
 * differences D(h) have an error of order h^2; (4 D(h/2) - D(h)) / 3 leaves h^4 (Richardson), so
 * that h can be large enough for the rounding to matter little. Rounding leaves about
 * 2 * 2 eps * 4/3 / (h/2) = 8e-5 at h = 1/64; truncation then is mostly below 5e-5 (it is what
 * grows from 1/48 on, rounding what grows below 1/96). Where the loss is sharply curved, or has a
 * kink of second order (relu2) within h of the point, truncation is larger: then h is halved, and
 * the bound grows by the rounding, until they agree or h is 1/1024. A wrong gradient agrees at no
 * h: elements are around 1e-2 to 1, a forgotten or doubled term is far larger than the widest
 * bound, 1.5e-3, and no more than one element in twenty may need a smaller h. The oracle of
 * test_golden.c is sharper; this one needs no second program, and meets every pair of choices. */
#include "tests/support/test.h"

#include <math.h>

#include "tests/support/layers.h"
#include "tests/support/options.h"
#include "tests/support/transformer.h"

#define STEP       (1.0f / 64)
#define LEAST_STEP (1.0f / 1024)
#define TOLERANCE  2e-4
#define ROUNDING   (8e-5 * (double)STEP) /* over h */

static lm_compute compute;
static lm_kernels kernels;

typedef struct problem {
    lm_model *m;
    int32_t tokens[64];
    int64_t batch, time;
} problem;

/* That of which training has the gradient; adds nothing to the gradients. */
static double mean_loss(const problem *p) {
    lm_model_forward_backward(p->m, p->tokens, p->batch, p->time, 0.0f);
    return lm_model_objective(p->m) / (double)(p->batch * p->time);
}

static double difference(const problem *p, float *w, float h) {
    float kept = *w;
    *w = kept + h;
    double above = mean_loss(p), width = (double)*w;
    *w = kept - h;
    double below = mean_loss(p);
    width -= (double)*w; /* what the rounding of w left of 2h */
    *w = kept;
    return (above - below) / width;
}

/* By how much the gradient is off, over what it may be; at the largest h where it is below 1. */
static double excess(const problem *p, float *w, double gradient, double *want, int *halvings) {
    double wide = difference(p, w, STEP), narrow, off;
    *halvings = 0;
    for (float h = STEP;; h /= 2, ++*halvings) {
        narrow = difference(p, w, h / 2);
        *want = (4 * narrow - wide) / 3;
        off = fabs(gradient - *want) / (1 + fabs(*want)) / (TOLERANCE + ROUNDING / (double)h);
        if (off <= 1 || h <= LEAST_STEP) return off;
        wide = narrow;
    }
}

/* Every parameter. Returns the worst error, over what it may be. */
static double check(const char *what, const lm_model_options *options, int64_t batch) {
    problem p = {.batch = batch, .time = options->context_length};
    int64_t n_rows, n = 0, halved = 0;
    double worst = 0;
    p.m = transformer_create(options, batch, true, &compute);
    transformer_fill(p.m);
    transformer_tokens(p.tokens, 0, p.batch, p.time, options->vocab_size);
    static const int32_t behind[64] = {5, -1, 3, 1}; /* where multi_token has two targets */
    lm_model_set_tokens_behind(p.m, behind);
    lm_model_begin_step(p.m);
    lm_model_begin_gradients(p.m, NULL);
    lm_model_forward_backward(p.m, p.tokens, p.batch, p.time, 1.0f / (float)(p.batch * p.time));
    lm_model_end_gradients(p.m);
    const lm_param *rows = lm_model_rows(p.m, &n_rows);
    for (int64_t r = 0; r < n_rows; r++)
        for (int64_t i = 0; i < rows[r].count; i++, n++) {
            float *w = lm_model_weights(p.m) + rows[r].offset + i;
            double got = (double)lm_model_gradients(p.m)[rows[r].offset + i], want;
            int halvings;
            double off = excess(&p, w, got, &want, &halvings);
            halved += halvings > 0;
            if (off > worst) worst = off;
            if (!(off <= 1))
                fail_msg("%s, %s[%lld]: gradient %.6g, finite differences %.6g", what, rows[r].name,
                         (long long)i, got, want);
        }
    if (halved * 20 > n)
        fail_msg("%s: %lld of %lld elements needed a smaller h", what, (long long)halved,
                 (long long)n);
    lm_model_free(p.m);
    return worst;
}

static void test_gpt2(void **state) {
    static lm_error err;
    lm_model_options o = options_tiny();
    (void)state;
    o.norm = LM_NORM_LAYERNORM;
    o.position = LM_POSITION_LEARNED;
    o.mlp = LM_MLP_GELU_TANH;
    o.bias = o.tie_embeddings = true;
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    print_message("gpt2: worst %.2g\n", check("gpt2", &o, 2));
}

static void test_llama(void **state) {
    static lm_error err;
    lm_model_options o = options_tiny();
    (void)state;
    o.n_kv_heads = 2;
    o.norm = LM_NORM_RMSNORM;
    o.position = LM_POSITION_ROPE;
    o.mlp = LM_MLP_SWIGLU;
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    print_message("llama: worst %.2g\n", check("llama", &o, 2));
}

static void test_every_pair_of_choices(void **state) {
    static option_pairs pairs;
    lm_model_options base = options_tiny(), o;
    char what[OPTION_PAIRS_TEXT];
    double worst = 0;
    (void)state;
    option_pairs_begin(&pairs, &base);
    while (option_pairs_next(&pairs, &o, what)) {
        double off = check(what, &o, 2);
        if (off > worst) worst = off;
    }
    print_message("%d combinations: worst %.2g\n", (int)pairs.number, worst);
    assert_true(pairs.number >= (int)LM_MLP_COUNT * (int)LM_POSITION_COUNT);
}

static int open_compute(void **state) {
    (void)state;
    layers_open(&compute, &kernels, 1, 0, 0);
    return 0;
}
static int close_compute(void **state) {
    (void)state;
    layers_close(&compute);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gpt2), cmocka_unit_test(test_llama),
                                       cmocka_unit_test(test_every_pair_of_choices)};
    return cmocka_run_group_tests_name("gradients", tests, open_compute, close_compute);
}

/* Gradients against finite differences of the loss itself.
 *
 * The loss is computed in float: the mean of N token losses near 2 is off by about 2 eps. Central
 * differences D(h) have an error of order h^2; (4 D(h/2) - D(h)) / 3 leaves h^4 (Richardson), so
 * that h can be large enough for the rounding to matter little. Rounding leaves about
 * 2 * 2 eps * 4/3 / (h/2) = 8e-5 at h = 1/64; truncation then measures below 5e-5 (it is what grows
 * from 1/48 on, rounding what grows below 1/96). Elements are around 1e-2 to 1: a forgotten or
 * doubled term is far larger. The oracle of test_golden.c is sharper; this one needs no second
 * program. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/layers.h"
#include "tests/support/transformer.h"

#define STEP      (1.0f / 64)
#define TOLERANCE 2e-4

static lm_compute compute;
static lm_kernels kernels;

typedef struct problem {
    lm_model *m;
    int32_t tokens[64];
    int64_t batch, time;
} problem;

static double mean_loss(const problem *p) {
    return lm_model_loss(p->m, p->tokens, p->batch, p->time) / (double)(p->batch * p->time);
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

/* Every stride-th parameter, counted over all rows. Returns the worst error. */
static double check(const char *what, const lm_model_options *options, int64_t batch, int stride) {
    problem p = {.batch = batch, .time = options->context_length};
    int64_t n_rows, seen = 0;
    double worst = 0;
    p.m = transformer_create(options, batch, true, &compute);
    transformer_fill(p.m);
    transformer_tokens(p.tokens, 0, p.batch, p.time, options->vocab_size);
    lm_model_zero_gradients(p.m);
    lm_model_forward_backward(p.m, p.tokens, p.batch, p.time, 1.0f / (float)(p.batch * p.time));
    const lm_param *rows = lm_model_rows(p.m, &n_rows);
    for (int64_t r = 0; r < n_rows; r++) {
        for (int64_t i = 0; i < rows[r].count; i++) {
            if (seen++ % stride != 0) continue;
            float *w = lm_model_weights(p.m) + rows[r].offset + i;
            double got = (double)lm_model_gradients(p.m)[rows[r].offset + i];
            double want = (4 * difference(&p, w, STEP / 2) - difference(&p, w, STEP)) / 3;
            double off = fabs(got - want) / (1 + fabs(want));
            if (off > worst) worst = off;
            if (!(off <= TOLERANCE))
                fail_msg("%s, %s[%lld]: gradient %.6g, finite differences %.6g", what, rows[r].name,
                         (long long)i, got, want);
        }
    }
    lm_model_free(p.m);
    return worst;
}

static lm_model_options tiny(void) {
    return (lm_model_options){.d_model = 8,
                              .n_layers = 2,
                              .n_heads = 2,
                              .d_ff = 12,
                              .context_length = 4,
                              .vocab_size = 7,
                              .norm_eps = 1e-5,
                              .rope_theta = 100,
                              .init_std = 0.02};
}

static void test_gpt2(void **state) {
    static lm_error err;
    lm_model_options o = tiny();
    (void)state;
    o.norm = LM_NORM_LAYERNORM;
    o.position = LM_POSITION_LEARNED;
    o.mlp = LM_MLP_GELU_TANH;
    o.bias = o.tie_embeddings = true;
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    print_message("gpt2: worst %.2g\n", check("gpt2", &o, 2, 1));
}

static void test_llama(void **state) {
    static lm_error err;
    lm_model_options o = tiny();
    (void)state;
    o.n_heads = 4;
    o.n_kv_heads = 2;
    o.norm = LM_NORM_RMSNORM;
    o.position = LM_POSITION_ROPE;
    o.mlp = LM_MLP_SWIGLU;
    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
    print_message("llama: worst %.2g\n", check("llama", &o, 2, 1));
}

/* Every combination of choices, a sample of the parameters that differs from one to the next. */
static void test_all_combinations(void **state) {
    static lm_error err;
    int combinations = 0;
    double worst = 0;
    (void)state;
    for (int norm = 0; norm < LM_NORM_COUNT; norm++)
        for (int position = 0; position < LM_POSITION_COUNT; position++)
            for (int mlp = 0; mlp < LM_MLP_COUNT; mlp++)
                for (int flags = 0; flags < 8; flags++) {
                    char what[96];
                    lm_model_options o = tiny();
                    o.n_layers = 1;
                    o.norm = norm;
                    o.position = position;
                    o.mlp = mlp;
                    o.bias = (flags & 1) != 0;
                    o.tie_embeddings = (flags & 2) != 0;
                    o.n_kv_heads = (flags & 4) != 0 ? 1 : 2;
                    snprintf(what, sizeof what, "%s %s %s bias=%d tied=%d kv=%d",
                             lm_norm_name(norm), lm_position_name(position), lm_mlp_name(mlp),
                             o.bias, o.tie_embeddings, (int)o.n_kv_heads);
                    assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
                    double off = check(what, &o, 1, 5 + combinations % 3);
                    if (off > worst) worst = off;
                    combinations++;
                }
    print_message("%d combinations: worst %.2g\n", combinations, worst);
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
                                       cmocka_unit_test(test_all_combinations)};
    return cmocka_run_group_tests_name("gradients", tests, open_compute, close_compute);
}

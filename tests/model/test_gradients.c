/* Gradients against finite differences of the loss itself.
 *
 * The loss is computed in float: the mean of N token losses near 2 is off by about 2 eps. Central
 * differences D(h) have an error of order h^2; (4 D(h/2) - D(h)) / 3 leaves h^4 (Richardson), so
 * that h can be large enough for the rounding to matter little. Rounding leaves about
 * 2 * 2 eps * 4/3 / (h/2) = 8e-5 at h = 1/64; truncation then is mostly below 5e-5 (it is what grows
 * from 1/48 on, rounding what grows below 1/96). Where the loss is sharply curved D(h) - D(h/2) is
 * large: h is halved until it is not, rounding allowed for, and a tenth of the difference too. A kink
 * of second order (relu2) within h of the point leaves an error of order h, no more than that
 * difference. Elements are around 1e-2 to 1: a forgotten or doubled term is far larger. The oracle of
 * test_golden.c is sharper; this one needs no second program, and meets every pair of choices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "tests/support/layers.h"
#include "tests/support/transformer.h"

#define STEP       (1.0f / 64)
#define LEAST_STEP (1.0f / 1024)
#define TOLERANCE  2e-4
#define ROUNDING   (8e-5 * (double)STEP) /* over h */
#define CURVED     1e-3

static lm_compute compute;
static lm_kernels kernels;

typedef struct problem {
    lm_model *m;
    int32_t tokens[64];
    int64_t batch, time;
} problem;

/* The training loss; adds nothing to the gradients. */
static double mean_loss(const problem *p) {
    return lm_model_forward_backward(p->m, p->tokens, p->batch, p->time, 0.0f) /
           (double)(p->batch * p->time);
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

/* Every parameter. Returns the worst error. */
static double check(const char *what, const lm_model_options *options, int64_t batch) {
    problem p = {.batch = batch, .time = options->context_length};
    int64_t n_rows;
    double worst = 0;
    p.m = transformer_create(options, batch, true, &compute);
    transformer_fill(p.m);
    transformer_tokens(p.tokens, 0, p.batch, p.time, options->vocab_size);
    lm_model_zero_gradients(p.m);
    lm_model_forward_backward(p.m, p.tokens, p.batch, p.time, 1.0f / (float)(p.batch * p.time));
    const lm_param *rows = lm_model_rows(p.m, &n_rows);
    for (int64_t r = 0; r < n_rows; r++) {
        for (int64_t i = 0; i < rows[r].count; i++) {
            float *w = lm_model_weights(p.m) + rows[r].offset + i;
            double got = (double)lm_model_gradients(p.m)[rows[r].offset + i];
            float h = STEP;
            double wide = difference(&p, w, h), narrow = difference(&p, w, h / 2);
            for (; fabs(wide - narrow) > CURVED * (1 + fabs(narrow)) && h > LEAST_STEP; h /= 2) {
                wide = narrow;
                narrow = difference(&p, w, h / 4);
            }
            double want = (4 * narrow - wide) / 3;
            double curved = (options->mlp == LM_MLP_RELU2 ? 1 : 0.1) * fabs(wide - narrow);
            double off = (fabs(got - want) - curved) / (1 + fabs(want));
            if (off > worst) worst = off;
            if (!(off <= TOLERANCE + ROUNDING / (double)h))
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
    print_message("gpt2: worst %.2g\n", check("gpt2", &o, 2));
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
    print_message("llama: worst %.2g\n", check("llama", &o, 2));
}

/* ---- every pair of choices ---------------------------------------------------------------------
 * A row an option; a level is one of its choices. */
static void set_norm(lm_model_options *o, int level) {
    o->norm = level;
}
static void set_position(lm_model_options *o, int level) {
    o->position = level;
}
static void set_mlp(lm_model_options *o, int level) {
    o->mlp = level;
}
static void set_bias(lm_model_options *o, int level) {
    o->bias = level;
}
static void set_tied(lm_model_options *o, int level) {
    o->tie_embeddings = level;
}
static void set_kv_heads(lm_model_options *o, int level) {
    o->n_kv_heads = level ? 1 : 2;
}

static void set_qk_norm(lm_model_options *o, int level) {
    o->qk_norm = level;
}
static void set_embedding_norm(lm_model_options *o, int level) {
    o->embedding_norm = level;
}
static void set_window(lm_model_options *o, int level) {
    o->window = 2 * level;
}
static void set_attention_softcap(lm_model_options *o, int level) {
    o->attention_softcap = 1.5 * level;
}
static void set_logit_softcap(lm_model_options *o, int level) {
    o->logit_softcap = 3 * level;
}
static void set_label_smoothing(lm_model_options *o, int level) {
    o->label_smoothing = 0.2 * level;
}
static void set_z_loss(lm_model_options *o, int level) {
    o->z_loss = 0.02 * level;
}
static void set_dropout(lm_model_options *o, int level) {
    o->dropout = 0.3 * level;
}
static void set_documents(lm_model_options *o, int level) {
    o->document_mask = level;
    o->document_token = 3;
}
static void set_recompute(lm_model_options *o, int level) {
    o->recompute = level;
}

static const struct factor {
    const char *name;
    int levels;
    void (*set)(lm_model_options *o, int level);
} factors[] = {
    {"norm", LM_NORM_COUNT, set_norm},
    {"position", LM_POSITION_COUNT, set_position},
    {"mlp", LM_MLP_COUNT, set_mlp},
    {"bias", 2, set_bias},
    {"tied", 2, set_tied},
    {"kv", 2, set_kv_heads},
    {"qk_norm", 2, set_qk_norm},
    {"embedding_norm", 2, set_embedding_norm},
    {"window", 2, set_window},
    {"attention_softcap", 2, set_attention_softcap},
    {"logit_softcap", 2, set_logit_softcap},
    {"label_smoothing", 2, set_label_smoothing},
    {"z_loss", 2, set_z_loss},
    {"dropout", 2, set_dropout},
    {"documents", 2, set_documents},
    {"recompute", LM_RECOMPUTE_COUNT, set_recompute},
};
enum { FACTORS = sizeof factors / sizeof *factors, MOST_LEVELS = 8, CANDIDATES = 50 };

static bool covered[FACTORS][MOST_LEVELS][FACTORS][MOST_LEVELS];

/* How many pairs of levels this choice is the first to meet; with `keep`, they are met from now on. */
static int new_pairs(const int *level, bool keep) {
    int n = 0;
    for (int a = 0; a < FACTORS; a++)
        for (int b = a + 1; b < FACTORS; b++) {
            bool *met = &covered[a][level[a]][b][level[b]];
            n += !*met;
            *met |= keep;
        }
    return n;
}

/* Greedily the best of some random choices; false when every pair has been met. */
static bool next_choice(int *level, uint64_t number) {
    int best = 0, missing = 0;
    for (int a = 0; a < FACTORS; a++)
        for (int b = a + 1; b < FACTORS; b++)
            for (int i = 0; i < factors[a].levels; i++)
                for (int j = 0; j < factors[b].levels; j++) missing += !covered[a][i][b][j];
    for (uint64_t c = 0; missing > 0 && (best == 0 || c < CANDIDATES); c++) {
        int candidate[FACTORS];
        lm_rng rng = {.seed = number, .purpose = LM_RNG_TEST};
        for (int f = 0; f < FACTORS; f++)
            candidate[f] =
                (int)(lm_rng_uniform(&rng, c * FACTORS + (uint64_t)f) * factors[f].levels);
        int n = new_pairs(candidate, false);
        if (n <= best) continue;
        best = n;
        memcpy(level, candidate, sizeof candidate);
    }
    return missing > 0;
}

static void test_every_pair_of_choices(void **state) {
    static lm_error err;
    int level[FACTORS], combinations = 0;
    double worst = 0;
    (void)state;
    while (next_choice(level, (uint64_t)combinations)) {
        char what[512];
        int at = 0;
        lm_model_options o = tiny();
        for (int f = 0; f < FACTORS; f++) {
            LM_ASSERT(factors[f].levels <= MOST_LEVELS);
            factors[f].set(&o, level[f]);
            at += snprintf(what + at, sizeof what - (size_t)at, "%s%s=%d", f ? " " : "",
                           factors[f].name, level[f]);
        }
        assert_int_equal(lm_model_resolve(&o, &err), LM_OK);
        double off = check(what, &o, 2);
        if (off > worst) worst = off;
        assert_true(new_pairs(level, true) > 0);
        combinations++;
    }
    print_message("%d combinations: worst %.2g\n", combinations, worst);
    assert_true(combinations >= LM_MLP_COUNT * LM_POSITION_COUNT);
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

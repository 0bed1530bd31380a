/* Thirty updates of every model against PyTorch in float64 (tests/golden/make_curves.py): losses
 * and gradients, AdamW with its decay groups, clipping, two micro-batches per update, warm-up and
 * cosine, all in one run. */
#include "tests/support/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optim/clip.h"
#include "optim/optimizer.h"
#include "optim/schedule.h"
#include "tests/golden/curves.h"
#include "tests/support/layers.h"
#include "tests/support/transformer.h"
#include "train/groups.h"

enum { STEPS = 30, MICRO_BATCHES = 2 };

/* The first loss is off by the rounding of one pass, about 10 eps at most (test_golden.c). Adam
 * divides by the size of the gradient, so that where that is itself rounding an update may differ
 * by all of lr: such elements hardly touch the loss. The worst step measures 2.4e-7 of the loss. A
 * learning rate off by one part in a thousand, a clipping by one in a hundred or decay of the wrong
 * rows breaks this bound in most models. */
#define TOLERANCE 2e-6

static int choice(const char *(*name)(int), const char *wanted) {
    int i = 0;
    while (strcmp(name(i), wanted) != 0) i++;
    return i;
}

enum { GROUPS = 3 }; /* what decays, what does not, n-gram tables */

typedef struct training {
    lm_model *m;
    lm_optimizer *optimizer;
    lm_schedule_options schedule;
} training;

static training begin(const transformer_case *c, const lm_model_options *o) {
    training t = {.m = transformer_create(o, c->batch, true, &layers_compute),
                  .schedule = {.kind = choice(lm_schedule_name, "cosine"),
                               .warmup_steps = 5,
                               .min_lr_ratio = 0.1}};
    const lm_config config = {.optimizer = {.kind = choice(lm_optimizer_name, "adamw"),
                                            .beta1 = 0.9,
                                            .beta2 = 0.95,
                                            .eps = 1e-8,
                                            .weight_decay = 0.1}};
    int64_t n;
    lm_error err;
    lm_groups g;
    const lm_param *params = lm_model_rows(t.m, &n);
    assert_int_equal(lm_groups_make(&g, &config, params, n, &err), LM_OK);
    assert_int_equal(g.count, GROUPS);
    assert_int_equal(lm_optimizer_create(&t.optimizer, g.options, g.count, g.rows, n, &err), LM_OK);
    lm_groups_free(&g);
    transformer_fill(t.m);
    return t;
}

static double update(training *t, const transformer_case *c, int64_t step) {
    int32_t tokens[512], behind[64];
    const lm_model_options *o = lm_model_get_options(t->m);
    int64_t time = o->context_length;
    double loss = 0, mean = 1.0 / (double)(MICRO_BATCHES * c->batch * time);
    lm_model_begin_step(t->m);
    lm_model_begin_gradients(t->m, NULL);
    for (int64_t micro = 0; micro < MICRO_BATCHES; micro++) {
        int64_t first = ((step - 1) * MICRO_BATCHES + micro) * c->batch;
        transformer_tokens(tokens, first, c->batch, time, o->vocab_size);
        transformer_tokens_behind(behind, first, c->batch, time, o->multi_token.count,
                                  o->vocab_size);
        lm_model_set_tokens_behind(t->m, behind);
        lm_model_seed_dropout(t->m, 7, 5 + (uint64_t)first);
        loss += lm_model_forward_backward(t->m, tokens, c->batch, time, (float)mean) * mean;
    }
    lm_model_end_gradients(t->m);
    double norm = lm_gradient_norm(&layers_compute, lm_model_total(t->m), lm_model_gradients(t->m));
    const lm_schedule_time time_of_step = {.step = step, .steps = STEPS};
    double lr = lm_schedule_lr(&t->schedule, 3e-3, &time_of_step);
    lm_optimizer_step_args args = {.lr = (double[GROUPS]){lr, lr, lr},
                                   .step = step,
                                   .grad_scale = lm_clip_scale(norm, 1.0),
                                   .lines = lm_model_lines(t->m),
                                   .gradients = lm_model_gradients(t->m),
                                   .weights = lm_model_weights(t->m)};
    lm_optimizer_step(t->optimizer, &layers_compute, &args);
    return loss;
}

static const double *curve_of(const char *name) {
    for (size_t i = 0; i < sizeof golden_curves / sizeof *golden_curves; i++)
        if (strcmp(golden_curves[i].name, name) == 0) return golden_curves[i].loss;
    fail_msg("tests/golden/curves.h has no curve of \"%s\"", name);
    return NULL;
}

static void test_curve(void **state) {
    const transformer_case *c = *state;
    const double *curve = curve_of(c->name);
    lm_model_options o = c->o;
    training t = begin(c, &o);
    double worst = 0;
    for (int64_t step = 1; step <= STEPS; step++) {
        double want = curve[step - 1], got = update(&t, c, step);
        double off = fabs(got - want) / want;
        if (off > worst) worst = off;
        if (!(off <= TOLERANCE))
            fail_msg("%s, step %d: loss %.9f, expected %.9f", c->name, (int)step, got, want);
    }
    print_message("%s: worst loss off by %.2g of it\n", c->name, worst);
    lm_optimizer_free(t.optimizer);
    lm_model_free(t.m);
}

int main(void) {
    return transformer_run_tests("curves", test_curve);
}

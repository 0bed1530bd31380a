/* Multi-token prediction: what it must not change, and what its targets are. (Its gradients stand
 * beside those of PyTorch in test_golden.c, and beside finite differences in test_gradients.c.) */
#include "tests/support/test.h"

#include <string.h>

#include "tests/support/layers.h"
#include "tests/support/transformer.h"

enum { BATCH = 3, MOST = 300, COUNT = 2 };

typedef struct outcome {
    double loss, evaluated, objective;
    float *gradients;
} outcome;

typedef struct pass_of {
    lm_model_options o;
    double share;
    const int32_t *behind;
    int64_t each; /* rows at once */
} pass_of;

static lm_precision precision;

static outcome run(const pass_of *p) {
    int32_t tokens[MOST];
    const int64_t time = p->o.context_length;
    lm_compute compute = layers_compute;
    compute.precision = precision;
    compute.scratch = (lm_arena){0};
    compute.scratch_per_worker = 0;
    lm_model *m = transformer_create(&p->o, BATCH, true, &compute);
    outcome out = {0};
    transformer_fill(m);
    transformer_tokens(tokens, 0, BATCH, time, p->o.vocab_size);
    lm_model_set_multi_token(m, p->share);
    lm_model_begin_step(m);
    lm_model_begin_gradients(m, NULL);
    for (int64_t b = 0; b < BATCH; b += p->each) {
        lm_model_set_tokens_behind(m, p->behind ? p->behind + b * COUNT : NULL);
        out.loss += lm_model_forward_backward(m, tokens + b * (time + 1), p->each, time, 0.1f);
        out.objective += lm_model_objective(m);
    }
    lm_model_end_gradients(m);
    out.gradients = layers_copy(lm_model_gradients(m), lm_model_total(m));
    out.evaluated = lm_model_loss(m, tokens, BATCH, time);
    lm_model_free(m);
    lm_compute_free(&compute);
    return out;
}

static int64_t total_of(const lm_model_options *o) {
    int64_t total;
    lm_model_params(o, NULL, &total);
    return total;
}

static void same_losses(const char *name, const outcome *a, const outcome *b) {
    if (!(a->loss == b->loss && a->evaluated == b->evaluated))
        fail_msg("%s: losses %.17g and %.17g", name, a->loss, b->loss);
}

static const lm_number_list weights = {COUNT, {0.5, 0.25}}, zeros = {COUNT, {0, 0}};

/* The losses are those of the next token; with weights of 0, gradients are too. */
static void check(const char *name) {
    const int64_t all = BATCH;
    int32_t behind[BATCH * COUNT];
    lm_model_options o = transformer_named(name)->o;
    const int64_t total = total_of(&o);
    transformer_tokens_behind(behind, 0, BATCH, o.context_length, COUNT, o.vocab_size);
    outcome none = run(&(pass_of){o, 1, NULL, all});
    assert_true(none.objective == none.loss);
    o.multi_token = zeros;
    outcome zero = run(&(pass_of){o, 1, behind, all});
    o.multi_token = weights;
    outcome off = run(&(pass_of){o, 0, behind, all}), on = run(&(pass_of){o, 1, behind, all});
    same_losses(name, &none, &zero);
    same_losses(name, &none, &off);
    same_losses(name, &none, &on);
    layers_same_bits(name, none.gradients, zero.gradients, total);
    layers_same_bits(name, none.gradients, off.gradients, total);
    assert_true(on.objective > none.objective + 0.1);
    assert_true(memcmp(none.gradients, on.gradients, (size_t)total * sizeof(float)) != 0);
    layers_free_all();
}

static void test_weights_of_0_are_none_and_losses_stay_those_of_the_next_token(void **state) {
    static const char *const models[] = {"qwen", "gemma", "palm", "documents"};
    (void)state;
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        for (int p = 0; p < LM_PRECISION_COUNT; p++) {
            precision = (lm_precision)p;
            check(models[i]);
        }
}

/* Row by row, the tokens behind each row given each time: the same bits. Without them, targets end
 * with the window. */
static void test_rows_one_by_one(void **state) {
    int32_t behind[BATCH * COUNT], nothing[BATCH * COUNT];
    lm_model_options o = transformer_named("qwen")->o;
    const int64_t all = BATCH, total = total_of(&o);
    (void)state;
    o.multi_token = weights;
    transformer_tokens_behind(behind, 0, BATCH, o.context_length, COUNT, o.vocab_size);
    for (int i = 0; i < BATCH * COUNT; i++) nothing[i] = -1;
    for (int p = 0; p < LM_PRECISION_COUNT; p++) {
        precision = (lm_precision)p;
        outcome a = run(&(pass_of){o, 1, behind, all}), b = run(&(pass_of){o, 1, behind, 1});
        layers_same_bits("row by row", a.gradients, b.gradients, total);
        outcome c = run(&(pass_of){o, 1, NULL, all}), d = run(&(pass_of){o, 1, nothing, all});
        layers_same_bits("none behind", c.gradients, d.gradients, total);
        assert_true(a.objective > c.objective + 0.1);
        layers_free_all();
    }
}

/* Under document_mask nothing behind a document_token is a target: with every second token one, the
 * second token behind is none anywhere, whatever its weight. */
static void test_targets_end_with_the_document(void **state) {
    (void)state;
    precision = LM_FP32;
    lm_model_options o = transformer_named("documents")->o;
    int32_t tokens[MOST];
    const int64_t time = o.context_length;
    for (int64_t i = 0; i <= time; i++) tokens[i] = i % 2 == 0 ? 1 : (int32_t)o.document_token;
    const int32_t behind[COUNT] = {(int32_t)o.document_token, 1};
    double objective[2];
    for (int i = 0; i < 2; i++) {
        o.multi_token = weights;
        if (i == 1) o.multi_token.values[1] = 0.75;
        lm_model *m = transformer_create(&o, 1, true, &layers_compute);
        transformer_fill(m);
        lm_model_set_tokens_behind(m, behind);
        lm_model_forward_backward(m, tokens, 1, time, 0.1f);
        objective[i] = lm_model_objective(m);
        lm_model_free(m);
    }
    assert_true(objective[0] == objective[1]);
    o.document_mask = false;
    lm_model *m = transformer_create(&o, 1, true, &layers_compute);
    transformer_fill(m);
    lm_model_forward_backward(m, tokens, 1, time, 0.1f);
    assert_true(lm_model_objective(m) > objective[0] + 1);
    lm_model_free(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights_of_0_are_none_and_losses_stay_those_of_the_next_token),
        cmocka_unit_test(test_rows_one_by_one),
        cmocka_unit_test(test_targets_end_with_the_document),
    };
    return cmocka_run_group_tests_name("multi_token", tests, layers_open_group, layers_close_group);
}

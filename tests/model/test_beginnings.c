/* Features that begin as if they were not there: at first the model has the loss and the gradients
 * of the model without them, bit for bit, in training, evaluation and generation; and they have
 * gradients of their own, so that they do not stay so. */
#include "tests/support/test.h"

#include <string.h>

#include "model/generate.h"
#include "tests/support/layers.h"
#include "tests/support/transformer.h"

enum { BATCH = 3, MOST = 300 };

static void x0_residual(lm_model_options *o) {
    o->x0_residual = true;
}
static void qk_gain(lm_model_options *o) {
    o->qk_gain = 1;
}
static void value_embeddings(lm_model_options *o) {
    o->value_embeddings = 2;
}
static void smear(lm_model_options *o) {
    o->smear = true;
}
static const struct {
    const char *name;
    void (*set)(lm_model_options *o);
} features[] = {
    {"x0_residual", x0_residual},
    {"qk_gain", qk_gain},
    {"smear", smear},
    {"value_embeddings", value_embeddings},
};
enum { FEATURES = sizeof features / sizeof *features };

typedef struct outcome {
    double loss, evaluated;
    float logits[64];
} outcome;

static outcome run(lm_model *m) {
    static lm_error err;
    const lm_model_options *o = lm_model_get_options(m);
    outcome out = {0};
    int32_t tokens[MOST];
    lm_decoder *d;
    transformer_tokens(tokens, 0, BATCH, o->context_length, o->vocab_size);
    lm_model_init(m, 5);
    lm_model_begin_step(m);
    lm_model_begin_gradients(m, NULL);
    out.loss = lm_model_forward_backward(m, tokens, BATCH, o->context_length, 0.1f);
    lm_model_end_gradients(m);
    out.evaluated = lm_model_loss(m, tokens, BATCH, o->context_length);
    assert_int_equal(lm_decoder_create(&d, m, &(lm_decoder_options){0}, &err), LM_OK);
    memcpy(out.logits, lm_decoder_feed(d, 0, tokens, o->context_length),
           (size_t)o->vocab_size * sizeof *out.logits);
    lm_decoder_free(d);
    return out;
}

/* Rows that the model with a feature has beside those of the model without. */
static void check_own_rows(const char *name, lm_model *with, lm_model *without) {
    int64_t n, n_without;
    const lm_param *rows = lm_model_rows(with, &n), *others = lm_model_rows(without, &n_without);
    for (int64_t r = 0; r < n_without; r++) assert_string_equal(rows[r].name, others[r].name);
    assert_true(n > n_without);
    bool moves = false;
    for (int64_t r = n_without; r < n; r++) {
        assert_true(rows[r].init_std == 0);
        if (rows[r].ndim == 1) assert_false(rows[r].decay);
        assert_true(rows[r].role != LM_ROLE_HIDDEN); /* never orthogonalised */
        for (int64_t i = 0; i < rows[r].count; i++)
            moves |= lm_model_gradients(with)[rows[r].offset + i] != 0;
    }
    if (!moves) fail_msg("%s: its own gradients are all 0", name);
}

static void check(const char *name, void (*set)(lm_model_options *o), lm_model_options plain,
                  lm_precision precision) {
    lm_compute compute = layers_compute;
    compute.precision = precision;
    compute.scratch = (lm_arena){0};
    compute.scratch_per_worker = 0;
    lm_model_options o = plain;
    set(&o);
    lm_model *with = transformer_create(&o, BATCH, true, &compute);
    lm_model *without = transformer_create(&plain, BATCH, true, &compute);
    outcome a = run(with), b = run(without);
    int64_t n = lm_model_total(without);
    if (!(a.loss == b.loss && a.evaluated == b.evaluated))
        fail_msg("%s: losses %.17g and %.17g", name, a.loss, b.loss);
    layers_same_bits(name, b.logits, a.logits, o.vocab_size);
    layers_same_bits(name, lm_model_weights(without), lm_model_weights(with), n);
    layers_same_bits(name, lm_model_gradients(without), lm_model_gradients(with), n);
    check_own_rows(name, with, without);
    lm_model_free(with);
    lm_model_free(without);
    lm_compute_free(&compute);
    layers_free_all();
}

static void test_features_begin_as_nothing(void **state) {
    static const char *const models[] = {"qwen", "completep", "documents", "bloom"};
    (void)state;
    for (int f = 0; f < FEATURES; f++)
        for (size_t i = 0; i < sizeof models / sizeof *models; i++)
            for (int precision = 0; precision < LM_PRECISION_COUNT; precision++) {
                lm_model_options o = transformer_named(models[i])->o;
                o.qk_norm = true;
                check(features[f].name, features[f].set, o, (lm_precision)precision);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_features_begin_as_nothing)};
    return cmocka_run_group_tests_name("beginnings", tests, layers_open_group, layers_close_group);
}

/* Losses, logits and the gradient of every parameter against PyTorch in float64
 * (tests/golden/make_transformer.py). */
#include "tests/support/test.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "model/generate.h"
#include "tests/support/layers.h"
#include "tests/support/transformer.h"

/* A gradient is a sum over tokens, layers deep; its rounding error is a random walk of steps of
 * about eps times the size of its terms, which is the size of the tensor's largest gradients. The
 * tensors here sum over at most 18 tokens (70 in "long") through 2 layers of about 10 operations
 * with sums of up to 96 terms: 2 * sqrt(20 * 96) * eps/2, about 45 eps, is a bound that a wrong
 * term of relative size 1e-5 anywhere breaks. */
#define TOLERANCE (45 * (double)FLT_EPSILON)

static double largest(const float *x, int64_t n) {
    double most = 0;
    for (int64_t i = 0; i < n; i++)
        if (fabs((double)x[i]) > most) most = fabs((double)x[i]);
    return most;
}

/* Every logit of every row, which only the decoder gives out; it has no dropout. want [B, T, V]. */
static void check_logits(const transformer_case *c, lm_model *m, const int32_t *tokens,
                         const float *want) {
    static lm_error err;
    const lm_model_options *o = lm_model_get_options(m);
    int64_t time = o->context_length;
    double size = largest(want, c->batch * time * o->vocab_size), worst = 0;
    for (int64_t b = 0; b < c->batch; b++) {
        lm_decoder *d;
        if (lm_decoder_create(&d, m, &(lm_decoder_options){0}, &err) != LM_OK)
            fail_msg("%s", err.message);
        for (int64_t t = 0; t < time; t++, want += o->vocab_size) {
            const float *got = lm_decoder_next(d, tokens[b * (time + 1) + t]);
            for (int64_t v = 0; v < o->vocab_size; v++) {
                double off = fabs((double)got[v] - (double)want[v]) / size;
                if (off > worst) worst = off;
                if (!(off <= TOLERANCE))
                    fail_msg("%s, row %d, token %d, logit %d: expected %.9g, found %.9g", c->name,
                             (int)b, (int)t, (int)v, (double)want[v], (double)got[v]);
            }
        }
        lm_decoder_free(d);
    }
    print_message("%s: worst logit off by %.1f eps of the largest\n", c->name,
                  worst / (double)FLT_EPSILON);
}

static void check(const transformer_case *c) {
    static lm_error err;
    lm_text golden = {0};
    char path[64];
    int32_t tokens[256], behind[64];
    double loss;
    int64_t n_rows, used;
    snprintf(path, sizeof path, "tests/golden/transformer_%s.bin", c->name);
    if (lm_file_read(path, 1 << 20, &golden, &err) != LM_OK) fail_msg("%s", err.message);
    lm_model_options o = c->o;
    lm_model *m = transformer_create(&o, c->batch, true, &layers_compute);
    int64_t n = c->batch * o.context_length;
    transformer_fill(m);
    transformer_tokens(tokens, 0, c->batch, o.context_length, o.vocab_size);
    transformer_tokens_behind(behind, 0, c->batch, o.context_length, o.multi_token.count,
                              o.vocab_size);
    lm_model_set_tokens_behind(m, behind);
    lm_model_begin_step(m);
    lm_model_begin_gradients(m, NULL);
    double got_loss =
        lm_model_forward_backward(m, tokens, c->batch, o.context_length, 1.0f / (float)n);
    lm_model_end_gradients(m);

    memcpy(&loss, golden.data, sizeof loss);
    print_message("%s: loss %.9f, expected %.9f\n", c->name, got_loss, loss);
    assert_true(fabs(got_loss - loss) <= TOLERANCE * loss);
    bool plain = o.label_smoothing == 0 && o.z_loss == 0 && o.dropout == 0;
    double nll = lm_model_loss(m, tokens, c->batch, o.context_length);
    assert_true((fabs(nll - got_loss) == 0.0) == plain);

    const lm_param *rows = lm_model_rows(m, &n_rows);
    float *want = malloc(golden.length);
    memcpy(want, golden.data + sizeof loss, golden.length - sizeof loss);
    check_logits(c, m, tokens, want);
    used = n * o.vocab_size;
    double worst = 0;
    for (int64_t r = 0; r < n_rows; r++) {
        const float *got = lm_model_gradients(m) + rows[r].offset;
        double size = largest(want + used, rows[r].count);
        assert_true(size > 0);
        for (int64_t i = 0; i < rows[r].count; i++) {
            double off = fabs((double)got[i] - (double)want[used + i]) / size;
            if (off > worst) worst = off;
            if (!(off <= TOLERANCE))
                fail_msg("%s %s[%lld]: expected %.9g, found %.9g; largest of the tensor %.3g",
                         c->name, rows[r].name, (long long)i, (double)want[used + i],
                         (double)got[i], size);
        }
        used += rows[r].count;
    }
    print_message("%s: worst gradient off by %.1f eps of its tensor's largest\n", c->name,
                  worst / (double)FLT_EPSILON);
    assert_int_equal((int64_t)golden.length, (int64_t)sizeof loss + used * 4);
    free(want);
    lm_text_free(&golden);
    lm_model_free(m);
}

static void test_loss_logits_and_gradients_are_those_of_pytorch(void **state) {
    check(*state);
}

int main(void) {
    return transformer_run_tests("golden", test_loss_logits_and_gradients_are_those_of_pytorch);
}

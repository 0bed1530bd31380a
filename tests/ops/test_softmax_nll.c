/* The loss head against plain double-precision code whose gradient is checked by finite
 * differences; equal bits for 1, 2 and 3 threads and for the scalar kernels. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "ops/gemm.h"
#include "ops/softmax_nll.h"
#include "tests/support/layers.h"

#define EPS ((double)FLT_EPSILON)

static const struct { int threads, scalar; } setups[] = {{1, 0}, {2, 0}, {3, 0}, {2, 1}};
enum { SETUPS = sizeof setups / sizeof setups[0] };

/* What is added to the plain loss. */
typedef struct objective {
    double cap, smoothing, z;
    int64_t more; /* further targets */
} objective;
static objective now; /* of the test at hand */

enum { MORE_MOST = 3 };
static const float more_weights[MORE_MOST] = {0.5f, 0.25f, 0.3f};

typedef struct reference {
    int64_t tokens, c, v;
    const double *x, *w;
    const int32_t *targets, *more; /* [tokens], [now.more, tokens] */
    double grad_scale;
    double *loss, *more_loss, *dx, *dw; /* dx NULL: loss only */
} reference;

/* What the further targets of token t want of the logit of v; v -1: of all of them together. */
static double wanted_by_more(const reference *r, int64_t t, int64_t v) {
    double sum = 0;
    for (int64_t k = 0; k < now.more; k++) {
        const int32_t target = r->more[k * r->tokens + t];
        if (target >= 0 && (v < 0 || v == target)) sum += (double)more_weights[k];
    }
    return sum;
}

static void reference_run(const reference *r) {
    double *p = test_malloc((size_t)r->v * sizeof *p);
    for (int64_t t = 0; t < r->tokens; t++) {
        const double *x = r->x + t * r->c;
        double max = -INFINITY, sum = 0;
        for (int64_t v = 0; v < r->v; v++) {
            p[v] = 0;
            for (int64_t i = 0; i < r->c; i++) p[v] += x[i] * r->w[v * r->c + i];
            if (now.cap > 0) p[v] = now.cap * tanh(p[v] / now.cap);
            if (p[v] > max) max = p[v];
        }
        for (int64_t v = 0; v < r->v; v++) sum += exp(p[v] - max);
        double lse = log(sum) + max, mean = 0;
        for (int64_t v = 0; v < r->v; v++) mean += p[v] / (double)r->v;
        r->loss[t] = (1 - now.smoothing) * (lse - p[r->targets[t]]) + now.smoothing * (lse - mean) +
                     now.z * lse * lse;
        r->more_loss[t] = 0;
        for (int64_t v = 0; v < r->v && now.more > 0; v++)
            r->more_loss[t] += wanted_by_more(r, t, v) * (lse - p[v]);
        for (int64_t v = 0; v < r->v && r->dx; v++) {
            double want = (1 - now.smoothing) * (v == r->targets[t]) + now.smoothing / (double)r->v;
            double all = 1 + wanted_by_more(r, t, -1);
            want += wanted_by_more(r, t, v);
            double d = r->grad_scale * (exp(p[v] - lse) * (all + 2 * now.z * lse) - want);
            if (now.cap > 0) d *= 1 - p[v] / now.cap * (p[v] / now.cap);
            for (int64_t i = 0; i < r->c; i++) {
                r->dx[t * r->c + i] += d * r->w[v * r->c + i];
                r->dw[v * r->c + i] += d * x[i];
            }
        }
    }
    test_free(p);
}

static double reference_loss(void *context) {
    const reference *r = context;
    double sum = 0;
    reference_run(r);
    for (int64_t t = 0; t < r->tokens; t++) sum += r->loss[t] + r->more_loss[t];
    return sum * r->grad_scale;
}

typedef struct inputs {
    int64_t tokens, c, v;
    float *x, *w, *dw0;
    int32_t *targets, *more;
    float grad_scale;
} inputs;

static inputs make_inputs(int64_t tokens, int64_t c, int64_t v, double size) {
    inputs in = {.tokens = tokens,
                 .c = c,
                 .v = v,
                 .x = layers_random(tokens * c, 1, -size, size),
                 .w = layers_random(v * c, 2, -1, 1),
                 .dw0 = layers_random(v * c, 3, -1, 1),
                 .targets = layers_ints(tokens),
                 .more = layers_ints(MORE_MOST * tokens),
                 .grad_scale = 0.75f};
    float *picks = layers_random(tokens, 4, 0, (double)v - 0.01);
    for (int64_t t = 0; t < tokens; t++) in.targets[t] = (int32_t)picks[t];
    in.targets[0] = (int32_t)v - 1;
    in.targets[tokens - 1] = 0;
    /* Some have none, and some the same as another. */
    float *others = layers_random(MORE_MOST * tokens, 5, -0.3 * (double)v, (double)v - 0.01);
    for (int64_t i = 0; i < MORE_MOST * tokens; i++) {
        in.more[i] = others[i] < 0 ? -1 : (int32_t)others[i];
        if (i % 5 == 3) in.more[i] = in.targets[i % tokens];
        if (i % 7 == 2 && i >= tokens) in.more[i] = in.more[i - tokens];
    }
    return in;
}

static reference make_reference(const inputs *in) {
    return (reference){.tokens = in->tokens,
                       .c = in->c,
                       .v = in->v,
                       .x = layers_doubles(in->x, in->tokens * in->c),
                       .w = layers_doubles(in->w, in->v * in->c),
                       .targets = in->targets,
                       .more = in->more,
                       .grad_scale = (double)in->grad_scale,
                       .loss = layers_doubles(NULL, in->tokens),
                       .more_loss = layers_doubles(NULL, in->tokens),
                       .dx = layers_doubles(NULL, in->tokens * in->c),
                       .dw = layers_doubles(in->dw0, in->v * in->c)};
}

typedef struct result {
    float *loss, *more, *only, *dx, *dw;
} result;

/* The further targets of the tokens from `at` on, of which there are so many. */
static lm_more_targets more_of(const inputs *in, int64_t at, int64_t tokens, float *loss) {
    int32_t *targets = layers_ints(now.more * tokens);
    for (int64_t i = 0; i < now.more * tokens; i++)
        targets[i] = in->more[i / tokens * in->tokens + at + i % tokens];
    return (lm_more_targets){.n = now.more,
                             .targets = targets,
                             .weights = more_weights,
                             .logits = layers_floats(now.more * tokens),
                             .loss = loss};
}

static result run(const inputs *in, lm_precision precision, int threads, int scalar) {
    lm_kernels k;
    lm_compute compute;
    layers_open(&compute, &k, threads, scalar, lm_gemm_scratch_bytes());
    compute.precision = precision;
    result r = {layers_floats(in->tokens), layers_floats(in->tokens), layers_floats(in->tokens),
                layers_floats(in->tokens * in->c), layers_copy(in->dw0, in->v * in->c)};
    size_t block = lm_softmax_nll_block_bytes(precision, in->tokens, in->c, in->v);
    lm_softmax_nll s = {.tokens = in->tokens,
                        .channels = in->c,
                        .vocab = in->v,
                        .x = lm_array_f32(in->x),
                        .w = in->w,
                        .targets = in->targets,
                        .block = layers_floats((int64_t)(block / sizeof(float))),
                        .block_bytes = block,
                        .loss = r.loss,
                        .softcap = (float)now.cap,
                        .label_smoothing = (float)now.smoothing,
                        .z_loss = (float)now.z,
                        .grad_scale = in->grad_scale,
                        .dx = r.dx,
                        .dw = r.dw,
                        .more = more_of(in, 0, in->tokens, r.more)};
    lm_softmax_nll_f32(&compute, &s);
    s.loss = r.only, s.dx = NULL, s.dw = NULL, s.more = (lm_more_targets){0};
    lm_softmax_nll_f32(&compute, &s);
    layers_close(&compute);
    layers_same_bits("loss only", r.loss, r.only, in->tokens);
    return r;
}

static void check(int64_t tokens, int64_t c, int64_t v, double size) {
    inputs in = make_inputs(tokens, c, v, size);
    result first = {0};
    for (int i = 0; i < SETUPS; i++) {
        result r = run(&in, LM_FP32, setups[i].threads, setups[i].scalar);
        if (i == 0) first = r;
        layers_same_bits("loss", first.loss, r.loss, tokens);
        if (now.more > 0) layers_same_bits("further losses", first.more, r.more, tokens);
        layers_same_bits("dx", first.dx, r.dx, tokens * c);
        layers_same_bits("dW", first.dw, r.dw, v * c);
    }
    reference want = make_reference(&in);
    reference_run(&want);
    /* A logit is a sum of c products of at most `size`; its error is a relative error of p. dx adds
     * up p W over the vocabulary, the p adding up to 2 at most; dW over the tokens. */
    double logit = EPS * (4 + size * sqrt((double)c) * 2) * (now.more > 0 ? 2 : 1);
    double chain = EPS * (8 + sqrt((double)v));
    layers_close_to("loss", first.loss, want.loss, tokens, 2 * logit + chain);
    if (now.more > 0)
        layers_close_to("further losses", first.more, want.more_loss, tokens, 2 * logit + chain);
    layers_close_to("dx", first.dx, want.dx, tokens * c, 4 * (logit + chain));
    layers_close_to("dW", first.dw, want.dw, v * c,
                    (2 * logit + chain) * size * sqrt((double)tokens));
}

static void test_small_shapes(void **state) {
    (void)state;
    check(1, 1, 1, 1);
    check(1, 3, 2, 1);
    check(5, 7, 11, 1);
    check(130, 9, 65, 1);
}

/* More than one chunk of the vocabulary, its last one short; more than one column task. */
static void test_vocabulary_chunks(void **state) {
    (void)state;
    check(33, 5, 511, 1);
    check(140, 6, 512, 1);
    check(140, 6, 513, 1);
    check(17, 20, 1900, 1);
}

/* More than one block of tokens, its last one short. */
static void test_token_blocks(void **state) {
    (void)state;
    check(600, 4, 4200, 1);
}

/* dW and dx of windows first .. first+count-1, added to those in dw and dx. The workspace is
 * `times` as large as it need be. */
static void add_windows(lm_compute *compute, const inputs *in, int64_t window, int64_t first,
                        int64_t count, int times, float *dx, float *dw) {
    int64_t tokens = count * window, at = first * window;
    size_t block =
        (size_t)times * lm_softmax_nll_block_bytes(compute->precision, tokens, in->c, in->v);
    lm_softmax_nll s = {.tokens = tokens,
                        .window = window,
                        .channels = in->c,
                        .vocab = in->v,
                        .x = lm_array_f32(in->x + at * in->c),
                        .w = in->w,
                        .targets = in->targets + at,
                        .block = layers_floats((int64_t)(block / sizeof(float))),
                        .block_bytes = block,
                        .loss = layers_floats(tokens),
                        .softcap = (float)now.cap,
                        .grad_scale = in->grad_scale,
                        .dx = dx + at * in->c,
                        .dw = dw,
                        .dw_begins = first == 0,
                        .more = more_of(in, at, tokens, layers_floats(tokens))};
    lm_softmax_nll_f32(compute, &s);
}

/* Windows of even and of odd length, all in one call and in calls of one and of two, with a small
 * workspace and a large one, where blocks of tokens end within windows: the same bits. At bf16, a
 * pair of tokens must never be parted. */
static void check_windows(lm_precision precision, int64_t window, int64_t v) {
    enum { WINDOWS = 3, C = 4 };
    lm_kernels k;
    lm_compute compute;
    inputs in = make_inputs(WINDOWS * window, C, v, 1);
    layers_open(&compute, &k, 2, 0, lm_gemm_scratch_bytes());
    compute.precision = precision;
    float *dx = layers_floats(in.tokens * C), *dw = layers_floats(v * C);
    add_windows(&compute, &in, window, 0, WINDOWS, 1, dx, dw);
    for (int64_t each = 1; each <= WINDOWS; each++) {
        float *dx2 = layers_floats(in.tokens * C), *dw2 = layers_floats(v * C);
        for (int64_t i = 0; i < WINDOWS; i += each)
            add_windows(&compute, &in, window, i, lm_min(WINDOWS - i, each), 3, dx2, dw2);
        layers_same_bits("dx", dx, dx2, in.tokens * C);
        layers_same_bits("dW", dw, dw2, v * C);
    }
    layers_close(&compute);
    layers_free_all();
}

static void test_bits_do_not_depend_on_how_many_windows_a_call_takes(void **state) {
    (void)state;
    for (int precision = 0; precision < LM_PRECISION_COUNT; precision++) {
        check_windows((lm_precision)precision, 1, 65);
        check_windows((lm_precision)precision, 33, 65);
        check_windows((lm_precision)precision, 40, 65);
        check_windows((lm_precision)precision, 301, 4200);
        check_windows((lm_precision)precision, 300, 4200);
    }
    now = (objective){.cap = 1.5};
    check_windows(LM_BF16, 301, 4200);
    now = (objective){.more = 2};
    check_windows(LM_BF16, 301, 4200);
    now = (objective){0};
}

/* At bf16: the same bits for 1, 2 and 3 threads and for the scalar kernels, and the loss near that
 * of fp32. */
static void check_bf16(int64_t tokens, int64_t c, int64_t v) {
    inputs in = make_inputs(tokens, c, v, 1);
    result first = {0}, exact = run(&in, LM_FP32, 1, 0);
    for (int i = 0; i < SETUPS; i++) {
        result r = run(&in, LM_BF16, setups[i].threads, setups[i].scalar);
        if (i == 0) first = r;
        layers_same_bits("loss", first.loss, r.loss, tokens);
        layers_same_bits("dx", first.dx, r.dx, tokens * c);
        layers_same_bits("dW", first.dw, r.dw, v * c);
    }
    /* a logit is c products, each with two relative errors of 2^-9 */
    double bound = 2 * (double)c * 0x1p-8;
    for (int64_t t = 0; t < tokens; t++)
        assert_true(fabs((double)first.loss[t] - (double)exact.loss[t]) <= bound);
    /* e, W or x, and the sums of them: dx adds up 2 W at most, dW one x a token; further targets
     * weigh as much again, and a little */
    if (now.more > 0) bound *= 2.1;
    for (int64_t i = 0; i < tokens * c; i++)
        assert_true(fabs((double)first.dx[i] - (double)exact.dx[i]) <= 2 * bound);
    for (int64_t i = 0; i < v * c; i++)
        assert_true(fabs((double)first.dw[i] - (double)exact.dw[i]) <= 2 * bound * (double)tokens);
    layers_free_all();
}

static void test_bf16(void **state) {
    (void)state;
    check_bf16(1, 3, 2);
    check_bf16(140, 6, 513);
    check_bf16(600, 4, 4200);
    now = (objective){.cap = 1.5, .smoothing = 0.2, .z = 0.02};
    check_bf16(601, 4, 4200);
    now = (objective){.more = 3};
    check_bf16(140, 6, 513);
    now = (objective){0};
}

/* So many chunks that the exponentials take the place of the logits. */
static void test_bf16_of_a_large_vocabulary(void **state) {
    (void)state;
    check_bf16(35, 2, 16000);
    now = (objective){.cap = 1.5, .smoothing = 0.2, .z = 0.02};
    check_bf16(35, 2, 16000);
    now = (objective){0};
    check_windows(LM_BF16, 33, 16000);
}

/* Logits of hundreds: exp must neither overflow nor lose the largest. */
static void test_large_logits(void **state) {
    (void)state;
    check(20, 16, 100, 60);
}

static void check_objective(objective o) {
    now = o;
    check(1, 3, 2, 1);
    check(130, 9, 65, 1);
    check(140, 6, 1100, 1);
    check(600, 4, 4200, 1);
    now = (objective){0};
}

static void test_softcap(void **state) {
    (void)state;
    check_objective((objective){.cap = 2});
    check_objective((objective){.cap = 30});
}
static void test_label_smoothing(void **state) {
    (void)state;
    check_objective((objective){.smoothing = 0.1});
}
static void test_z_loss(void **state) {
    (void)state;
    check_objective((objective){.z = 0.01});
}
static void test_softcap_smoothing_and_z_loss_together(void **state) {
    (void)state;
    check_objective((objective){.cap = 1.5, .smoothing = 0.2, .z = 0.02});
}

static void test_further_targets(void **state) {
    (void)state;
    check_objective((objective){.more = 1});
    check_objective((objective){.more = 3});
    check_objective((objective){.cap = 1.5, .smoothing = 0.2, .z = 0.02, .more = 2});
}

static void test_reference_against_differences(void **state) {
    now = *state ? *(const objective *)*state : (objective){0};
    inputs in = make_inputs(4, 5, 7, 1);
    reference r = make_reference(&in);
    memset(r.dw, 0, (size_t)(in.v * in.c) * sizeof *r.dw);
    reference_run(&r);
    double *dx = r.dx;
    r.dx = NULL;
    for (int64_t i = 0; i < in.tokens * in.c; i++) {
        double slope = layers_slope(reference_loss, &r, (double *)(uintptr_t)&r.x[i], 1e-5);
        assert_true(fabs(slope - dx[i]) < 1e-8);
    }
    for (int64_t i = 0; i < in.v * in.c; i++) {
        double slope = layers_slope(reference_loss, &r, (double *)(uintptr_t)&r.w[i], 1e-5);
        assert_true(fabs(slope - r.dw[i]) < 1e-8);
    }
    now = (objective){0};
}

/* The workspace for many tokens serves fewer: what a short last micro-batch needs. */
static void test_workspace_grows_with_tokens(void **state) {
    (void)state;
    for (int64_t v = 1; v < 60000; v = v * 3 + 1)
        for (int64_t tokens = 1; tokens < 5000; tokens += 97)
            for (int p = 0; p < LM_PRECISION_COUNT; p++)
                assert_true(lm_softmax_nll_block_bytes((lm_precision)p, tokens, 64, v) <=
                            lm_softmax_nll_block_bytes((lm_precision)p, tokens + 97, 64, v));
    /* bounded: a GPT-2 vocabulary costs no more than the logits of 256 tokens, at bf16 those and
     * the exponentials of 512, a line more a row, and a little */
    size_t line = 64, little = (size_t)768 * 512 * sizeof(float) + (1 << 20);
    assert_true(lm_softmax_nll_block_bytes(LM_FP32, 1 << 20, 768, 50304) <
                (size_t)50304 * (256 * sizeof(float) + line) + little);
    assert_true(lm_softmax_nll_block_bytes(LM_BF16, 1 << 20, 768, 50304) <
                (size_t)50304 * (256 * sizeof(float) + 512 * sizeof(lm_bf16) + 2 * line) + little);
}

static void test_nan_reaches_the_loss(void **state) {
    (void)state;
    inputs in = make_inputs(20, 5, 30, 1);
    in.x[7 * in.c] = NAN;
    result r = run(&in, LM_FP32, 2, 0);
    for (int64_t t = 0; t < in.tokens; t++) assert_true((isnan(r.loss[t]) != 0) == (t == 7));
}

int main(void) {
    static objective every = {.cap = 1.5, .smoothing = 0.2, .z = 0.02, .more = 3};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_small_shapes, layers_tear_down),
        cmocka_unit_test_teardown(test_vocabulary_chunks, layers_tear_down),
        cmocka_unit_test_teardown(test_token_blocks, layers_tear_down),
        cmocka_unit_test_teardown(test_bits_do_not_depend_on_how_many_windows_a_call_takes,
                                  layers_tear_down),
        cmocka_unit_test_teardown(test_bf16, layers_tear_down),
        cmocka_unit_test_teardown(test_bf16_of_a_large_vocabulary, layers_tear_down),
        cmocka_unit_test_teardown(test_large_logits, layers_tear_down),
        cmocka_unit_test_teardown(test_softcap, layers_tear_down),
        cmocka_unit_test_teardown(test_label_smoothing, layers_tear_down),
        cmocka_unit_test_teardown(test_z_loss, layers_tear_down),
        cmocka_unit_test_teardown(test_softcap_smoothing_and_z_loss_together, layers_tear_down),
        cmocka_unit_test_teardown(test_further_targets, layers_tear_down),
        cmocka_unit_test_teardown(test_reference_against_differences, layers_tear_down),
        cmocka_unit_test_prestate_setup_teardown(test_reference_against_differences, NULL,
                                                 layers_tear_down, &every),
        cmocka_unit_test_teardown(test_workspace_grows_with_tokens, layers_tear_down),
        cmocka_unit_test_teardown(test_nan_reaches_the_loss, layers_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Layers between arrays of bf16 give exactly what the fp32 layer gives for the widened input,
 * rounded. */
#include "tests/support/test.h"

#include <string.h>

#include "nn/activation.h"
#include "nn/head_norm.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "nn/rope.h"
#include "tests/support/layers.h"

/* n elements that end where memory does. */
static lm_array bf16_array(int64_t n) {
    return lm_array_bf16((lm_bf16 *)(void *)layers_floats((n + 1) / 2) + n % 2);
}

/* Random bf16, and the same numbers as floats. */
static lm_array random_bf16(int64_t n, uint64_t seed, float **same) {
    lm_array x = bf16_array(n);
    *same = layers_random(n, seed, -2, 2);
    for (int64_t i = 0; i < n; i++) {
        ((lm_bf16 *)x.at)[i] = lm_bf16_from_f32((*same)[i]);
        (*same)[i] = lm_bf16_to_f32(((lm_bf16 *)x.at)[i]);
    }
    return x;
}

static void is_rounded(const char *what, lm_array got, const float *want, int64_t n) {
    for (int64_t i = 0; i < n; i++)
        if (((const lm_bf16 *)got.at)[i] != lm_bf16_from_f32(want[i]))
            fail_msg("%s[%lld] is %g, not %g rounded", what, (long long)i,
                     (double)lm_bf16_to_f32(((const lm_bf16 *)got.at)[i]), (double)want[i]);
}

/* The compute of a setup: threads, scalar kernels or not; room for every layer here. */
static const struct { int threads, scalar; } setups[] = {{1, 0}, {2, 0}, {3, 0}, {2, 1}};
enum { SETUPS = sizeof setups / sizeof setups[0], CHANNELS = 5000 };
static lm_kernels kernels;

static lm_compute open_setup(int i) {
    lm_compute c;
    lm_kernels_fill(&kernels, 1u << LM_ISA_SCALAR);
    size_t bytes = lm_gemm_scratch_bytes(), norm = lm_norm_scratch_bytes(CHANNELS);
    layers_open(&c, &kernels, setups[i].threads, setups[i].scalar, norm > bytes ? norm : bytes);
    return c;
}

static void test_operand(void **state) {
    (void)state;
    const int64_t counts[] = {0, 1, 33, 32768, 70001};
    for (int i = 0; i < SETUPS; i++)
        for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
            lm_compute c = open_setup(i);
            float *x = layers_random(counts[j], 1, -2, 2);
            lm_array room = bf16_array(counts[j]);
            assert_ptr_equal(lm_array_operand(&c, counts[j], x, room).at, x); /* fp32: as it is */
            c.precision = LM_BF16;
            assert_ptr_equal(lm_array_operand(&c, counts[j], x, room).at, room.at);
            is_rounded("operand", room, x, counts[j]);
            layers_close(&c);
        }
}

static void check_norm(const lm_compute *c, lm_norm_kind kind, int64_t rows, int64_t channels) {
    float *x = layers_random(rows * channels, 1, -1, 2),
          *weight = layers_random(channels, 2, -1, 1);
    lm_norm n = {.kind = kind, .rows = rows, .channels = channels, .eps = 1e-5f, .weight = weight};
    n.bias = kind == LM_NORM_LAYERNORM ? layers_random(channels, 3, -1, 1) : NULL;
    n.mean = layers_floats(rows);
    n.rstd = layers_floats(rows);
    float *want = layers_floats(rows * channels), *mean = n.mean, *rstd = n.rstd;
    lm_norm_forward(c, &n, x, lm_array_f32(want));
    lm_array got = bf16_array(rows * channels);
    n.mean = layers_floats(rows);
    n.rstd = layers_floats(rows);
    lm_norm_forward(c, &n, x, got);
    is_rounded("norm", got, want, rows * channels);
    layers_same_bits("rstd", rstd, n.rstd, rows);
    if (kind == LM_NORM_LAYERNORM) layers_same_bits("mean", mean, n.mean, rows);
}

static void test_norm(void **state) {
    (void)state;
    for (int i = 0; i < SETUPS; i++) {
        lm_compute c = open_setup(i);
        for (int kind = 0; kind < LM_NORM_COUNT; kind++) {
            check_norm(&c, (lm_norm_kind)kind, 1, 1);
            check_norm(&c, (lm_norm_kind)kind, 300, 129);
            check_norm(&c, (lm_norm_kind)kind, 3,
                       CHANNELS); /* a row is more than is rounded at once */
        }
        layers_close(&c);
    }
}

static void check_activation(const lm_compute *c, lm_mlp_kind kind, int64_t n) {
    float *x, *up, *dy = layers_random(n, 3, -1, 1), *dy2 = layers_copy(dy, n);
    float *room = layers_floats(LM_ACTIVATION_ROOM);
    lm_activation wide = {.kind = kind, .y = lm_array_f32(layers_floats(n))}, a = {.kind = kind};
    a.x = random_bf16(n, 1, &x), a.up = random_bf16(n, 2, &up), a.y = bf16_array(n);
    wide.x = lm_array_f32(x), wide.up = lm_array_f32(up);
    lm_activation_forward(c->kernels, &wide, 0, n, room);
    lm_activation_forward(c->kernels, &a, 0, n, room);
    is_rounded("y", a.y, wide.y.at, n);
    lm_activation_backward(c->kernels, &wide, 0, n, dy, room);
    lm_activation_backward(c->kernels, &a, 0, n, dy2, room);
    is_rounded("y of backward", a.y, wide.y.at, n);
    is_rounded("dx", a.x, x, n);
    is_rounded("dup", a.up, up, n); /* not gated: still up itself */
}

static void test_activation(void **state) {
    (void)state;
    for (int i = 0; i < SETUPS; i++) {
        lm_compute c = open_setup(i);
        for (int kind = 0; kind < LM_MLP_COUNT; kind++) {
            check_activation(&c, (lm_mlp_kind)kind, 37);
            check_activation(&c, (lm_mlp_kind)kind, 40001);
        }
        layers_close(&c);
    }
}

/* A layer of bf16 weights and activations gives the bits of one that rounds them as it goes. */
static void check_linear(const lm_compute *c, int64_t m, int64_t in, int64_t out) {
    float *x, *w, *dy, *bias = layers_random(out, 4, -1, 1);
    lm_array x16 = random_bf16(m * in, 1, &x), w16 = random_bf16(out * in, 2, &w);
    lm_array dy16 = random_bf16(m * out, 3, &dy), y16 = bf16_array(m * out);
    float *y = layers_floats(m * out), *dx = layers_floats(m * in), *dx2 = layers_floats(m * in);
    float *dw = layers_random(out * in, 5, 0, 0), *dw2 = layers_copy(dw, out * in);
    float *db = layers_random(out, 5, 0, 0), *db2 = layers_copy(db, out);
    lm_linear l = {.rows = m, .in = in, .out = out, .w = lm_array_f32(w), .bias = bias}, l16 = l;
    l16.w = w16;
    lm_linear_forward(c, &l, lm_array_f32(x), lm_array_f32(y));
    lm_linear_forward(c, &l16, x16, y16);
    is_rounded("y", y16, y, m * out);
    lm_linear_backward_input(c, &l, lm_array_f32(dy), lm_array_f32(dx));
    lm_linear_backward_input(c, &l16, dy16, lm_array_f32(dx2));
    layers_same_bits("dx", dx, dx2, m * in);
    lm_linear_backward_weights(c, &l, lm_array_f32(x), lm_array_f32(dy), true, dw, db);
    lm_linear_backward_weights(c, &l16, x16, dy16, true, dw2, db2);
    layers_same_bits("dW", dw, dw2, out * in);
    layers_same_bits("dbias", db, db2, out);
}

static void test_linear(void **state) {
    (void)state;
    for (int i = 0; i < SETUPS; i++) {
        lm_compute c = open_setup(i);
        c.precision = LM_BF16;
        check_linear(&c, 1, 1, 1);
        check_linear(&c, 7, 9, 5);
        check_linear(&c, 130, 64, 300);
        check_linear(&c, 33, 31, 200); /* rows of an odd length */
        layers_close(&c);
    }
}

static void check_heads(const lm_compute *c, int64_t tokens, int64_t heads, int64_t d) {
    int64_t row = heads * d + 3, n = tokens * row, half = d / 2;
    float *x, *y = layers_random(n, 2, -1, 1), *y2 = layers_copy(y, n);
    float *dy = layers_random(n, 3, -1, 1), *dy2 = layers_copy(dy, n);
    float *dw = layers_random(d, 4, 0, 0), *dw2 = layers_copy(dw, d);
    lm_array x16 = random_bf16(n, 1, &x), y16 = bf16_array(n);
    lm_head_norm h = {.tokens = tokens, .heads = heads, .head_size = d, .row = row, .eps = 1e-6f};
    h.weight = layers_random(d, 5, -1, 1);
    h.rstd = layers_floats(tokens * heads);
    lm_head_norm_forward(c, &h, lm_array_f32(x), y);
    lm_head_norm_forward(c, &h, x16, y2);
    layers_same_bits("head norm", y, y2, n);
    lm_head_norm_backward(c, &h, lm_array_f32(x), dy, dw, NULL);
    lm_head_norm_backward(c, &h, x16, dy2, dw2, NULL);
    layers_same_bits("dx", dy, dy2, n);
    layers_same_bits("dweight", dw, dw2, d);
    float *cosines = layers_floats(tokens * half), *sines = layers_floats(tokens * half);
    lm_rope_table(&(lm_rope_frequencies){.turned = d, .theta = 10000}, tokens, cosines, sines);
    lm_rope r = {.batch = 1,
                 .time = tokens,
                 .heads = heads,
                 .head_size = d,
                 .row = row,
                 .cos = cosines,
                 .sin = sines};
    lm_rope_forward(c, &r, y, y16);
    is_rounded("rope", y16, y, n); /* what lies behind the heads included */
    lm_rope_backward(c, &r, y, y16);
    is_rounded("rope backward", y16, y, n);
}

static void test_heads(void **state) {
    (void)state;
    for (int i = 0; i < SETUPS; i++) {
        lm_compute c = open_setup(i);
        check_heads(&c, 1, 1, 2);
        check_heads(&c, 300, 5, 34);
        layers_close(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_operand, layers_tear_down),
        cmocka_unit_test_teardown(test_norm, layers_tear_down),
        cmocka_unit_test_teardown(test_activation, layers_tear_down),
        cmocka_unit_test_teardown(test_linear, layers_tear_down),
        cmocka_unit_test_teardown(test_heads, layers_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

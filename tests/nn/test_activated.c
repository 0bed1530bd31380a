/* A linear layer with its activation is the layer, then the activation: the same bits. */
#include "tests/support/test.h"

#include <string.h>

#include "nn/linear.h"
#include "tests/support/layers.h"

/* n random elements of the precision. */
static lm_array numbers(const lm_compute *c, int64_t n, uint64_t seed) {
    float *x = layers_random(n, seed, -2, 2);
    if (c->precision == LM_FP32) return lm_array_f32(x);
    return lm_array_operand(c, n, x, lm_array_bf16((lm_bf16 *)(void *)layers_floats(n)));
}

static lm_array copy(const lm_compute *c, int64_t n, lm_array x) {
    lm_array y = numbers(c, n, 1);
    memcpy(y.at, x.at, (size_t)n * lm_array_element_bytes(x.type));
    return y;
}

static void same(const char *what, lm_array a, lm_array b, int64_t n) {
    if (memcmp(a.at, b.at, (size_t)n * lm_array_element_bytes(a.type)) != 0)
        fail_msg("%s differs", what);
}

static void check(const lm_compute *c, lm_mlp_kind kind, int64_t m, int64_t in, int64_t out) {
    int64_t n = m * out;
    bool gated = lm_mlp_is_gated(kind);
    float *room = layers_floats(LM_ACTIVATION_ROOM);
    lm_array x = numbers(c, m * in, 1), gate = numbers(c, n, 2), none = {0};
    lm_linear l = {.rows = m, .in = in, .out = out, .w = numbers(c, out * in, 3)};
    l.bias = layers_random(out, 4, -1, 1);
    lm_array pre = numbers(c, n, 5), pre2 = numbers(c, n, 6);
    lm_activation a = {kind, gated ? gate : pre, gated ? pre : none, numbers(c, n, 7)};
    lm_activation b = {kind, gated ? gate : pre2, gated ? pre2 : none, numbers(c, n, 8)};
    lm_linear_forward(c, &l, x, pre);
    lm_activation_forward(c->kernels, &a, 0, n, room);
    lm_linear_forward_activated(c, &l, x, pre2, &b);
    same("what is activated", pre, pre2, n);
    same("activation", a.y, b.y, n);

    lm_linear back = {.rows = m, .in = out, .out = in, .w = numbers(c, out * in, 9)};
    float *dact = layers_floats(n);
    lm_array x2 = copy(c, n, a.x), up2 = gated ? copy(c, n, a.up) : none;
    lm_activation d = {kind, x2, up2, numbers(c, n, 10)};
    lm_linear_backward_input(c, &back, x, lm_array_f32(dact));
    lm_activation_backward(c->kernels, &a, 0, n, dact, room);
    lm_linear_backward_activated(c, &back, x, &d);
    same("dx", a.x, d.x, n);
    if (gated) same("dup", a.up, d.up, n);
    same("activation, again", b.y, d.y, n);
}

static void test_activated(void **state) {
    (void)state;
    static const struct { int threads, scalar; } setups[] = {{1, 0}, {2, 0}, {3, 0}, {2, 1}};
    /* the last: k takes several blocks, so that sums wait */
    static const int64_t shapes[][3] = {{1, 1, 1}, {7, 9, 5}, {130, 64, 300}, {3, 4100, 70}};
    for (size_t i = 0; i < sizeof setups / sizeof *setups; i++)
        for (int which = 0; which < (int)LM_MLP_COUNT * (int)LM_PRECISION_COUNT; which++)
            for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
                lm_kernels k;
                lm_compute c;
                layers_open(&c, &k, setups[i].threads, setups[i].scalar, lm_gemm_scratch_bytes());
                c.precision = (lm_precision)(which / LM_MLP_COUNT);
                check(&c, (lm_mlp_kind)(which % LM_MLP_COUNT), shapes[s][0], shapes[s][1],
                      shapes[s][2]);
                layers_close(&c);
            }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_teardown(test_activated, layers_tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

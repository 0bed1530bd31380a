/* Gates against their definition in double, whose slopes are central differences; the same bits for
 * any number of threads, for the scalar kernels and window by window. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "nn/gate.h"
#include "tests/support/layers.h"

/* All values lie in [-1, 1]. A sum over G channels is off by G eps of its terms at most; the gate's
 * slope is most / 4, and the result is rounded once. */
static double forward_bound(const lm_gate *g) {
    const double eps = (double)FLT_EPSILON, n = (double)g->channels;
    return (double)g->most * eps * (n * n / 4 + 1);
}

/* A slope dy y (1 - y / most) is as far off as y, and takes five roundings of numbers up to `most`;
 * then comes a product and a chain of so many sums, each of terms up to most / 4. Differences leave
 * 1e-8. */
static double backward_bound(const lm_gate *g, int64_t terms) {
    const double eps = (double)FLT_EPSILON, n = (double)terms;
    return n * forward_bound(g) + (double)g->most * eps * (5 * n + n * (n + 2) / 4) + 1e-8;
}

typedef struct reference {
    const lm_gate *g;
    double *x, *w; /* [T, row], [K, G] */
    const double *dy;
} reference;

static double gate(const reference *r, int64_t i, int64_t k) {
    double sum = 0;
    for (int64_t c = 0; c < r->g->channels; c++)
        sum += r->x[i * r->g->row + c] * r->w[k * r->g->channels + c];
    return (double)r->g->most / (1 + exp(-sum));
}

/* That of which dy is the gradient at the gates. */
static double objective(void *context) {
    const reference *r = context;
    double sum = 0;
    for (int64_t i = 0; i < r->g->tokens; i++)
        for (int64_t k = 0; k < r->g->gates; k++) sum += r->dy[i * r->g->gates + k] * gate(r, i, k);
    return sum;
}

typedef struct result {
    float *y, *dx, *dw;
} result;

static result run(lm_gate g, const float *dy, const float *dx0, const float *dw0, int threads,
                  int scalar) {
    lm_kernels kernels;
    lm_compute compute;
    const int64_t n = g.tokens * g.gates;
    result r = {layers_floats(n), layers_copy(dx0, g.tokens * g.row),
                layers_copy(dw0, g.gates * g.channels)};
    layers_open(&compute, &kernels, threads, scalar, lm_gate_scratch_bytes(g.gates));
    lm_gate_forward(&compute, &g, r.y);
    lm_gate_backward(&compute, &g, r.y, dy, r.dx, r.dw);
    layers_close(&compute);
    return r;
}

/* The same window by window. */
static result run_windows(lm_gate g, const float *dy, const float *dx0, const float *dw0) {
    const int64_t windows = g.tokens / g.window;
    result all = {layers_floats(g.tokens * g.gates), layers_copy(dx0, g.tokens * g.row),
                  layers_copy(dw0, g.gates * g.channels)};
    for (int64_t i = 0; i < windows; i++) {
        lm_gate one = g;
        one.tokens = g.window;
        one.x = lm_array_from(g.x, i * g.window * g.row);
        const int64_t at = i * g.window * g.gates, x_at = i * g.window * g.row;
        result r = run(one, dy + at, all.dx + x_at, all.dw, 2, 0);
        memcpy(all.y + at, r.y, (size_t)(g.window * g.gates) * sizeof *r.y);
        memcpy(all.dx + x_at, r.dx, (size_t)(g.window * g.row) * sizeof *r.dx);
        all.dw = r.dw;
    }
    return all;
}

static void compare(const lm_gate *g, const float *x, const float *dy, const float *dx0,
                    const float *dw0, const result *got) {
    const int64_t n = g->tokens * g->gates, weights = g->gates * g->channels;
    reference r = {g, layers_doubles(x, g->tokens * g->row), layers_doubles(g->w, weights),
                   layers_doubles(dy, n)};
    double *y = layers_doubles(NULL, n), *dx = layers_doubles(dx0, g->tokens * g->row);
    double *dw = layers_doubles(dw0, weights);
    for (int64_t i = 0; i < n; i++) y[i] = gate(&r, i / g->gates, i % g->gates);
    for (int64_t i = 0; i < g->tokens; i++)
        for (int64_t c = 0; c < g->channels; c++)
            dx[i * g->row + c] += layers_slope(objective, &r, &r.x[i * g->row + c], 1e-5);
    for (int64_t i = 0; i < weights; i++) dw[i] += layers_slope(objective, &r, &r.w[i], 1e-5);
    layers_close_to("y", got->y, y, n, forward_bound(g));
    layers_close_to("dx", got->dx, dx, g->tokens * g->row, backward_bound(g, g->gates));
    layers_close_to("dw", got->dw, dw, weights, backward_bound(g, g->tokens));
}

/* windows of `window` tokens; bf16: of what x is. exact: also against the definition. */
static void check(lm_gate g, int64_t windows, bool bf16, bool exact) {
    static const struct { int threads, scalar; } setups[] = {{1, 0}, {3, 0}, {2, 1}};
    g.tokens = windows * g.window;
    const int64_t n = g.tokens * g.gates, weights = g.gates * g.channels, all = g.tokens * g.row;
    float *x = layers_random(all, 1, -1, 1), *dy = layers_random(n, 2, -1, 1);
    float *dx0 = layers_random(all, 3, -1, 1), *dw0 = layers_random(weights, 4, -1, 1);
    lm_bf16 *rounded = (lm_bf16 *)(void *)layers_floats(all / 2 + 1);
    for (int64_t i = 0; i < all && bf16; i++) {
        rounded[i] = lm_bf16_from_f32(x[i]);
        x[i] = lm_bf16_to_f32(rounded[i]);
    }
    g.w = layers_random(weights, 5, -1, 1);
    g.x = bf16 ? lm_array_bf16(rounded) : lm_array_f32(x);
    result first = {0};
    for (size_t s = 0; s < sizeof setups / sizeof *setups; s++) {
        result r = run(g, dy, dx0, dw0, setups[s].threads, setups[s].scalar);
        if (s == 0) first = r;
        layers_same_bits("y", first.y, r.y, n);
        layers_same_bits("dx", first.dx, r.dx, all);
        layers_same_bits("dw", first.dw, r.dw, weights);
    }
    result parts = run_windows(g, dy, dx0, dw0);
    layers_same_bits("y by windows", first.y, parts.y, n);
    layers_same_bits("dx by windows", first.dx, parts.dx, all);
    layers_same_bits("dw by windows", first.dw, parts.dw, weights);
    if (exact) compare(&g, x, dy, dx0, dw0, &first);
    layers_free_all();
}

static void test_gates(void **state) {
    (void)state;
    for (int bf16 = 0; bf16 < 2; bf16++) {
        check((lm_gate){.gates = 1, .channels = 1, .window = 1, .row = 1, .most = 1}, 1, bf16,
              true);
        check((lm_gate){.gates = 3, .channels = 12, .window = 3, .row = 17, .most = 2}, 2, bf16,
              true);
        check((lm_gate){.gates = 2, .channels = 5, .window = 4, .row = 5, .most = 1}, 3, bf16,
              true);
        /* several tasks and chunks of sums */
        check((lm_gate){.gates = 6, .channels = 12, .window = 150, .row = 40, .most = 2}, 4, bf16,
              false);
    }
}

/* With weights of 0, as they are at first, gates are exactly half open. */
static void test_they_begin_half_open(void **state) {
    (void)state;
    enum { T = 5, K = 2, G = 12 };
    const float zero[K * G] = {0};
    float *y = layers_floats(T * K);
    lm_gate g = {.tokens = T,
                 .gates = K,
                 .channels = G,
                 .row = G,
                 .most = 2,
                 .x = lm_array_f32(layers_random(T * G, 1, -1, 1)),
                 .w = zero};
    lm_gate_forward(&layers_compute, &g, y);
    for (int i = 0; i < T * K; i++) assert_true(y[i] == 1);
    layers_free_all();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gates),
                                       cmocka_unit_test(test_they_begin_half_open)};
    return cmocka_run_group_tests_name("gate", tests, layers_open_group, layers_close_group);
}

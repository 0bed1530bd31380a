/* Slices of the optimizer: wherever the arrays are cut, the slices together update what the whole
 * does, and their states together are those of the whole. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "ops/gemm.h"
#include "optim/optimizer.h"

enum { WIDE = 40, TALL = 70, EMBEDDED = 5000, N_ROWS = 4, STEPS = 3, SLICES_MOST = 5 };
enum { AT_QKV = EMBEDDED * 8, AT_FC = AT_QKV + 96 * WIDE, AT_BIAS = AT_FC + TALL * WIDE + 16 };
enum { TOTAL = AT_BIAS + 80 };

static lm_kernels kernels;
static lm_compute compute = {.kernels = &kernels};

static const lm_optimizer_part qkv[] = {
    {.lines = 32, .head = 8}, {.lines = 32, .head = 8}, {.lines = 32}};
static const lm_optimizer_row rows[N_ROWS] = {
    {.name = "wte", .ndim = 2, .shape = {EMBEDDED, 8}},
    {.name = "qkv",
     .ndim = 2,
     .shape = {96, WIDE},
     .offset = AT_QKV,
     .hidden = true,
     .n_parts = 3,
     .parts = qkv},
    {.name = "fc", .ndim = 2, .shape = {TALL, WIDE}, .offset = AT_FC, .hidden = true},
    {.name = "bias", .ndim = 1, .shape = {75, 1}, .offset = AT_BIAS}};

static lm_optimizer_options options_of(const char *name) {
    lm_optimizer_options o = {.lr = 0.02,
                              .beta1 = 0.9,
                              .beta2 = 0.95,
                              .eps = 1e-8,
                              .momentum = 0.9,
                              .weight_decay = 0.1,
                              .beta3 = 0.99,
                              .alpha = 2,
                              .per_head = true,
                              .line_beta2 = 0.9};
    while (strcmp(lm_optimizer_name(o.kind), name) != 0) o.kind++;
    return o;
}

static void fill(float *x, uint64_t seed) {
    for (uint64_t i = 0; i < TOTAL; i++) {
        uint64_t h = (seed * 977 + i) * 0x9E3779B97F4A7C15u;
        x[i] = (float)((double)(h >> 40) / (1 << 24) - 0.5);
    }
}

/* All steps of a slice on the weights; what lies outside of it must stay. */
static lm_optimizer *run(const lm_optimizer_options *o, const lm_optimizer_slice *slice,
                         float *weights) {
    static float gradients[TOTAL];
    lm_error err = {0};
    lm_optimizer *optimizer;
    assert_int_equal(lm_optimizer_create_slice(&optimizer, o, 1, rows, N_ROWS, slice, &err), LM_OK);
    assert_int_equal(lm_optimizer_reserve(optimizer, 2, LM_FP32, &err), LM_OK);
    for (int64_t t = 1; t <= STEPS; t++) {
        fill(gradients, (uint64_t)t);
        lm_optimizer_step_args s = {.lr = &o->lr,
                                    .step = t,
                                    .steps = STEPS,
                                    .grad_scale = 1,
                                    .gradients = gradients,
                                    .weights = weights};
        lm_optimizer_step(optimizer, &compute, &s);
    }
    return optimizer;
}

/* The states of the slice are those of the whole at its place; returns how many elements. */
static int64_t compare_states(const lm_optimizer *whole, const lm_optimizer *part,
                              const lm_optimizer_slice *slice) {
    int64_t n, m, sum = 0;
    const lm_optimizer_array *a = lm_optimizer_arrays(whole, &n);
    const lm_optimizer_array *b = lm_optimizer_arrays(part, &m);
    assert_int_equal(n, m);
    for (int64_t i = 0; i < n; i++) {
        lm_optimizer_array of = lm_optimizer_array_of(whole, i, slice);
        assert_int_equal(a[i].count, a[i].shape[0] * a[i].shape[1]);
        assert_true(of.first == b[i].first && of.count == b[i].count);
        assert_memory_equal(a[i].data + b[i].first, b[i].data, (size_t)b[i].count * sizeof(float));
        sum += b[i].count;
    }
    return sum;
}

static void check(const char *name, int n) {
    static float initial[TOTAL], want[TOTAL], got[TOTAL], slice_weights[TOTAL];
    const lm_optimizer_slice all = {.last = TOTAL};
    const lm_optimizer_options o = options_of(name);
    int64_t bounds[SLICES_MOST + 1], arrays, elements = 0, states = 0;
    fill(initial, 99);
    memcpy(want, initial, sizeof want);
    lm_optimizer *whole = run(&o, &all, want);
    lm_optimizer_cut(&o, rows, N_ROWS, TOTAL, n, bounds);
    assert_int_equal(bounds[0], 0);
    assert_int_equal(bounds[n], TOTAL);
    for (int i = 0; i < n; i++) {
        lm_optimizer_slice slice = {bounds[i], bounds[i + 1], 0};
        assert_true(slice.first <= slice.last);
        memcpy(slice_weights, initial, sizeof initial);
        lm_optimizer *part = run(&o, &slice, slice_weights);
        for (int64_t k = 0; k < TOTAL; k++)
            if (k < slice.first || k >= slice.last) assert_true(slice_weights[k] == initial[k]);
        memcpy(got + slice.first, slice_weights + slice.first,
               (size_t)(slice.last - slice.first) * sizeof(float));
        states += compare_states(whole, part, &slice);
        lm_optimizer_free(part);
    }
    assert_memory_equal(got, want, sizeof want);
    const lm_optimizer_array *a = lm_optimizer_arrays(whole, &arrays);
    for (int64_t i = 0; i < arrays; i++) elements += a[i].count;
    assert_int_equal(states, elements);
    lm_optimizer_free(whole);
}

/* Rows from fc on are in every slice, and all of them make the same of them. */
static void check_whole(const char *name, int n) {
    static float initial[TOTAL], want[TOTAL], got[TOTAL];
    const lm_optimizer_slice all = {.last = TOTAL};
    const lm_optimizer_options o = options_of(name);
    int64_t bounds[SLICES_MOST + 1], arrays;
    fill(initial, 99);
    memcpy(want, initial, sizeof want);
    lm_optimizer *whole = run(&o, &all, want);
    const lm_optimizer_array *a = lm_optimizer_arrays(whole, &arrays);
    lm_optimizer_cut(&o, rows, N_ROWS, AT_FC, n, bounds);
    for (int i = 0; i < n; i++) {
        lm_optimizer_slice slice = {bounds[i], bounds[i + 1], AT_FC};
        memcpy(got, initial, sizeof initial);
        lm_optimizer *part = run(&o, &slice, got);
        const lm_optimizer_array *b = lm_optimizer_arrays(part, &arrays);
        for (int64_t k = 0; k < TOTAL; k++) {
            bool has = k >= AT_FC || (k >= slice.first && k < slice.last);
            assert_memory_equal(&got[k], has ? &want[k] : &initial[k], sizeof *got);
        }
        for (int64_t s = 0; s < arrays; s++) {
            bool shared = strcmp(b[s].row, "wte") == 0 || strcmp(b[s].row, "qkv") == 0;
            lm_optimizer_array of = lm_optimizer_array_of(whole, s, &slice);
            assert_true(b[s].whole == !shared && of.whole == !shared && !a[s].whole);
            if (shared) continue;
            assert_int_equal(of.count, a[s].count);
            assert_int_equal(b[s].count, a[s].count);
            assert_memory_equal(b[s].data, a[s].data, (size_t)a[s].count * sizeof(float));
        }
        lm_optimizer_free(part);
    }
    lm_optimizer_free(whole);
}

static void test_slices_are_the_whole(void **state) {
    (void)state;
    lm_error err = {0};
    lm_kernels_fill(&kernels, lm_cpu_detect());
    assert_int_equal(lm_pool_create(&compute.pool, 2, &err), LM_OK);
    assert_int_equal(lm_compute_reserve(&compute, lm_gemm_scratch_bytes(), &err), LM_OK);
    for (int n = 1; n <= SLICES_MOST; n++) {
        check("adamw", n);
        check("ademamix", n);
        check("momentum", n);
        check("muon", n);
        check_whole("adamw", n);
        check_whole("muon", n);
    }
    lm_pool_free(compute.pool);
    lm_compute_free(&compute);
}

/* Elements are shared out evenly; matrices that are updated as a whole are not cut. */
static void test_where_slices_are_cut(void **state) {
    (void)state;
    int64_t bounds[4];
    lm_optimizer_options o = options_of("adamw");
    lm_optimizer_cut(&o, rows, N_ROWS, TOTAL, 3, bounds);
    for (int i = 0; i < 3; i++)
        assert_in_range(bounds[i + 1] - bounds[i], TOTAL / 3 - 16, TOTAL / 3 + 16);
    o = options_of("muon");
    o.per_head = false;
    lm_optimizer_row matrices[3];
    for (int i = 0; i < 3; i++)
        matrices[i] = (lm_optimizer_row){
            .name = "m", .ndim = 2, .shape = {32, 32}, .offset = 1024 * i, .hidden = true};
    lm_optimizer_cut(&o, matrices, 3, 3072, 2, bounds);
    assert_true(bounds[1] == 1024 || bounds[1] == 2048);
    lm_optimizer_cut(&o, matrices, 1, 1024, 3, bounds); /* one has it, the others nothing */
    assert_int_equal(bounds[1] % 1024 + bounds[2] % 1024, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slices_are_the_whole),
                                       cmocka_unit_test(test_where_slices_are_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Slices of the optimizer: wherever the spans are cut, the slices together update what the whole
 * does, and their states together are those of the whole. */
#include "tests/support/test.h"

#include <stdlib.h>
#include <string.h>

#include "ops/gemm.h"
#include "optim/optimizer.h"

enum { WIDE = 40, TALL = 70, EMBEDDED = 5000, N_ROWS = 4, STEPS = 3, SLICES_MOST = 5 };
enum { AT_QKV = EMBEDDED * 8, AT_FC = AT_QKV + 96 * WIDE, AT_BIAS = AT_FC + TALL * WIDE + 16 };
enum { TOTAL = AT_BIAS + 80, N_SPANS = 3 };

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

/* In the order in which a model may read them; the last two have all of the first two rows. */
static const lm_span spans[N_SPANS] = {{AT_FC, TOTAL}, {0, AT_QKV}, {AT_QKV, AT_FC}};
static const lm_span all_elements = {0, TOTAL};
static const lm_optimizer_slice all = {.shares = &all_elements, .n = 1};

static bool slice_has(const lm_optimizer_slice *slice, int64_t element) {
    for (int64_t s = 0; s < slice->n; s++)
        if (element >= slice->shares[s].first && element < slice->shares[s].end) return true;
    return false;
}

/* Shares fill each span, one behind the other. */
static void check_shares(const lm_span *of, int64_t n_spans, int n, const lm_span *shares) {
    for (int64_t s = 0; s < n_spans; s++) {
        int64_t at = of[s].first;
        for (int i = 0; i < n; i++) {
            assert_int_equal(shares[i * n_spans + s].first, at);
            at = shares[i * n_spans + s].end;
            assert_true(at >= shares[i * n_spans + s].first);
        }
        assert_int_equal(at, of[s].end);
    }
}

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
    const lm_optimizer_options o = options_of(name);
    lm_span shares[SLICES_MOST * N_SPANS];
    int64_t arrays, elements = 0, states = 0;
    fill(initial, 99);
    memcpy(want, initial, sizeof want);
    lm_optimizer *whole = run(&o, &all, want);
    lm_optimizer_cut(&o, rows, N_ROWS, spans, N_SPANS, n, shares);
    check_shares(spans, N_SPANS, n, shares);
    for (int i = 0; i < n; i++) {
        const lm_optimizer_slice slice = {shares + i * N_SPANS, N_SPANS, 0};
        memcpy(slice_weights, initial, sizeof initial);
        lm_optimizer *part = run(&o, &slice, slice_weights);
        for (int64_t k = 0; k < TOTAL; k++) {
            if (slice_has(&slice, k))
                got[k] = slice_weights[k];
            else
                assert_true(slice_weights[k] == initial[k]);
        }
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
    const lm_optimizer_options o = options_of(name);
    const int64_t n_spans = N_SPANS - 1;
    lm_span shares[SLICES_MOST * N_SPANS];
    int64_t arrays;
    fill(initial, 99);
    memcpy(want, initial, sizeof want);
    lm_optimizer *whole = run(&o, &all, want);
    const lm_optimizer_array *a = lm_optimizer_arrays(whole, &arrays);
    lm_optimizer_cut(&o, rows, N_ROWS, spans + 1, n_spans, n, shares);
    for (int i = 0; i < n; i++) {
        const lm_optimizer_slice slice = {shares + i * n_spans, n_spans, AT_FC};
        memcpy(got, initial, sizeof initial);
        lm_optimizer *part = run(&o, &slice, got);
        const lm_optimizer_array *b = lm_optimizer_arrays(part, &arrays);
        for (int64_t k = 0; k < TOTAL; k++) {
            bool has = k >= AT_FC || slice_has(&slice, k);
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

static int64_t elements_of(const lm_span *shares, int64_t n) {
    int64_t sum = 0;
    for (int64_t s = 0; s < n; s++) sum += shares[s].end - shares[s].first;
    return sum;
}

/* Elements of each span are shared out evenly; matrices that are updated as a whole are not cut,
 * and what one span gives a slice too much another gives it less. */
static void test_where_spans_are_cut(void **state) {
    (void)state;
    lm_span shares[3 * N_SPANS];
    lm_optimizer_options o = options_of("adamw");
    lm_optimizer_cut(&o, rows, N_ROWS, spans, N_SPANS, 3, shares);
    for (int i = 0; i < 3; i++)
        for (int64_t s = 0; s < N_SPANS; s++) {
            const int64_t even = (spans[s].end - spans[s].first) / 3;
            assert_in_range(elements_of(&shares[i * N_SPANS + s], 1), even - 32, even + 32);
        }
    o = options_of("muon");
    o.per_head = false;
    lm_optimizer_row matrices[6];
    for (int i = 0; i < 6; i++)
        matrices[i] = (lm_optimizer_row){
            .name = "m", .ndim = 2, .shape = {32, 32}, .offset = 1024 * i, .hidden = true};
    const lm_span three[] = {{0, 3072}, {3072, 6144}};
    lm_optimizer_cut(&o, matrices, 6, three, 2, 2, shares);
    check_shares(three, 2, 2, shares);
    assert_true(shares[0].end == 1024 || shares[0].end == 2048);
    assert_int_equal(elements_of(shares, 2), 3072);
    const lm_span one[] = {{0, 1024}, {1024, 2048}, {2048, 3072}};
    lm_optimizer_cut(&o, matrices, 3, one, 3, 3, shares); /* each has one of them */
    check_shares(one, 3, 3, shares);
    for (int i = 0; i < 3; i++) assert_int_equal(elements_of(shares + 3 * i, 3), 1024);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_slices_are_the_whole),
                                       cmocka_unit_test(test_where_spans_are_cut)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What a new kind of optimizer may ask for, shown by two that stand only here: three states by
 * element; by matrix, with one state for each line and one for the longer side. The registry of
 * this test takes the place of src/optim/registry.c. */
#include "tests/support/test.h"

#include <math.h>
#include <string.h>

#include "optim/kind.h"

/* Each element is touched once in a step, whatever the pieces: it counts its visits. */
static void count_visits(const lm_update *u) {
    assert_true(u->decay == 0 && u->lr == (u->options->kind == 0 ? 0.5f : 0.25f));
    assert_true(u->grad_scale == 2.0f);
    for (int64_t i = 0; i < u->count; i++) {
        u->states[0][u->first + i] += 1;
        u->states[2][u->first + i] += u->gradients[i];
        u->weights[i] += 1;
    }
}

enum { BYTES_PER_ELEMENT = 4 };
static _Atomic int64_t matrices;

/* The sum of each line, and the step. */
static void sum_lines(const lm_update *u, lm_arena *room) {
    const int64_t in = u->row->shape[1];
    matrices++;
    assert_true(u->count == u->lines * in && u->first % in == 0 && u->long_first % in == 0);
    assert_true(u->decay == 0.25f * 0.5f);
    memset(lm_arena_take(room, (size_t)(u->count * BYTES_PER_ELEMENT)), 1,
           (size_t)(u->count * BYTES_PER_ELEMENT));
    for (int64_t i = 0; i < u->count; i++) u->states[0][(u->first + i) / in] += u->gradients[i];
    for (int64_t i = 0; i < in; i++) u->states[1][u->long_first + i] += 1;
    u->weights[0] = (float)u->step;
    u->weights[1] = (float)u->lines;
}

/* Of a large matrix all threads, of a small one its own. */
static bool cost(const lm_update *u, lm_precision precision, lm_matrix_cost *c) {
    *c = (lm_matrix_cost){.bytes = lm_size_align((size_t)(u->count * BYTES_PER_ELEMENT)),
                          .flops = precision == LM_BF16 ? 1e10 : 7};
    return true;
}

static const lm_optimizer_kind
    visits = {.name = "visits",
              .uses = LM_USES_MOMENTUM,
              .states = (const lm_optimizer_state[]){{"a", LM_STATE_LIKE_ROW},
                                                     {"line", LM_STATE_PER_LINE},
                                                     {"b", LM_STATE_LIKE_ROW},
                                                     {0}},
              .elements = count_visits},
    lines = {.name = "lines",
             .uses = LM_USES_WEIGHT_DECAY,
             .states = (const lm_optimizer_state[]){{"sum", LM_STATE_PER_LINE},
                                                    {"long", LM_STATE_LONG_SIDE},
                                                    {0}},
             .matrix = sum_lines,
             .cost = cost,
             .others = &visits};
const lm_optimizer_kind *const lm_optimizer_kinds[] = {&visits, &lines, NULL};

enum {
    OUT = 300,
    IN = 700,
    VECTOR = 100,
    PADDED = 112,
    SECOND = PADDED,
    THIRD = SECOND + OUT * IN
};
enum { TOTAL = THIRD + 6 };

static const lm_optimizer_row rows[] = {
    {.name = "bias", .ndim = 1, .shape = {VECTOR, 1}, .offset = 0, .group = 0},
    {.name = "large", .ndim = 2, .shape = {OUT, IN}, .offset = SECOND, .group = 0},
    {.name = "small", .ndim = 2, .shape = {2, 3}, .offset = THIRD, .hidden = true, .group = 1}};
static const lm_optimizer_options groups[] = {{.kind = 0, .weight_decay = 9},
                                              {.kind = 1, .weight_decay = 0.5}};
static float weights[TOTAL], gradients[TOTAL];

static void expect_array(const lm_optimizer_array *a, const char *state, const char *row, int ndim,
                         int64_t out, int64_t in) {
    assert_string_equal(a->state, state);
    assert_string_equal(a->row, row);
    assert_int_equal(a->ndim, ndim);
    assert_int_equal(a->shape[0], out);
    assert_int_equal(a->shape[1], in);
    assert_true((uintptr_t)a->data % LM_ALIGNMENT == 0);
}

static void test_states_and_steps(void **state) {
    (void)state;
    lm_kernels kernels;
    lm_error err = {0};
    lm_compute compute = {.kernels = &kernels};
    lm_optimizer *o;
    int64_t n, flat;
    uint64_t bytes;
    lm_kernels_fill(&kernels, 0);
    assert_int_equal(lm_pool_create(&compute.pool, 3, &err), LM_OK);
    assert_int_equal(lm_optimizer_create(&o, groups, 2, rows, 3, &err), LM_OK);
    assert_int_equal(lm_compute_reserve(&compute, 64, &err), LM_OK);
    assert_int_equal(lm_optimizer_reserve(o, 3, LM_FP32, &err), LM_OK);
    for (int i = 0; i < TOTAL; i++) gradients[i] = 1;
    const lm_optimizer_array *a = lm_optimizer_arrays(o, &n);
    assert_int_equal(n, 8);
    expect_array(&a[0], "a", "bias", 1, VECTOR, 1);
    expect_array(&a[1], "a", "large", 2, OUT, IN);
    expect_array(&a[2], "sum", "small", 1, 2, 1);
    expect_array(&a[3], "line", "bias", 1, 1, 1);
    expect_array(&a[4], "line", "large", 1, OUT, 1);
    expect_array(&a[5], "long", "small", 1, 3, 1);
    expect_array(&a[6], "b", "bias", 1, VECTOR, 1);
    expect_array(&a[7], "b", "large", 2, OUT, IN);
    (void)lm_optimizer_flat(o, &flat);
    assert_true(lm_optimizer_bytes(groups, rows, 3, &bytes));
    assert_int_equal(bytes, (uint64_t)flat * sizeof(float));
    assert_int_equal(flat, 2 * (PADDED + OUT * IN) + 3 * 16 + 304);
    for (int64_t step = 1; step <= 2; step++) {
        lm_optimizer_step_args args = {.lr = (const double[]){0.5, 0.25},
                                       .step = step,
                                       .grad_scale = 2,
                                       .gradients = gradients,
                                       .weights = weights};
        lm_optimizer_step(o, &compute, &args);
    }
    for (int i = 0; i < THIRD; i++)
        assert_true(weights[i] == (i < VECTOR || i >= SECOND ? 2.0f : 0.0f));
    for (int i = 0; i < VECTOR; i++) assert_true(a[0].data[i] == 2 && a[6].data[i] == 2);
    for (int i = 0; i < OUT * IN; i++) assert_true(a[1].data[i] == 2 && a[7].data[i] == 2);
    assert_true(a[2].data[0] == 6 && a[2].data[1] == 6);
    for (int i = 0; i < 3; i++) assert_true(a[5].data[i] == 2);
    assert_true(weights[THIRD] == 2 && weights[THIRD + 1] == 2 && matrices == 2);
    lm_optimizer_free(o);
    lm_compute_free(&compute);
    lm_pool_free(compute.pool);
}

/* Parts of a row: q, two heads of three lines that are matrices each, and v are updated as
 * matrices, k in between and a row that is not hidden by element. The row has the states of both
 * kinds. */
static void test_parts_have_their_own_groups(void **state) {
    (void)state;
    enum { WIDTH = 4, LINES = 10, ALL = 2 * LINES * WIDTH };
    static float w[ALL], g[ALL];
    const lm_optimizer_part parts[] = {
        {.lines = 6, .head = 3, .group = 1}, {.lines = 2, .group = 0}, {.lines = 2, .group = 1}};
    lm_optimizer_row two[] = {
        {.name = "qkv",
         .ndim = 2,
         .shape = {LINES, WIDTH},
         .hidden = true,
         .n_parts = 3,
         .parts = parts},
        {.name = "head", .ndim = 2, .shape = {LINES, WIDTH}, .offset = LINES * WIDTH, .group = 1}};
    lm_optimizer_options both[] = {groups[0], groups[1]};
    lm_kernels kernels;
    lm_error err = {0};
    lm_compute compute = {.kernels = &kernels};
    lm_optimizer *o;
    int64_t n;
    lm_kernels_fill(&kernels, 0);
    both[0].lr = both[1].lr = 0.5;
    both[1].per_head = true;
    assert_int_equal(lm_pool_create(&compute.pool, 2, &err), LM_OK);
    assert_int_equal(lm_compute_reserve(&compute, 64, &err), LM_OK);
    assert_int_equal(lm_optimizer_create(&o, both, 2, two, 2, &err), LM_OK);
    assert_int_equal(lm_optimizer_reserve(o, 2, LM_BF16, &err), LM_OK);
    const lm_optimizer_array *a = lm_optimizer_arrays(o, &n);
    assert_int_equal(n, 5 + 3);
    assert_int_equal(n, lm_optimizer_array_count(both, two, 2));
    expect_array(&a[0], "sum", "qkv", 1, LINES, 1);
    expect_array(&a[1], "a", "head", 2, LINES, WIDTH);
    expect_array(&a[2], "long", "qkv", 1, 2 * WIDTH + WIDTH + WIDTH, 1);
    expect_array(&a[4], "a", "qkv", 2, LINES, WIDTH);
    expect_array(&a[7], "b", "qkv", 2, LINES, WIDTH);
    for (int i = 0; i < ALL; i++) g[i] = 1;
    matrices = 0;
    lm_optimizer_step_args args = {.lr = (const double[]){0.5, 0.25},
                                   .step = 7,
                                   .grad_scale = 2,
                                   .gradients = g,
                                   .weights = w};
    two[0].parts = NULL; /* they were copied */
    lm_optimizer_step(o, &compute, &args);
    assert_true(matrices == 3);
    for (int i = 0; i < ALL; i++) {
        bool q = i < 6 * WIDTH, k = !q && i < 8 * WIDTH, v = !q && !k && i < 10 * WIDTH;
        int at = q ? i % (3 * WIDTH) : v ? i - 8 * WIDTH : -1; /* in its matrix */
        assert_true(w[i] == (at == 0 ? 7 : at == 1 ? (q ? 3 : 2) : at > 1 ? 0 : 1));
        if (i < LINES * WIDTH) assert_true(a[4].data[i] == (float)k);
        if (i < LINES) assert_true(a[0].data[i] == (i < 6 || i >= 8 ? WIDTH : 0));
        if (i < 4 * WIDTH) assert_true(a[2].data[i] == (i / WIDTH == 2 ? 0 : 1));
    }
    lm_optimizer_free(o);
    lm_compute_free(&compute);
    lm_pool_free(compute.pool);
}

static void test_sizes_that_do_not_fit(void **state) {
    (void)state;
    uint64_t bytes;
    lm_optimizer_row row = {.name = "w", .ndim = 2, .shape = {INT64_MAX / 2, 4}};
    assert_false(lm_optimizer_bytes(groups, &row, 1, &bytes));
    row.shape[1] = 1;
    assert_false(lm_optimizer_bytes(groups, &row, 1, &bytes));
}

static void test_kinds_are_found_by_name(void **state) {
    (void)state;
    assert_string_equal(lm_optimizer_name(0), "visits");
    assert_string_equal(lm_optimizer_name(1), "lines");
    assert_null(lm_optimizer_name(2));
    assert_int_equal(lm_optimizer_uses(0), LM_USES_MOMENTUM);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_states_and_steps),
        cmocka_unit_test(test_parts_have_their_own_groups),
        cmocka_unit_test(test_sizes_that_do_not_fit),
        cmocka_unit_test(test_kinds_are_found_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

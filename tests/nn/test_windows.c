/* Sums over tokens: each layer's gradients of several windows have the same bits in one call and in
 * a call per window, at both precisions, for windows of even and of odd length, and whatever the
 * threads and the kernels. */
#include "tests/support/test.h"

#include <string.h>

#include "nn/embedding.h"
#include "nn/head_norm.h"
#include "nn/linear.h"
#include "nn/norm.h"
#include "tests/support/layers.h"

enum { WINDOWS = 5 };
static const int64_t lengths[] = {1, 7, 32, 131};
enum { LENGTHS = sizeof lengths / sizeof *lengths };

static const struct setup {
    int threads, scalar;
    lm_precision precision;
} setups[] = {{2, 0, LM_FP32}, {1, 1, LM_FP32}, {2, 0, LM_BF16}, {1, 1, LM_BF16}};
enum { SETUPS = sizeof setups / sizeof *setups };

/* What a test compares: up to two sums over tokens, each [n]. */
typedef struct sums {
    const char *name;
    float *at[2];
    int64_t n[2];
} sums;

/* Adds the gradients of windows first .. first+count-1 of `length` tokens. */
typedef void add_windows(const lm_compute *compute, int64_t length, int64_t first, int64_t count,
                         sums *s);

/* In one call and in calls of `each` windows; then the same on other threads and kernels. */
static void check(add_windows *add, sums (*begin)(void), size_t scratch) {
    for (int l = 0; l < LENGTHS; l++)
        for (int s = 0; s < SETUPS; s++) {
            static sums before;
            lm_kernels k;
            lm_compute compute;
            layers_open(&compute, &k, setups[s].threads, setups[s].scalar, scratch);
            compute.precision = setups[s].precision;
            sums once = begin();
            add(&compute, lengths[l], 0, WINDOWS, &once);
            for (int64_t each = 1; each < 4; each++) {
                sums again = begin();
                for (int64_t i = 0; i < WINDOWS; i += each)
                    add(&compute, lengths[l], i, lm_min(WINDOWS - i, each), &again);
                for (int i = 0; i < 2; i++)
                    layers_same_bits(once.name, once.at[i], again.at[i], once.n[i]);
            }
            for (int i = 0; i < 2 && s % 2 == 1; i++)
                layers_same_bits("other threads", before.at[i], once.at[i], once.n[i]);
            before = once;
            layers_close(&compute);
            if (s % 2 == 1) layers_free_all();
        }
}

/* Rows [rows, n] of tokens `first` on: the same numbers wherever they are asked for. */
static float *rows_from(int64_t first, int64_t rows, int64_t n, uint64_t seed) {
    float *all = layers_random((first + rows) * n, seed, -1, 1);
    float *x = layers_copy(all + first * n, rows * n);
    return x;
}

static sums begin(const char *name, int64_t n, int64_t n2) {
    return (sums){.name = name,
                  .at = {layers_random(n, 90, -1, 1), layers_random(n2, 91, -1, 1)},
                  .n = {n, n2}};
}

/* ---- the layers ------------------------------------------------------------------------------ */
enum { C = 48, OUT = 20, HEADS = 2, VOCAB = 9 };

static sums begin_norm(void) {
    return begin("norm", C, C);
}
static void add_norm(const lm_compute *compute, int64_t length, int64_t first, int64_t count,
                     sums *s) {
    int64_t rows = count * length;
    float *x = rows_from(first * length, rows, C, 1), *dy = rows_from(first * length, rows, C, 2);
    lm_norm norm = {.kind = LM_NORM_LAYERNORM,
                    .rows = rows,
                    .window = length,
                    .channels = C,
                    .eps = 1e-5f,
                    .weight = layers_random(C, 3, 0.5, 1.5),
                    .bias = layers_random(C, 4, -1, 1),
                    .mean = layers_floats(rows),
                    .rstd = layers_floats(rows)};
    lm_norm_forward(compute, &norm, x, lm_array_f32(layers_floats(rows * C)));
    lm_norm_backward(compute, &norm, x, dy, rows_from(0, rows, C, 5), s->at[0], s->at[1]);
}

static sums begin_head_norm(void) {
    return begin("head norm", C / HEADS, 0);
}
static void add_head_norm(const lm_compute *compute, int64_t length, int64_t first, int64_t count,
                          sums *s) {
    int64_t rows = count * length;
    lm_head_norm n = {.tokens = rows,
                      .window = length,
                      .heads = HEADS,
                      .head_size = C / HEADS,
                      .row = C,
                      .eps = 1e-5f,
                      .weight = layers_random(C / HEADS, 3, 0.5, 1.5),
                      .rstd = layers_floats(rows * HEADS)};
    lm_array x = lm_array_f32(rows_from(first * length, rows, C, 1));
    lm_head_norm_forward(compute, &n, x, layers_floats(rows * C));
    lm_head_norm_backward(compute, &n, x, rows_from(first * length, rows, C, 2), s->at[0], NULL);
}

static sums begin_linear(void) {
    return begin("linear", OUT * C, OUT);
}
static void add_linear(const lm_compute *compute, int64_t length, int64_t first, int64_t count,
                       sums *s) {
    int64_t rows = count * length;
    lm_linear l = {.rows = rows,
                   .window = length,
                   .in = C,
                   .out = OUT,
                   .w = lm_array_f32(layers_random(OUT * C, 3, -1, 1)),
                   .bias = layers_random(OUT, 4, -1, 1)};
    lm_linear_backward_weights(compute, &l, lm_array_f32(rows_from(first * length, rows, C, 1)),
                               lm_array_f32(rows_from(first * length, rows, OUT, 2)), true,
                               s->at[0], s->at[1]);
}

/* Tokens and dy of an embedding; targets stand behind each row. */
static lm_embedding embedding_of(int64_t length, int64_t first, int64_t count) {
    int32_t *tokens = layers_ints(count * (length + 1));
    for (int64_t i = 0; i < count * (length + 1); i++)
        tokens[i] = (int32_t)((first * (length + 1) + i) * 5 % VOCAB);
    return (lm_embedding){
        .batch = count, .time = length, .channels = C, .tokens = tokens, .tokens_row = length + 1};
}

static sums begin_embedding(void) {
    return begin("embedding", VOCAB * C, 131 * C);
}
static void add_embedding(const lm_compute *compute, int64_t length, int64_t first, int64_t count,
                          sums *s) {
    lm_embedding e = embedding_of(length, first, count);
    lm_embedding_backward(compute, &e, rows_from(first * length, count * length, C, 2), s->at[0],
                          s->at[1]);
}

/* ---- embeddings that are the head too -------------------------------------------------------- */
/* Rows of those tokens alone that occur: added to dW at the end they give what adding to zeros and
 * then to dW gives, and they are empty again. There are rows for no more tokens than occur. */
static void test_embedding_rows(void **state) {
    (void)state;
    enum { LENGTH = 3, PASSES = 2, MOST = VOCAB - 2 };
    lm_kernels k;
    lm_compute compute;
    layers_open(&compute, &k, 2, 0, 64);
    lm_arena measure = lm_arena_measuring(), arena = {0};
    lm_error err;
    lm_embedding_rows rows;
    lm_embedding_rows_take(&rows, &measure, VOCAB, C, MOST);
    assert_int_equal(rows.most, MOST);
    assert_int_equal(lm_arena_init(&arena, measure.used, "rows", &err), LM_OK);
    lm_embedding_rows_take(&rows, &arena, VOCAB, C, MOST);
    assert_int_equal(arena.used, measure.used);
    float *dw = layers_random(VOCAB * C, 7, -1, 1), *want = layers_copy(dw, VOCAB * C);
    for (int round = 0; round < 2; round++) {
        float *zero = layers_floats(VOCAB * C), *positions = layers_random(LENGTH * C, 8, -1, 1);
        float *want_positions = layers_copy(positions, LENGTH * C);
        memset(zero, 0, (size_t)(VOCAB * C) * sizeof *zero);
        for (int64_t pass = 0; pass < PASSES; pass++) {
            lm_embedding e = embedding_of(LENGTH, pass + round, 1);
            float *dy = rows_from(pass * LENGTH, LENGTH, C, 2 + (uint64_t)round);
            lm_embedding_backward(&compute, &e, dy, zero, want_positions);
            lm_embedding_backward_rows(&compute, &e, dy, &rows, positions);
        }
        lm_embedding_add_rows(&compute, &rows, dw);
        for (int64_t i = 0; i < VOCAB * C; i++) want[i] += zero[i];
        layers_same_bits("dW", want, dw, VOCAB * C);
        layers_same_bits("dP", want_positions, positions, LENGTH * C);
        assert_int_equal(rows.count, 0);
    }
    lm_embedding e = embedding_of(LENGTH, 0, 1);
    lm_embedding_backward_rows(&compute, &e, rows_from(0, LENGTH, C, 2), &rows, NULL);
    assert_int_equal(rows.count, LENGTH);
    lm_embedding_clear_rows(&rows);
    lm_embedding_add_rows(&compute, &rows, dw);
    layers_same_bits("cleared", want, dw, VOCAB * C);
    lm_arena_free(&arena);
    layers_close(&compute);
    layers_free_all();
}

static void test_norms(void **state) {
    (void)state;
    check(add_norm, begin_norm, lm_norm_scratch_bytes(C));
}
static void test_head_norms(void **state) {
    (void)state;
    check(add_head_norm, begin_head_norm, lm_head_norm_scratch_bytes(HEADS, C / HEADS));
}
static void test_linear_layers(void **state) {
    (void)state;
    check(add_linear, begin_linear, lm_gemm_scratch_bytes());
}
static void test_embeddings(void **state) {
    (void)state;
    check(add_embedding, begin_embedding, 64);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_norms),          cmocka_unit_test(test_head_norms),
        cmocka_unit_test(test_linear_layers),  cmocka_unit_test(test_embeddings),
        cmocka_unit_test(test_embedding_rows),
    };
    return cmocka_run_group_tests_name("windows", tests, NULL, NULL);
}

/* N-gram tables: which row is whose, the sums, and that the time and bits do not depend on how
 * tokens and threads are cut. */
#include "tests/support/test.h"

#include <string.h>

#include "nn/ngram.h"
#include "optim/clip.h"
#include "tests/support/layers.h"

static void test_rows(void **state) {
    (void)state;
    const lm_ngram_table tables[] = {{2, 65 * 66}, {3, 100}, {4, 65536}};
    const int32_t text[] = {9, 1, 3};
    int32_t at[3];
    lm_ngram_rows(tables, 3, 65, text + 2, 1, at, 1); /* 9 is another document's */
    assert_int_equal(at[0], 3 + 65 * 1);
    assert_int_equal(at[2], 59483); /* of 3, 1, 65, 65; by Python */
    lm_ngram_rows(tables, 3, 65, text, 0, at, 1);
    assert_int_equal(at[0], 9 + 65 * 65);
    const lm_ngram_table wide = {3, 1 << 20};
    const int32_t large[] = {49999, 1, 50000};
    lm_ngram_rows(&wide, 1, 50257, large + 2, 2, at, 1);
    assert_int_equal(at[0], 29606); /* by Python */
    assert_int_equal(lm_ngram_count(65, 3), 65 * 66 * 66);
    assert_int_equal(lm_ngram_count(65, 6), -1);
    assert_int_equal(lm_ngram_count(50257, 2), -1);
}

/* An exact table has a row of its own for each n-gram, and no other rows. */
static void test_exact_rows_are_all_different(void **state) {
    enum { V = 4, N = V * (V + 1) * (V + 1) };
    const lm_ngram_table table = {3, N};
    bool met[N] = {false};
    int32_t text[3], row;
    (void)state;
    assert_int_equal(lm_ngram_count(V, 3), N);
    for (int before = 0; before < 3; before++)
        for (int i = 0; i < V * V * V; i++) {
            text[0] = i / V / V;
            text[1] = i / V % V;
            text[2] = i % V;
            if ((before < 1 && text[1] > 0) || (before < 2 && text[0] > 0)) continue;
            lm_ngram_rows(&table, 1, V, text + 2, before, &row, 1);
            assert_false(met[row]);
            met[row] = true;
        }
    int n = 0;
    for (int i = 0; i < N; i++) n += met[i];
    assert_int_equal(n, V + V * V + V * V * V);
}

enum { TOKENS = 700, C = 130, ROWS_A = 37, ROWS_B = 5000 };

typedef struct tables {
    float *a, *b, *y;
    lm_line_set lines[2];
    lm_arena arena;
} tables;

static void take_lines(tables *t, lm_arena *arena) {
    lm_line_set_take(&t->lines[0], arena, ROWS_A);
    lm_line_set_take(&t->lines[1], arena, ROWS_B);
}

static int32_t row_of(int table, int64_t i) {
    return (int32_t)(i * i * 7919 % (table == 0 ? ROWS_A : ROWS_B));
}

/* Gradients and sums of `parts` calls, one behind the other. */
static void pass(tables *t, int threads, int parts) {
    static lm_error err;
    lm_compute compute;
    lm_kernels k;
    lm_arena measure = lm_arena_measuring();
    float *w = layers_random(ROWS_B * C, 1, -1, 1), *dy = layers_random(TOKENS * C, 2, -1, 1);
    *t = (tables){.a = layers_floats(ROWS_A * C), .b = layers_floats(ROWS_B * C)};
    take_lines(t, &measure);
    assert_int_equal(lm_arena_init(&t->arena, measure.used, "lines", &err), LM_OK);
    take_lines(t, &t->arena);
    memset(t->a, 0, ROWS_A * C * sizeof *t->a);
    memset(t->b, 0, ROWS_B * C * sizeof *t->b);
    t->y = layers_random(TOKENS * C, 3, -1, 1);
    layers_open(&compute, &k, threads, 0, 0);
    for (int64_t first = 0, n; first < TOKENS; first += n) {
        int32_t rows[2 * TOKENS];
        n = lm_min((TOKENS + parts - 1) / parts, TOKENS - first);
        for (int64_t i = 0; i < 2 * n; i++) rows[i] = row_of(i >= n, first + i % n);
        const lm_ngram g = {.tokens = n,
                            .channels = C,
                            .n = 2,
                            .rows = rows,
                            .w = {w, w},
                            .dw = {t->a, t->b},
                            .lines = {&t->lines[0], &t->lines[1]}};
        lm_ngram_forward(&compute, &g, t->y + first * C);
        lm_ngram_backward(&compute, &g, dy + first * C);
    }
    layers_close(&compute);
}

static void test_sums_and_lines(void **state) {
    tables t;
    (void)state;
    pass(&t, 1, 1);
    float *y = layers_random(TOKENS * C, 3, -1, 1), *w = layers_random(ROWS_B * C, 1, -1, 1);
    float *dy = layers_random(TOKENS * C, 2, -1, 1), *dw = layers_floats(ROWS_B * C);
    bool reached[ROWS_B] = {false};
    memset(dw, 0, ROWS_B * C * sizeof *dw);
    for (int64_t i = 0; i < TOKENS; i++) {
        reached[row_of(1, i)] = true;
        for (int64_t c = 0; c < C; c++) {
            y[i * C + c] += w[row_of(0, i) * C + c];
            y[i * C + c] += w[row_of(1, i) * C + c];
            dw[row_of(1, i) * C + c] += dy[i * C + c];
        }
    }
    layers_same_bits("y", y, t.y, TOKENS * C);
    layers_same_bits("dw", dw, t.b, ROWS_B * C);
    lm_lines list = lm_line_set_list(&t.lines[1]);
    int64_t n = 0;
    for (int32_t i = 0; i < ROWS_B; i++)
        if (reached[i]) assert_int_equal(list.at[n++], i);
    assert_int_equal(list.count, n);
    assert_in_range(n, 300, TOKENS);

    double squares = lm_gradient_line_squares(&layers_compute, ROWS_B, C, t.b, list);
    assert_true(squares > 0);
    assert_true(squares ==
                lm_gradient_line_squares(&layers_compute, ROWS_B, C, t.b, (lm_lines){0}));

    lm_ngram_clear(&layers_compute, &t.lines[1], C, t.b);
    for (int64_t i = 0; i < ROWS_B * C; i++) assert_true(t.b[i] == 0);
    lm_line_set_clear(&t.lines[1]);
    assert_int_equal(lm_line_set_list(&t.lines[1]).count, 0);
    lm_arena_free(&t.arena);
    layers_free_all();
}

static void test_threads_and_parts_change_nothing(void **state) {
    tables one, other;
    (void)state;
    pass(&one, 1, 1);
    pass(&other, 3, 4);
    layers_same_bits("y", one.y, other.y, TOKENS * C);
    layers_same_bits("a", one.a, other.a, ROWS_A * C);
    layers_same_bits("b", one.b, other.b, ROWS_B * C);
    for (int k = 0; k < 2; k++) {
        lm_lines a = lm_line_set_list(&one.lines[k]), b = lm_line_set_list(&other.lines[k]);
        assert_int_equal(a.count, b.count);
        assert_memory_equal(a.at, b.at, (size_t)a.count * sizeof *a.at);
    }
    lm_arena_free(&one.arena);
    lm_arena_free(&other.arena);
    layers_free_all();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows),
                                       cmocka_unit_test(test_exact_rows_are_all_different),
                                       cmocka_unit_test(test_sums_and_lines),
                                       cmocka_unit_test(test_threads_and_parts_change_nothing)};
    return cmocka_run_group_tests_name("n-grams", tests, layers_open_group, layers_close_group);
}

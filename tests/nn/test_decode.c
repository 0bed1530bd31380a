/* Products of few rows of x, as generation has them: W so large that each thread has a long task
 * and what is left over is cut into short ones, on every instruction set. */
#include "tests/support/test.h"

#include <string.h>

#include "machine/cpu.h"
#include "nn/linear.h"
#include "ops/gemm.h"
#include "tests/support/layers.h"

enum { OUT = 1102, ROWS = 2 }; /* no multiple of a block of rows */

typedef struct setup {
    int64_t in;
    const float *x, *w, *bias, *want;
} setup;

static void check(int threads, int isa, const setup *s) {
    lm_kernels kernels, some;
    lm_compute compute;
    layers_open(&compute, &kernels, threads, 0, lm_gemm_scratch_bytes());
    lm_kernels_fill(&some, lm_cpu_detect() & ((2u << isa) - 1));
    compute.kernels = &some;
    for (int rows = 1; rows <= ROWS; rows++) {
        lm_linear l = {
            .rows = rows, .in = s->in, .out = OUT, .w = lm_array_f32(s->w), .bias = s->bias};
        float *y = layers_floats(ROWS * OUT);
        lm_linear_decode(&compute, &l, (lm_linear_rows){lm_array_f32(s->x), s->in, false}, y);
        layers_same_bits(lm_isa_name(isa), s->want, y, rows * OUT);
    }
    layers_close(&compute);
}

static setup make(int64_t in) {
    setup s = {in, layers_random(ROWS * in, 1, -1, 1), layers_random(OUT * in, 2, -1, 1),
               layers_random(OUT, 3, -1, 1), NULL};
    float *want = layers_floats(ROWS * OUT);
    lm_kernels scalar;
    lm_kernels_fill(&scalar, 1u << LM_ISA_SCALAR);
    scalar.dots_f32(ROWS, OUT, in, s.x, in, s.w, in, s.bias, want, OUT);
    s.want = want;
    return s;
}

static void test_long_tasks_and_short_ones_give_the_bits_of_one(void **state) {
    (void)state;
    static const int64_t ins[] = {520, 512}; /* half a line at the end; whole lines */
    for (size_t i = 0; i < sizeof ins / sizeof *ins; i++) {
        setup s = make(ins[i]);
        for (int threads = 1; threads <= 4; threads++)
            for (int isa = LM_ISA_SCALAR; isa < LM_ISA_COUNT; isa++) check(threads, isa, &s);
    }
}

/* Passes over several matrices, the third of which is another one from some pass on: what is read
 * ahead, rightly or wrongly, changes nothing. */
static void test_an_order_of_matrices_changes_no_bits(void **state) {
    (void)state;
    enum { MATRICES = 3, PASSES = 4, KNOWN = 2 };
    setup s = make(512);
    lm_linear_read reads[KNOWN]; /* fewer than there are */
    for (int threads = 1; threads <= 3; threads++) {
        lm_kernels kernels;
        lm_compute compute;
        lm_linear_order order = {.reads = reads, .most = threads == 1 ? 1 : KNOWN};
        layers_open(&compute, &kernels, threads, 0, lm_gemm_scratch_bytes());
        float *copy = layers_floats(OUT * s.in);
        memcpy(copy, s.w, (size_t)(OUT * s.in) * sizeof *copy);
        for (int pass = 0; pass < PASSES; pass++) {
            lm_linear_order_begin(&order);
            for (int i = 0; i < MATRICES; i++) {
                const bool other = i == 1 && pass > 1;
                lm_linear l = {.rows = 1,
                               .in = s.in,
                               .out = OUT,
                               .w = lm_array_f32(other ? copy : s.w),
                               .bias = s.bias,
                               .order = &order};
                float *y = layers_floats(OUT);
                lm_linear_decode(&compute, &l, (lm_linear_rows){lm_array_f32(s.x), s.in, false}, y);
                layers_same_bits("in order", s.want, y, OUT);
            }
        }
        assert_true(order.n == order.most);
        assert_ptr_equal(order.reads[order.n - 1].w.at, threads == 1 ? s.w : copy);
        layers_close(&compute);
    }
}

/* Rows of x enough for panels of them, the last one not full, by rows of W that are no multiple of
 * what a task takes. */
enum { MANY_ROWS = 53, SHORT_OUT = 41 };

static lm_bf16 *rounded(const float *x, int64_t n) {
    lm_bf16 *y = (lm_bf16 *)(void *)layers_floats(n / 2 + 1);
    for (int64_t i = 0; i < n; i++) y[i] = lm_bf16_from_f32(x[i]);
    return y;
}

static void check_many(int64_t in, lm_precision type, const float *bias) {
    const float *x = layers_random(MANY_ROWS * in, 5, -1, 1);
    const float *w = layers_random(SHORT_OUT * in, 6, -1, 1);
    const lm_bf16 *x16 = rounded(x, MANY_ROWS * in), *w16 = rounded(w, SHORT_OUT * in);
    float *want = layers_floats(MANY_ROWS * SHORT_OUT);
    lm_kernels scalar;
    lm_kernels_fill(&scalar, 1u << LM_ISA_SCALAR);
    if (type == LM_BF16)
        scalar.dots_bf16(MANY_ROWS, SHORT_OUT, in, x16, in, w16, in, bias, want, SHORT_OUT);
    else
        scalar.dots_f32(MANY_ROWS, SHORT_OUT, in, x, in, w, in, bias, want, SHORT_OUT);
    for (int isa = LM_ISA_SCALAR; isa < LM_ISA_COUNT; isa++) {
        lm_kernels kernels, some;
        lm_compute compute;
        layers_open(&compute, &kernels, 1 + isa % 2, 0, lm_gemm_scratch_bytes());
        lm_kernels_fill(&some, lm_cpu_detect() & ((2u << isa) - 1));
        compute.kernels = &some;
        lm_linear l = {.rows = MANY_ROWS,
                       .in = in,
                       .out = SHORT_OUT,
                       .w = type == LM_BF16 ? lm_array_bf16(w16) : lm_array_f32(w),
                       .bias = bias};
        float *y = layers_floats(MANY_ROWS * SHORT_OUT);
        void *room = layers_floats(lm_linear_room_rows(MANY_ROWS) * lm_linear_room_row(in));
        lm_linear_rows rows = lm_linear_decoded(&compute, &l, x, room);
        assert_true(rows.panels);
        lm_linear_decode(&compute, &l, rows, y);
        layers_same_bits(lm_isa_name(isa), want, y, MANY_ROWS * SHORT_OUT);
        layers_close(&compute);
    }
}

static void test_many_rows_have_the_bits_of_one_by_one(void **state) {
    (void)state;
    static const int64_t ins[] = {520, 33, 1};
    const float *bias = layers_random(SHORT_OUT, 7, -1, 1);
    for (size_t i = 0; i < sizeof ins / sizeof *ins; i++)
        for (int type = 0; type < LM_PRECISION_COUNT; type++)
            check_many(ins[i], (lm_precision)type, i == 1 ? NULL : bias);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_long_tasks_and_short_ones_give_the_bits_of_one,
                                  layers_tear_down),
        cmocka_unit_test_teardown(test_many_rows_have_the_bits_of_one_by_one, layers_tear_down),
        cmocka_unit_test_teardown(test_an_order_of_matrices_changes_no_bits, layers_tear_down),
    };
    return cmocka_run_group_tests_name("decode", tests, layers_open_group, layers_close_group);
}

/* Every kernel of every ISA this CPU has returns exactly the bits of the scalar one. */
#include "tests/support/test.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "machine/cpu.h"
#include "machine/fpmode.h"
#include "tests/support/kernel_compare.h"

static lm_isa_mask up_to(int isa) {
    return lm_cpu_detect() & ((2u << isa) - 1u);
}

static void test_every_isa_equals_scalar(void **unused) {
    (void)unused;
    int failures = 0;
    /* Scalar ones are compared with themselves, for their bounds, where there are no others. */
    int first = lm_cpu_best(lm_cpu_detect()) > LM_ISA_SCALAR ? LM_ISA_SCALAR + 1 : LM_ISA_SCALAR;
    for (int isa = first; isa < LM_ISA_COUNT; isa++) {
        if (!(lm_cpu_detect() >> isa & 1u)) continue;
        lm_kernels table;
        lm_kernels_fill(&table, up_to(isa));
        for (int i = 0; i < lm_kernel_list_count; i++) {
            char why[512];
            uint64_t digest;
            if (kernel_compare(&lm_kernel_list[i], &table, &digest, why, sizeof why)) continue;
            print_error("%s: %s\n", lm_isa_name(isa), why);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

/* The value that backward gives beside its gradient is forward's, beyond backward's clamps too. */
static void test_backward_kernels_write_the_y_of_forward(void **unused) {
    (void)unused;
    enum {
        N = 4001
    }; /* from -125 to 125; the ends, and some in the middle, are no ordinary numbers */
    static float x[N], up[N], want[N], got[N], dx[N], dup[N];
    const float special[] = {INFINITY, -INFINITY, NAN, 3e38f, -3e38f, -0.0f, 1e-40f, 1e20f, -1e20f};
    for (int i = 0; i < N; i++) x[i] = (float)(i - N / 2) * 0x1p-4f, up[i] = 3.0f - x[i];
    for (int i = 0; i < 9; i++) x[i] = x[N - 1 - i] = x[N / 2 + 40 * i] = special[i];
    for (int isa = LM_ISA_SCALAR; isa < LM_ISA_COUNT; isa++) {
        lm_kernels k;
        lm_kernels_fill(&k, up_to(isa));
        for (int kind = 0; kind < 4; kind++) {
            if (kind == 0) k.gelu_tanh_forward_f32(N, x, want);
            if (kind == 0) k.gelu_tanh_backward_f32(N, x, up, dx, got);
            if (kind == 1) k.gelu_erf_forward_f32(N, x, want);
            if (kind == 1) k.gelu_erf_backward_f32(N, x, up, dx, got);
            if (kind == 2) k.swiglu_forward_f32(N, x, up, want);
            if (kind == 2) k.swiglu_backward_f32(N, x, up, up, dx, dup, got);
            if (kind == 3) k.relu2_forward_f32(N, x, want);
            if (kind == 3) k.relu2_backward_f32(N, x, up, dx, got);
            for (int i = 0; i < N; i++)
                if (memcmp(&want[i], &got[i], sizeof want[i]) != 0 &&
                    !(isnan(want[i]) && isnan(got[i])))
                    fail_msg("%s, activation %d: f(%a) is %a, beside the gradient %a",
                             lm_isa_name(isa), kind, (double)x[i], (double)want[i], (double)got[i]);
        }
    }
}

/* One tile for the softmax: scores, and what is kept a row. */
typedef struct tile {
    float s[40][70], m[40], l[40], alpha[40];
} tile;

/* Scores by a formula, with one that is rare somewhere and, in every other round, a row of such. */
static void make_tile(tile *x, int round) {
    const float rare[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, -1e30f, -0.0f, 1e9f, 0x1p23f};
    float size = round % 5 == 0 ? 1e4f : 10;
    for (int i = 0; i < 40; i++) {
        for (int j = 0; j < 70; j++)
            x->s[i][j] = size * (float)((i * 71 + j * 7919 + round * 31) % 2000 - 1000) * 1e-3f;
        bool begins = (i + round) % 3 == 0;
        x->m[i] = begins ? -INFINITY : (float)(i - 20);
        x->l[i] = begins ? 0 : 2;
        x->alpha[i] = 7;
    }
    x->s[round * 7 % 40][round * 13 % 70] = rare[round % 9];
    for (int j = 0; j < 70 && round % 2 == 0; j++) x->s[round % 40][j] = rare[round / 2 % 9];
    if (round % 11 == 0) x->m[round % 40] = NAN;
}

/* Fast versions go their own way unless every maximum is usual and no score is a NaN. */
static void test_softmax_of_rare_scores(void **unused) {
    (void)unused;
    static tile want, got;
    const int64_t first_valid[] = {1, -3, 17, 1000};
    lm_kernels scalar, k;
    lm_kernels_fill(&scalar, up_to(LM_ISA_SCALAR));
    for (int isa = LM_ISA_SCALAR; isa < LM_ISA_COUNT; isa++) {
        lm_kernels_fill(&k, up_to(isa));
        for (int round = 0; round < 400; round++) {
            int64_t cols = 1 + round * 17 % 70, first = first_valid[round % 4];
            make_tile(&want, round);
            make_tile(&got, round);
            scalar.attention_softmax_f32(40, cols, first, 0.125f, want.s[0], 70, want.m, want.l,
                                         want.alpha);
            k.attention_softmax_f32(40, cols, first, 0.125f, got.s[0], 70, got.m, got.l, got.alpha);
            const float *a = want.s[0], *b = got.s[0];
            for (size_t i = 0; i < sizeof want / sizeof *a; i++)
                if (memcmp(&a[i], &b[i], sizeof *a) != 0 && !(isnan(a[i]) && isnan(b[i])))
                    fail_msg("%s, round %d: number %zu of the tile is %a, not %a", lm_isa_name(isa),
                             round, i, (double)b[i], (double)a[i]);
        }
    }
}

/* A member of the table without a row here would go untested. */
static void test_every_kernel_has_a_row(void **unused) {
    (void)unused;
#define COUNT(isa, name) +1
    assert_int_equal(lm_kernel_list_count + 3,
                     LM_KERNELS(COUNT, )); /* the yardsticks are not compared */
    for (int i = 0; i < lm_kernel_list_count; i++)
        for (int j = 0; j < i; j++)
            assert_true(lm_kernel_list[i].member != lm_kernel_list[j].member);
}

static void test_every_ladder_fills_every_kernel(void **unused) {
    (void)unused;
    for (int isa = LM_ISA_SCALAR; isa < LM_ISA_COUNT; isa++) {
        lm_kernels table = {0};
        lm_kernels_fill(&table, up_to(isa));
        for (int i = 0; i < lm_kernel_list_count; i++) {
            void (*function)(void);
            memcpy(&function, (const char *)&table + lm_kernel_list[i].member, sizeof function);
            assert_true(function != NULL);
        }
        assert_true(table.gemm_f32_mr > 0 && table.gemm_f32_nr > 0);
        assert_true(table.gemm_bf16_mr > 0 && table.gemm_bf16_nr > 0);
        assert_true(table.peak_f32(1000) >= 2000 && table.peak_bf16(1000) >= 2000);
    }
}

/* It is let loose on an optimizer's state. */
static void test_a_stream_leaves_what_it_writes(void **unused) {
    (void)unused;
    enum { N = 100 };
    float x[N], y[LM_STREAMS_MOST][N], before[LM_STREAMS_MOST][N];
    float *const to[] = {y[0], y[1], y[2], y[3]};
    for (int i = 0; i < N; i++) x[i] = (float)i;
    for (int i = 0; i < LM_STREAMS_MOST * N; i++) y[i / N][i % N] = (float)(i - 150) * 0x1p-7f;
    memcpy(before, y, sizeof y);
    for (int isa = LM_ISA_SCALAR; isa < LM_ISA_COUNT; isa++) {
        lm_kernels table = {0};
        lm_kernels_fill(&table, lm_cpu_detect() & up_to(isa));
        for (int count = 0; count <= LM_STREAMS_MOST; count++) table.stream_f32(N, x, count, to);
        assert_memory_equal(y, before, sizeof y);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_isa_equals_scalar),
        cmocka_unit_test(test_a_stream_leaves_what_it_writes),
        cmocka_unit_test(test_backward_kernels_write_the_y_of_forward),
        cmocka_unit_test(test_softmax_of_rare_scores),
        cmocka_unit_test(test_every_kernel_has_a_row),
        cmocka_unit_test(test_every_ladder_fills_every_kernel)};
    lm_fpmode_set();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

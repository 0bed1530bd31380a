/* Every kernel of every ISA this CPU has returns exactly the bits of the scalar one. */
#include "tests/support/test.h"
#include <math.h>
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

/* A member of the table without a row here would go untested. */
static void test_every_kernel_has_a_row(void **unused) {
    (void)unused;
#define COUNT(isa, name) +1
    assert_int_equal(lm_kernel_list_count + 2,
                     LM_KERNELS(COUNT, )); /* the peaks are not compared */
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_isa_equals_scalar),
        cmocka_unit_test(test_backward_kernels_write_the_y_of_forward),
        cmocka_unit_test(test_every_kernel_has_a_row),
        cmocka_unit_test(test_every_ladder_fills_every_kernel)};
    lm_fpmode_set();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

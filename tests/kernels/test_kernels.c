/* Every kernel of every ISA this CPU has returns exactly the bits of the scalar one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
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

/* A member of the table without a row here would go untested. */
static void test_every_kernel_has_a_row(void **unused) {
    (void)unused;
    size_t members = (sizeof(lm_kernels) - offsetof(lm_kernels, gemm_f32)) / sizeof(void (*)(void));
    assert_int_equal(lm_kernel_list_count + 2, members); /* the peaks are not compared */
    for (int i = 0; i < lm_kernel_list_count; i++)
        for (int j = 0; j < i; j++)
            assert_true(lm_kernel_list[i].member != lm_kernel_list[j].member);
}

static void test_ladder_fills_everything(void **unused) {
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_isa_equals_scalar),
                                       cmocka_unit_test(test_every_kernel_has_a_row),
                                       cmocka_unit_test(test_ladder_fills_everything)};
    lm_fpmode_set();
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The comparison of test_kernels.c without a test framework, for machines that are emulated (see
 * test_neon.sh). Prints two lines per kernel: one for people, and one with the digest of its
 * results. */
#include <stdio.h>

#include "machine/cpu.h"
#include "machine/fpmode.h"
#include "tests/support/kernel_compare.h"

int main(void) {
    lm_fpmode_set();
    lm_kernels table;
    lm_isa_mask mask = lm_cpu_detect();
    lm_kernels_fill(&table, mask);
    for (int i = 0; i < lm_kernel_list_count; i++) {
        char why[512];
        uint64_t digest;
        if (kernel_compare(&lm_kernel_list[i], &table, &digest, why, sizeof why))
            printf("ok - %s of %s has the scalar bits\n", lm_kernel_list[i].name,
                   lm_isa_name((int)lm_cpu_best(mask)));
        else
            printf("not ok - %s\n", why);
        printf("%s %016llx\n", lm_kernel_list[i].name, (unsigned long long)digest);
    }
    return 0;
}

/* The ladder. Each rung overrides what it does faster than the one below; all return the same bits.
 */
#include "kernels/kernels.h"

void lm_kernels_fill(lm_kernels *k, lm_isa_mask mask) {
    *k = (lm_kernels){.isas = mask};
    lm_kernels_fill_scalar(k);
#if defined(__x86_64__)
    if (mask & 1u << LM_ISA_AVX2) lm_kernels_fill_avx2(k);
    if (mask & 1u << LM_ISA_AVX512) lm_kernels_fill_avx512(k);
    if (mask & 1u << LM_ISA_AVX512BF16) lm_kernels_fill_avx512bf16(k);
#elif defined(__aarch64__)
    if (mask & 1u << LM_ISA_NEON) lm_kernels_fill_neon(k);
#endif
}

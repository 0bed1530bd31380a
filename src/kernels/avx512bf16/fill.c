#include "kernels/avx512bf16/isa.h"

void lm_kernels_fill_avx512bf16(lm_kernels *k) {
    k->pairs_are_wide = false;
    k->gemm_bf16_mr = GEMM_BF16_MR, k->gemm_bf16_nr = GEMM_BF16_NR;
    LM_KERNELS_AVX512BF16(LM_KERNEL_FILL, avx512bf16)
}

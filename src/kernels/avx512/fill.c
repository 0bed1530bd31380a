#include "kernels/avx512/isa.h"

void lm_kernels_fill_avx512(lm_kernels *k) {
    k->gemm_f32_mr = GEMM_F32_MR, k->gemm_f32_nr = GEMM_F32_NR;
    k->gemm_bf16_mr = GEMM_BF16_MR, k->gemm_bf16_nr = GEMM_BF16_NR;
    LM_KERNELS(LM_KERNEL_FILL, avx512)
}

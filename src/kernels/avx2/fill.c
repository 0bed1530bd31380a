#include "kernels/avx2/isa.h"

void lm_kernels_fill_avx2(lm_kernels *k) {
    k->gemm_f32_mr = GEMM_F32_MR, k->gemm_f32_nr = GEMM_F32_NR;
    k->pairs_are_wide = true;
    LM_KERNELS_FAST(LM_KERNEL_FILL, avx2)
}

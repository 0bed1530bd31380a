#include "kernels/neon/isa.h"

void lm_kernels_fill_neon(lm_kernels *k) {
    k->gemm_f32_mr = GEMM_F32_MR, k->gemm_f32_nr = GEMM_F32_NR;
    k->pairs_are_wide = true;
    LM_KERNELS_FAST(LM_KERNEL_FILL, neon)
}

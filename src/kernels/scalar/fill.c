#include "kernels/scalar/scalar.h"

void lm_kernels_fill_scalar(lm_kernels *k) {
    k->gemm_f32_mr = k->gemm_bf16_mr = 4;
    k->gemm_f32_nr = k->gemm_bf16_nr = 64;
    LM_KERNELS(LM_KERNEL_FILL, scalar)
}

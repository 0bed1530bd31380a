/* AVX512_BF16: the dot product of pairs does in one instruction what two multiply-adds do elsewhere
 * (kernels.h), and rounding to bf16 is an instruction. The tile is that of avx512/. */
#ifndef LM_KERNELS_AVX512BF16_ISA_H
#define LM_KERNELS_AVX512BF16_ISA_H

#include "kernels/kernels.h"

enum { GEMM_BF16_MR = 12, GEMM_BF16_NR = 32 };

#define LM_KERNELS_AVX512BF16(X, isa) \
    LM_KERNELS_PAIRS(X, isa)          \
    X(isa, dots_bf16)                 \
    X(isa, bf16_from_f32)             \
    X(isa, peak_bf16)

LM_KERNELS_AVX512BF16(LM_KERNEL_DECLARE, avx512bf16)
LM_KERNEL_DECLARE(avx512, pack_f32) /* pairs that lie as they are */

#endif

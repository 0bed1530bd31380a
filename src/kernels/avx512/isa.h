/* AVX-512, and its register tiles. 32 registers: a tile of 12 rows by 2 vectors is 24
 * accumulators; a step costs 2 loads of B and 12 broadcasts that ride on the multiply-adds, for 24
 * of them. */
#ifndef LM_KERNELS_AVX512_ISA_H
#define LM_KERNELS_AVX512_ISA_H

#include "kernels/kernels.h"

enum { GEMM_F32_MR = 12, GEMM_F32_NR = 32 };

#define LM_KERNELS_AVX512(X, isa) LM_KERNELS_FAST(X, isa) LM_KERNELS_PLAIN(X, isa)

LM_KERNELS_AVX512(LM_KERNEL_DECLARE, avx512)
/* 512-bit registers bring nothing to copies */
LM_KERNEL_DECLARE(avx2, pack_f32)
LM_KERNEL_DECLARE(avx2, pack_lines_f32)
LM_KERNEL_DECLARE(avx2, pack_wide_from_f32)
LM_KERNEL_DECLARE(avx2, pack_wide_from_bf16)

#endif

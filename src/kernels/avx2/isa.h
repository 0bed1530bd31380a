/* AVX2 + FMA, and its register tiles. 16 registers: a tile of 6 rows by 2 vectors is 12
 * accumulators (two FMA units times five cycles of latency want 10), two of B and one of A. */
#ifndef LM_KERNELS_AVX2_ISA_H
#define LM_KERNELS_AVX2_ISA_H

#include "kernels/kernels.h"

enum { GEMM_F32_MR = 6, GEMM_F32_NR = 16 };

LM_KERNELS_FAST(LM_KERNEL_DECLARE, avx2)

#endif

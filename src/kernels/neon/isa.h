/* Advanced SIMD of aarch64, and its register tiles. 32 registers: a tile of 8 rows by 3 vectors is
 * 24 accumulators (four units times four cycles of latency want 16), three of B and one of A. */
#ifndef LM_KERNELS_NEON_ISA_H
#define LM_KERNELS_NEON_ISA_H

#include "kernels/kernels.h"

enum { GEMM_F32_MR = 8, GEMM_F32_NR = 12 };

LM_KERNELS_FAST(LM_KERNEL_DECLARE, neon)

#endif

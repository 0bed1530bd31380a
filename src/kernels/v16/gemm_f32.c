#include "kernels/v16/isa.h"

#include ISA_FILE(vec.h)

#define GEMM_KERNEL          ISA(gemm_f32)
#define GEMM_MR              GEMM_F32_MR
#define GEMM_NR              GEMM_F32_NR
#define GEMM_ELEMENT         float
#define GEMM_OPERAND         vec
#define GEMM_LOAD(x)         vec_load(x)
#define GEMM_LOAD_MASK(x, k) vec_load_mask(x, k)
#define GEMM_BROADCAST(x)    vec_broadcast(x)
#define GEMM_FMA(a, b, c)    vec_fma(a, b, c)
#include "kernels/v16/gemm.inc"

#define PEAK_KERNEL ISA(peak_f32)
#define PEAK_FLOPS  (2 * VEC)
#define PEAK_FMA(x) vec_fma(x, vec_broadcast(0.999f), vec_broadcast(0.001f))
#include "kernels/v16/peak.inc"

/* Without an instruction for pairs, they are no faster than fp32. */
double ISA(peak_bf16)(int64_t iterations) {
    return ISA(peak_f32)(iterations);
}

#include "kernels/avx512/vec.h"
#include "kernels/avx512bf16/isa.h"

static inline __m512bh as_bf16(__m512i x) {
    return (__m512bh)x;
}
static inline vec pairs_fma(vec_pairs a, vec_pairs b, vec c) {
    return _mm512_dpbf16_ps(c, as_bf16(a), as_bf16(b));
}

#define GEMM_KERNEL          lm_avx512bf16_gemm_bf16
#define GEMM_MR              GEMM_BF16_MR
#define GEMM_NR              GEMM_BF16_NR
#define GEMM_ELEMENT         lm_bf16_pair
#define GEMM_OPERAND         vec_pairs
#define GEMM_LOAD(x)         vec_pairs_load(x)
#define GEMM_LOAD_MASK(x, k) vec_pairs_load_mask(x, k)
#define GEMM_BROADCAST(x)    vec_pairs_broadcast(x)
#define GEMM_FMA(a, b, c)    pairs_fma(a, b, c)
#include "kernels/v16/gemm.inc"

#define PEAK_KERNEL lm_avx512bf16_peak_bf16
#define PEAK_FLOPS  (4 * VEC)
#define PEAK_FMA(x) pairs_fma(vec_pairs_broadcast(0x3f003e80), vec_pairs_broadcast(0x3e003d80), x)
#include "kernels/v16/peak.inc"

/* AVX512_BF16: the dot product of pairs does in one instruction what two multiply-adds do elsewhere
 * (kernels.h), and rounding to bf16 is an instruction. The tile is that of avx512/. */
#include <stdbool.h>

#include "kernels/avx512/transpose.h"
#include "kernels/avx512/vec.h"
#include "kernels/kernels.h"
#include "kernels/scalar/scalar.h"

static inline __m512bh as_bf16(__m512i x) {
    return (__m512bh)x;
}
static inline vec pairs_fma(vec_pairs a, vec_pairs b, vec c) {
    return _mm512_dpbf16_ps(c, as_bf16(a), as_bf16(b));
}

#define GEMM_MR              12
#define GEMM_NV              2
#define GEMM(name)           gemm_bf16_##name
#define GEMM_ELEMENT         lm_bf16_pair
#define GEMM_OPERAND         vec_pairs
#define GEMM_LOAD(x)         vec_pairs_load(x)
#define GEMM_LOAD_MASK(x, k) vec_pairs_load_mask(x, k)
#define GEMM_BROADCAST(x)    vec_pairs_broadcast(x)
#define GEMM_FMA(a, b, c)    pairs_fma(a, b, c)
#include "kernels/v16/gemm.inc"

static inline __m512i round_two(__m512 first, __m512 second) {
    return (__m512i)_mm512_cvtne2ps_pbh(second, first);
}
#include "kernels/avx512/pack_bf16.inc"

#define PEAK_NAME   peak_bf16
#define PEAK_FLOPS  (4 * VEC)
#define PEAK_FMA(x) pairs_fma(vec_pairs_broadcast(0x3f003e80), vec_pairs_broadcast(0x3e003d80), x)
#include "kernels/v16/peak.inc"

void lm_kernels_fill_avx512bf16(lm_kernels *k) {
    k->gemm_bf16_mr = gemm_bf16_mr;
    k->gemm_bf16_nr = gemm_bf16_nr;
    k->gemm_bf16 = gemm_bf16_kernel;
    k->pack_bf16_from_f32 = pack_bf16_from_f32;
    k->bf16_from_f32 = bf16_from_f32;
    k->peak_bf16 = peak_bf16;
}

/* AVX2 + FMA. 16 registers: a tile of 6 rows by 2 vectors is 12 accumulators (two FMA units times
 * five cycles of latency want 10), two of B and one of A. */
#include "kernels/avx2/avx2.h"
#include "kernels/avx2/v16.h"
#include "kernels/avx2/vec.h"

#define GEMM_MR 6
#define GEMM_NV 2
#include "kernels/v16/gemm_f32.inc"

#define GEMM_MR 4
#define GEMM_NV 2
#include "kernels/v16/gemm_bf16.inc"

#include "kernels/v16/rows.inc"

#define PEAK_NAME   peak_f32
#define PEAK_FLOPS  (2 * VEC)
#define PEAK_FMA(x) vec_fma(x, vec_broadcast(0.999f), vec_broadcast(0.001f))
#include "kernels/v16/peak.inc"

void lm_kernels_fill_avx2(lm_kernels *k) {
    fill_rows(k);
    k->gemm_f32_mr = gemm_f32_mr;
    k->gemm_f32_nr = gemm_f32_nr;
    k->gemm_f32 = gemm_f32_kernel;
    k->gemm_bf16_mr = gemm_bf16_mr;
    k->gemm_bf16_nr = gemm_bf16_nr;
    k->gemm_bf16 = gemm_bf16_kernel;
    k->pack_bf16_from_f32 = lm_avx2_pack_bf16_from_f32;
    k->pack_bf16_from_bf16 = lm_avx2_pack_bf16_from_bf16;
    k->bf16_from_f32 = lm_avx2_bf16_from_f32;
    k->f32_from_bf16 = lm_avx2_f32_from_bf16;
    k->pack_f32 = lm_avx2_pack_f32;
    k->peak_f32 = k->peak_bf16 = peak_f32;
}

/* AVX-512. 32 registers: a tile of 12 rows by 2 vectors is 24 accumulators; a step costs 2 loads of
 * B and 12 broadcasts that ride on the multiply-adds, for 24 of them.*/
#include "kernels/avx512/avx512.h"
#include "kernels/avx512/v16.h"
#include "kernels/avx512/vec.h"

#define GEMM_MR 12
#define GEMM_NV 2
#include "kernels/v16/gemm.inc"
#include "kernels/v16/peak.inc"
#include "kernels/v16/rows.inc"

void lm_kernels_fill_avx512(lm_kernels *k) {
    fill_rows(k);
    k->gemm_f32_mr = GEMM_MR;
    k->gemm_f32_nr = GEMM_NV * VEC;
    k->gemm_f32 = gemm_f32;
    k->pack_f32 = lm_avx512_pack_f32;
    k->peak_f32 = peak_f32;
}

/* AVX2 + FMA. 16 registers: a tile of 6 rows by 2 vectors is 12 accumulators (two FMA units times
 * five cycles of latency want 10), two of B and one of A. */
#include "kernels/avx2/avx2.h"
#include "kernels/avx2/v16.h"
#include "kernels/avx2/vec.h"

#define GEMM_MR 6
#define GEMM_NV 2
#include "kernels/v16/gemm.inc"
#include "kernels/v16/peak.inc"
#include "kernels/v16/rows.inc"

void lm_kernels_fill_avx2(lm_kernels *k) {
    fill_rows(k);
    k->gemm_f32_mr = GEMM_MR;
    k->gemm_f32_nr = GEMM_NV * VEC;
    k->gemm_f32 = gemm_f32;
    k->pack_f32 = lm_avx2_pack_f32;
    k->peak_f32 = peak_f32;
}

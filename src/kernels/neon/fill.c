/* Advanced SIMD of aarch64. 32 registers: a tile of 8 rows by 3 vectors is 24 accumulators (four
 * units times four cycles of latency want 16), three of B and one of A. */
#include "kernels/kernels.h"
#include <stdbool.h>

#include "kernels/neon/v16.h"
#include "kernels/neon/vec.h"

#define GEMM_MR 8
#define GEMM_NV 3
#include "kernels/v16/gemm.inc"
#include "kernels/v16/peak.inc"
#include "kernels/v16/rows.inc"

static void transpose4(float32x4_t r[4]) {
    float32x4_t a = vtrn1q_f32(r[0], r[1]), b = vtrn2q_f32(r[0], r[1]);
    float32x4_t c = vtrn1q_f32(r[2], r[3]), d = vtrn2q_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(a), vget_low_f32(c));
    r[1] = vcombine_f32(vget_low_f32(b), vget_low_f32(d));
    r[2] = vcombine_f32(vget_high_f32(a), vget_high_f32(c));
    r[3] = vcombine_f32(vget_high_f32(b), vget_high_f32(d));
}

/* Blocks of 4 x 4 that are whole go through registers, in whichever direction x is contiguous. */
static void pack_f32(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_row,
                     int64_t x_col, float *out) {
    for (int64_t p = 0; p < k; p += 4) {
        for (int64_t i = 0; i < width; i += 4) {
            const float *from = x + i * x_row + p * x_col;
            bool whole = i + 4 <= count && p + 4 <= k && (x_row == 1 || x_col == 1);
            if (whole) {
                int64_t step = x_row == 1 ? x_col : x_row;
                float32x4_t r[4];
                for (int j = 0; j < 4; j++) r[j] = vld1q_f32(from + j * step);
                if (x_row != 1) transpose4(r);
                for (int j = 0; j < 4; j++) vst1q_f32(out + (p + j) * width + i, r[j]);
                continue;
            }
            for (int64_t q = p; q < k && q < p + 4; q++)
                for (int64_t j = i; j < width && j < i + 4; j++)
                    out[q * width + j] = j < count ? x[j * x_row + q * x_col] : 0.0f;
        }
    }
}

void lm_kernels_fill_neon(lm_kernels *k) {
    fill_rows(k);
    k->gemm_f32_mr = GEMM_MR;
    k->gemm_f32_nr = GEMM_NV * VEC;
    k->gemm_f32 = gemm_f32;
    k->pack_f32 = pack_f32;
    k->peak_f32 = peak_f32;
}

/* Packing and bf16, in blocks of 4 x 4. */
#include <arm_neon.h>
#include <stdbool.h>

#include "base/numbers.h"
#include "kernels/neon/isa.h"
#include "kernels/neon/v16.h"
#include "kernels/scalar/scalar.h"

static void transpose4(float32x4_t r[4]) {
    float32x4_t a = vtrn1q_f32(r[0], r[1]), b = vtrn2q_f32(r[0], r[1]);
    float32x4_t c = vtrn1q_f32(r[2], r[3]), d = vtrn2q_f32(r[2], r[3]);
    r[0] = vcombine_f32(vget_low_f32(a), vget_low_f32(c));
    r[1] = vcombine_f32(vget_low_f32(b), vget_low_f32(d));
    r[2] = vcombine_f32(vget_high_f32(a), vget_high_f32(c));
    r[3] = vcombine_f32(vget_high_f32(b), vget_high_f32(d));
}

/* Blocks of 4 x 4 that are whole go through registers, in whichever direction x is contiguous. */
void lm_neon_pack_f32(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_row,
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

/* ---- bf16 ------------------------------------------------------------------------------------ */

/* Four columns of a panel from four rows of x that run along k, 8 steps: a pair is transposed
 * whole, and then parted into its two floats. */
static void widen_block(int64_t width, const lm_bf16 *x, int64_t x_row, float *out) {
    float32x4_t r[4];
    for (int i = 0; i < 4; i++) r[i] = vreinterpretq_f32_u16(vld1q_u16(x + i * x_row));
    transpose4(r);
    for (int j = 0; j < 4; j++, out += 2 * width) {
        uint32x4_t pair = vreinterpretq_u32_f32(r[j]);
        vst1q_f32(out, vreinterpretq_f32_u32(vandq_u32(pair, vdupq_n_u32(0xffff0000u))));
        vst1q_f32(out + width, vreinterpretq_f32_u32(vshlq_n_u32(pair, 16)));
    }
}

static float32x4_t widen(const lm_bf16 *x) {
    return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(x), 16));
}

void lm_neon_pack_wide_from_bf16(int64_t count, int64_t width, int64_t k, const lm_bf16 *x,
                                 int64_t x_row, int64_t x_col, float *out) {
    for (int64_t p = 0; p < k; p += 8, out += 8 * width)
        for (int64_t i = 0; i < width; i += 4) {
            const lm_bf16 *from = x + i * x_row + p * x_col;
            bool whole = i + 4 <= count && p + 8 <= k;
            if (whole && x_row == 1) {
                for (int j = 0; j < 8; j++)
                    vst1q_f32(out + (j ^ 1) * width + i, widen(from + j * x_col));
            } else if (whole && x_col == 1) {
                widen_block(width, from, x_row, out + i);
            } else {
                for (int64_t j = 0; j < 8 && j < lm_round_up(k - p, 2); j++)
                    for (int64_t q = i; q < width && q < i + 4; q++) {
                        bool there = q < count && p + (j ^ 1) < k;
                        const lm_bf16 *at = x + q * x_row + (p + (j ^ 1)) * x_col;
                        out[j * width + q] = there ? lm_bf16_to_f32(*at) : 0.0f;
                    }
            }
        }
}

/* The same from fp32: four steps of four rows. */
void lm_neon_pack_wide_from_f32(int64_t count, int64_t width, int64_t k, const float *x,
                                int64_t x_row, int64_t x_col, float *out) {
    for (int64_t p = 0; p < k; p += 4, out += 4 * width)
        for (int64_t i = 0; i < width; i += 4) {
            const float *from = x + i * x_row + p * x_col;
            if (i + 4 <= count && p + 4 <= k && (x_row == 1 || x_col == 1)) {
                int64_t step = x_row == 1 ? x_col : x_row;
                float32x4_t r[4];
                for (int j = 0; j < 4; j++) r[j] = v16_round4(vld1q_f32(from + j * step));
                if (x_row != 1) transpose4(r);
                for (int j = 0; j < 4; j++) vst1q_f32(out + (j ^ 1) * width + i, r[j]);
                continue;
            }
            for (int64_t j = 0; j < 4 && j < lm_round_up(k - p, 2); j++)
                for (int64_t q = i; q < width && q < i + 4; q++) {
                    bool there = q < count && p + (j ^ 1) < k;
                    const float *at = x + q * x_row + (p + (j ^ 1)) * x_col;
                    out[j * width + q] = there ? lm_bf16_to_f32(lm_bf16_from_f32(*at)) : 0.0f;
                }
        }
}

static void round_row(int64_t n, const float *x, lm_bf16 *y) {
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        uint32x4_t rounded = vreinterpretq_u32_f32(v16_round4(vld1q_f32(x + i)));
        vst1_u16(y + i, vshrn_n_u32(rounded, 16));
    }
    lm_scalar_bf16_from_f32(1, n - i, x + i, n, y + i, n);
}

void lm_neon_bf16_from_f32(int64_t rows, int64_t n, const float *x, int64_t x_row, lm_bf16 *y,
                           int64_t y_row) {
    for (int64_t i = 0; i < rows; i++) round_row(n, x + i * x_row, y + i * y_row);
}

void lm_neon_f32_from_bf16(int64_t n, const lm_bf16 *x, float *y) {
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(y + i, vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(x + i), 16)));
    lm_scalar_f32_from_bf16(n - i, x + i, y + i);
}

void lm_neon_pack_lines_f32(int64_t panels, int64_t width, int64_t k, const float *x, int64_t x_col,
                            float *out, int64_t panel) {
    for (int64_t p = 0; p < panels; p++)
        lm_neon_pack_f32(width, width, k, x + p * width, 1, x_col, out + p * panel);
}

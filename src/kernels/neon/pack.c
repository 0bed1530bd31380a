/* Packing and bf16, in blocks of 4 x 4. */
#include <arm_neon.h>
#include <stdbool.h>

#include "base/numbers.h"
#include "kernels/neon/isa.h"
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

/* Each to nearest even as bf16, in the high half of its lane (the low half holds leftovers):
 * lm_bf16_from_f32 on vectors. */
static uint32x4_t round_lanes(float32x4_t x) {
    uint32x4_t bits = vreinterpretq_u32_f32(x), magnitude = vshlq_n_u32(bits, 1);
    uint32x4_t odd = vandq_u32(vshrq_n_u32(bits, 16), vdupq_n_u32(1));
    uint32x4_t rounded = vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
    uint32x4_t tiny = vcltq_u32(magnitude, vdupq_n_u32(0x01000000)); /* zero or denormal */
    uint32x4_t nan = vcgtq_u32(magnitude, vdupq_n_u32(0xff000000));
    rounded = vbslq_u32(tiny, vandq_u32(bits, vdupq_n_u32(0x80000000)), rounded);
    return vbslq_u32(nan, vorrq_u32(bits, vdupq_n_u32(0x400000)), rounded);
}

/* Pairs (first[i], second[i]). */
static uint32x4_t zip(float32x4_t first, float32x4_t second) {
    return vsriq_n_u32(round_lanes(second), round_lanes(first), 16);
}

/* 4 pairs of neighbours: 8 floats of x. */
static uint32x4_t pairs_of_row(const float *x) {
    float32x4x2_t both = vld2q_f32(x);
    return zip(both.val[0], both.val[1]);
}

/* Four columns of a panel from four rows of x that run along k: 8 steps. */
static void pack_block(int64_t width, const float *x, int64_t x_row, lm_bf16_pair *out) {
    float32x4_t r[4];
    for (int i = 0; i < 4; i++) r[i] = vreinterpretq_f32_u32(pairs_of_row(x + i * x_row));
    transpose4(r);
    for (int j = 0; j < 4; j++) vst1q_u32(out + j * width, vreinterpretq_u32_f32(r[j]));
}

void lm_neon_pack_bf16_from_f32(int64_t count, int64_t width, int64_t k, const float *x,
                                int64_t x_row, int64_t x_col, lm_bf16_pair *out) {
    for (int64_t i = 0; i < width; i += 4) {
        int64_t lanes = lm_min(width - i, 4), done = 0;
        bool whole = i + 4 <= count, along = x_col == 1 && x_row != 1;
        const float *from = x + i * x_row;
        if (whole && x_row == 1)
            for (; done + 2 <= k; done += 2)
                vst1q_u32(out + done / 2 * width + i, zip(vld1q_f32(from + done * x_col),
                                                          vld1q_f32(from + (done + 1) * x_col)));
        if (whole && along)
            for (; done + 8 <= k; done += 8)
                pack_block(width, from + done, x_row, out + done / 2 * width + i);
        lm_scalar_pack_bf16_from_f32_columns(i, i + lanes, count, width, k - done, x + done * x_col,
                                             x_row, x_col, out + done / 2 * width);
    }
}

void lm_neon_pack_bf16_from_bf16(int64_t count, int64_t width, int64_t k, const lm_bf16 *x,
                                 int64_t x_row, int64_t x_col, lm_bf16_pair *out) {
    if (x_col == 1 && lm_bf16_is_pairs(x, x_row, k)) { /* pairs lie as they are: four bytes each */
        lm_neon_pack_f32(count, width, k / 2, (const float *)(const void *)x, x_row / 2, 1,
                         (float *)(void *)out);
        return;
    }
    int64_t whole = x_row == 1 ? count / 4 * 4 : 0; /* columns whose lines are interleaved */
    for (int64_t p = 0; p + 1 < k; p += 2)
        for (int64_t i = 0; i < whole; i += 4) {
            const lm_bf16 *from = x + p * x_col + i;
            uint16x4x2_t both = vzip_u16(vld1_u16(from), vld1_u16(from + x_col));
            vst1q_u32(out + p / 2 * width + i,
                      vreinterpretq_u32_u16(vcombine_u16(both.val[0], both.val[1])));
        }
    lm_scalar_pack_bf16_from_bf16_columns(whole, width, count, width, k, x, x_row, x_col, out);
    if (k % 2)
        lm_scalar_pack_bf16_from_bf16_columns(0, whole, count, width, 1, x + (k - 1) * x_col, x_row,
                                              x_col, out + k / 2 * width);
}

static void round_row(int64_t n, const float *x, lm_bf16 *y) {
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) vst1q_u16(y + i, vreinterpretq_u16_u32(pairs_of_row(x + i)));
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

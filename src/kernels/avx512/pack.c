/* Packing with 512-bit registers: 16x16 transposes, so that every cache line read or written is
 * moved once, whole. Rows of x are a stride apart, often a page, so that the hardware does not
 * foresee the next one: each panel prefetches the rows of the next panel, `width` rows on, into
 * the second-level cache, which has room for both. */
#include "base/numbers.h"
#include "kernels/avx512/isa.h"
#include "kernels/avx512/transpose.h"

static inline __attribute__((always_inline)) void ask_for_rows(int64_t rows, const float *x,
                                                               int64_t x_row) {
    for (int i = 0; i < rows; i++) _mm_prefetch((const char *)(x + i * x_row), _MM_HINT_T1);
}

/* Four steps of k of every fourth row, a block of 128 bits each. */
static inline __attribute__((always_inline)) __m512 load_blocks(int64_t rows, const float *x,
                                                                int64_t x_row) {
    __m512 r = _mm512_zextps128_ps512(_mm_loadu_ps(x));
    r = _mm512_insertf32x4(r, _mm_loadu_ps(x + 4 * x_row), 1);
    r = _mm512_insertf32x4(r, _mm_loadu_ps(x + 8 * x_row), 2);
    return rows == 12 ? r : _mm512_insertf32x4(r, _mm_loadu_ps(x + 12 * x_row), 3);
}

/* `rows` (16 or 12) whole columns of a panel from 16 steps of as many rows. Loads put blocks of 4
 * x 4 where their columns go, so that only the blocks are left to transpose: half the shuffles. */
static inline __attribute__((always_inline)) void
transpose_whole(int64_t rows, const float *x, int64_t x_row, float *out, int64_t width) {
    __mmask16 store = first16(rows);
    ask_for_rows(rows, x + width * x_row, x_row);
    for (int p = 0; p < 16; p += 4, x += 4, out += 4 * width) {
        __m512 r[4] = {load_blocks(rows, x, x_row), load_blocks(rows, x + x_row, x_row),
                       load_blocks(rows, x + 2 * x_row, x_row),
                       load_blocks(rows, x + 3 * x_row, x_row)};
        transpose_blocks(r);
        _mm512_mask_storeu_ps(out, store, r[0]);
        _mm512_mask_storeu_ps(out + width, store, r[1]);
        _mm512_mask_storeu_ps(out + 2 * width, store, r[2]);
        _mm512_mask_storeu_ps(out + 3 * width, store, r[3]);
    }
}

/* `lanes` <= 16 columns of a panel from `rows` <= lanes rows of x that run along k, `steps` <= 16
 * of k. Zeros where there are no rows. */
static void transpose_part(int64_t rows, int64_t lanes, int64_t steps, const float *x,
                           int64_t x_row, float *out, int64_t width) {
    __m512 r[16];
    __mmask16 in = first16(steps), store = first16(lanes);
    for (int i = 0; i < 16; i++)
        r[i] = i < rows ? _mm512_maskz_loadu_ps(in, x + i * x_row) : _mm512_setzero_ps();
    transpose16(r);
    for (int j = 0; j < 16; j++)
        if (j < steps) _mm512_mask_storeu_ps(out + j * width, store, r[j]);
}

static void transpose(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_row,
                      float *out) {
    for (int64_t p = 0; p < k; p += 16) {
        int64_t steps = lm_min(k - p, 16);
        for (int64_t i = 0; i < width; i += 16) {
            int64_t lanes = lm_min(width - i, 16), rows = count - i;
            const float *from = x + i * x_row + p;
            float *to = out + p * width + i;
            if (rows >= 16 && steps == 16)
                transpose_whole(16, from, x_row, to, width);
            else if (rows == 12 && lanes == 12 && steps == 16)
                transpose_whole(12, from, x_row, to, width);
            else
                transpose_part(lm_min(rows, lanes), lanes, steps, rows > 0 ? from : x, x_row, to,
                               width);
        }
    }
}

void lm_avx512_pack_f32(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_row,
                        int64_t x_col, float *out) {
    if (x_col == 1 && x_row != 1)
        transpose(count, width, k, x, x_row, out);
    else /* copies: 512-bit registers bring nothing */
        lm_avx2_pack_f32(count, width, k, x, x_row, x_col, out);
}

void lm_avx512_pack_lines_f32(int64_t panels, int64_t width, int64_t k, const float *x,
                              int64_t x_col, float *out, int64_t panel) {
    lm_avx2_pack_lines_f32(panels, width, k, x, x_col, out, panel);
}

/* Packing with 512-bit registers: 16x16 transposes, so that every cache line read or written is
 * moved once, whole. Rows of x are a stride apart, often a page: the hardware does not foresee the
 * next one, so it is asked for early. */
#include "kernels/avx2/avx2.h"
#include "kernels/avx512/avx512.h"
#include "kernels/avx512/transpose.h"

enum { AHEAD_K = 32 }; /* how early */

/* `lanes` <= 16 columns of a panel from `rows` <= lanes rows of x that run along k, 16 steps of k;
 * fewer when the masks say so. Zeros where there are no rows. */
static inline __attribute__((always_inline)) void transpose_block(int64_t rows, int64_t lanes,
                                                                  int64_t steps, const float *x,
                                                                  int64_t x_row, float *out,
                                                                  int64_t width) {
    __m512 r[16];
    __mmask16 in = first16(steps), store = first16(lanes);
    for (int i = 0; i < 16; i++) {
        r[i] = _mm512_setzero_ps();
        if (i < rows) {
            r[i] = _mm512_maskz_loadu_ps(in, x + i * x_row);
            _mm_prefetch((const char *)(x + i * x_row + AHEAD_K), _MM_HINT_T0);
        }
    }
    transpose16(r);
    for (int j = 0; j < 16; j++)
        if (j < steps) {
            if (lanes == 16)
                _mm512_storeu_ps(out + j * width, r[j]);
            else
                _mm512_mask_storeu_ps(out + j * width, store, r[j]);
        }
}

static void transpose(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_row,
                      float *out) {
    for (int64_t p = 0; p < k; p += 16) {
        int64_t steps = k - p < 16 ? k - p : 16;
        for (int64_t i = 0; i < width; i += 16) {
            int64_t lanes = width - i < 16 ? width - i : 16, rows = count - i;
            const float *from = x + i * x_row + p;
            float *to = out + p * width + i;
            if (rows >= 16 && steps == 16)
                transpose_block(16, 16, 16, from, x_row, to, width);
            else if (rows == 12 && lanes == 12 && steps == 16)
                transpose_block(12, 12, 16, from, x_row, to, width);
            else
                transpose_block(rows < lanes ? rows : lanes, lanes, steps, rows > 0 ? from : x,
                                x_row, to, width);
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

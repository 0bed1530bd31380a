/* Packing with 512-bit registers: 16x16 transposes, so that every cache line read or written is
 * moved once, whole. Rows of x are a stride apart, often a page: the hardware does not foresee the
 * next one, so it is asked for early. */
#include "kernels/avx2/avx2.h"
#include "kernels/avx512/avx512.h"

#include <immintrin.h>

enum { AHEAD_K = 32 }; /* how early */

static __mmask16 first(int64_t count) {
    return (__mmask16)(count >= 16 ? 0xffffu : (1u << (count > 0 ? count : 0)) - 1u);
}

/* r[i] lane j <-> r[j] lane i. */
static inline __attribute__((always_inline)) void transpose16(__m512 r[16]) {
    __m512 t[16];
    for (int i = 0; i < 16; i += 4) { /* 4x4 blocks within 128-bit lanes */
        __m512 a = _mm512_unpacklo_ps(r[i], r[i + 1]), b = _mm512_unpackhi_ps(r[i], r[i + 1]);
        __m512 c = _mm512_unpacklo_ps(r[i + 2], r[i + 3]);
        __m512 d = _mm512_unpackhi_ps(r[i + 2], r[i + 3]);
        t[i] = _mm512_shuffle_ps(a, c, 0x44), t[i + 1] = _mm512_shuffle_ps(a, c, 0xee);
        t[i + 2] = _mm512_shuffle_ps(b, d, 0x44), t[i + 3] = _mm512_shuffle_ps(b, d, 0xee);
    }
    for (int j = 0; j < 4; j++) { /* 4x4 blocks of 128-bit lanes */
        __m512 a = _mm512_shuffle_f32x4(t[j], t[4 + j], 0x88);
        __m512 b = _mm512_shuffle_f32x4(t[j], t[4 + j], 0xdd);
        __m512 c = _mm512_shuffle_f32x4(t[8 + j], t[12 + j], 0x88);
        __m512 d = _mm512_shuffle_f32x4(t[8 + j], t[12 + j], 0xdd);
        r[j] = _mm512_shuffle_f32x4(a, c, 0x88), r[8 + j] = _mm512_shuffle_f32x4(a, c, 0xdd);
        r[4 + j] = _mm512_shuffle_f32x4(b, d, 0x88), r[12 + j] = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
}

/* `lanes` <= 16 columns of a panel from `rows` <= lanes rows of x that run along k, 16 steps of k;
 * fewer when the masks say so. Zeros where there are no rows. */
static inline __attribute__((always_inline)) void transpose_block(int64_t rows, int64_t lanes,
                                                                  int64_t steps, const float *x,
                                                                  int64_t x_row, float *out,
                                                                  int64_t width) {
    __m512 r[16];
    __mmask16 in = first(steps), store = first(lanes);
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

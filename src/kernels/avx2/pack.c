/* Packing for every x86 rung: the work is moving data, and 8x8 transposes in 256-bit registers are
 * as fast as wider ones. */
#include "base/numbers.h"
#include "kernels/avx2/isa.h"
#include "kernels/avx2/transpose.h"

#include <string.h>

/* `lanes` <= 8 columns of a panel from `rows` <= lanes rows of x that run along k, `steps` <= 8 of
 * it; zeros beyond. */
static inline __attribute__((always_inline)) void transpose_block(int64_t rows, int64_t lanes,
                                                                  int64_t steps, const float *x,
                                                                  int64_t x_row, float *out,
                                                                  int64_t width) {
    __m256 r[8];
    for (int i = 0; i < 8; i++) {
        if (i >= rows)
            r[i] = _mm256_setzero_ps();
        else if (steps == 8)
            r[i] = _mm256_loadu_ps(x + i * x_row);
        else
            r[i] = _mm256_maskload_ps(x + i * x_row, first(steps));
    }
    transpose8(r);
    for (int j = 0; j < 8; j++)
        if (j < steps) store_lanes(out + j * width, lanes, r[j]);
}

static void transpose_rows(int64_t rows, int64_t lanes, int64_t k, const float *x, int64_t x_row,
                           float *out, int64_t width) {
    int64_t p = 0;
    for (; rows == 8 && p + 8 <= k; p += 8) {
        /* the rows of the next panel, which the hardware does not foresee */
        for (int i = 0; i < 8 && p % 16 == 0; i++)
            _mm_prefetch((const char *)(x + (width + i) * x_row + p), _MM_HINT_T1);
        transpose_block(8, 8, 8, x + p, x_row, out + p * width, width);
    }
    for (; p < k; p += 8)
        transpose_block(rows, lanes, lm_min(k - p, 8), x + p, x_row, out + p * width, width);
}

/* Prefetches into the second cache. Inlined where the sizes are known, so that no loop over a line
 * is left. */
static inline __attribute__((always_inline)) void copy(int64_t count, int64_t width, int64_t k,
                                                       const float *x, int64_t x_col, float *out) {
    for (int64_t p = 0; p < k; p++, x += x_col, out += width) {
        int64_t i = 0;
        for (; i + 8 <= count; i += 8) {
            if (i % 16 == 0)
                _mm_prefetch((const char *)(x + LM_PACK_STEPS * x_col + i), _MM_HINT_T1);
            _mm256_storeu_ps(out + i, _mm256_loadu_ps(x + i));
        }
        if (i % 16 == 0) _mm_prefetch((const char *)(x + LM_PACK_STEPS * x_col + i), _MM_HINT_T1);
        if (i + 4 <= count) {
            _mm_storeu_ps(out + i, _mm_loadu_ps(x + i));
            i += 4;
        }
        if (i + 2 <= count) {
            memcpy(out + i, x + i, 2 * sizeof *x);
            i += 2;
        }
        if (i < count) out[i] = x[i], i++;
        for (; i < width; i++) out[i] = 0.0f;
    }
}

/* Whole panels, of every register tile's width. */
static void copy_rows(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_col,
                      float *out) {
    if (count == 6 && width == 6)
        copy(6, 6, k, x, x_col, out);
    else if (count == 12 && width == 12)
        copy(12, 12, k, x, x_col, out);
    else if (count == 16 && width == 16)
        copy(16, 16, k, x, x_col, out);
    else if (count == 32 && width == 32)
        copy(32, 32, k, x, x_col, out);
    else
        copy(count, width, k, x, x_col, out);
}

void lm_avx2_pack_f32(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_row,
                      int64_t x_col, float *out) {
    if (x_row == 1) {
        copy_rows(count, width, k, x, x_col, out);
    } else if (x_col == 1) {
        for (int64_t i = 0; i < width; i += 8) {
            int64_t lanes = lm_min(width - i, 8), rows = lm_min(lm_max(count - i, 0), lanes);
            transpose_rows(rows, lanes, k, rows ? x + i * x_row : x, x_row, out + i, width);
        }
    } else {
        for (int64_t p = 0; p < k; p++)
            for (int64_t i = 0; i < width; i++)
                out[p * width + i] = i < count ? x[i * x_row + p * x_col] : 0.0f;
    }
}

/* ---- panels side by side --------------------------------------------------------------------- */
enum { SIDE_BY_SIDE = 48 }; /* columns: whole lines */

static inline __attribute__((always_inline)) void ask_for_line_ends(int64_t n, const float *x,
                                                                    int64_t x_col) {
    for (int64_t i = 0; i < n; i += 16)
        _mm_prefetch((const char *)(x + LM_PACK_STEPS * x_col + i), _MM_HINT_T1);
}

/* Two steps of a panel of 6, whole registers where one ends and the next begins. */
static inline void copy_two_of_6(const float *x, const float *next, float *out) {
    __m128 middle = _mm_loadl_pi(_mm_setzero_ps(), (const __m64 *)(const void *)(x + 4));
    middle = _mm_loadh_pi(middle, (const __m64 *)(const void *)next);
    _mm_storeu_ps(out, _mm_loadu_ps(x));
    _mm_storeu_ps(out + 4, middle);
    _mm_storeu_ps(out + 8, _mm_loadu_ps(next + 2));
}

/* Inlined where `panels` is known. */
static inline __attribute__((always_inline)) void
lines_of_6(int64_t panels, int64_t k, const float *x, int64_t x_col, float *out, int64_t panel) {
    int64_t kk = 0;
    for (; kk + 2 <= k; kk += 2, x += 2 * x_col, out += 12) {
        ask_for_line_ends(panels * 6, x, x_col);
        ask_for_line_ends(panels * 6, x + x_col, x_col);
        for (int64_t p = 0; p < panels; p++)
            copy_two_of_6(x + p * 6, x + x_col + p * 6, out + p * panel);
    }
    for (int64_t p = 0; p < panels; p++) copy(6, 6, k - kk, x + p * 6, x_col, out + p * panel);
}

static inline __attribute__((always_inline)) void
lines_of_12(int64_t panels, int64_t k, const float *x, int64_t x_col, float *out, int64_t panel) {
    for (int64_t kk = 0; kk < k; kk++, x += x_col, out += 12) {
        ask_for_line_ends(panels * 12, x, x_col);
        for (int64_t p = 0; p < panels; p++) {
            _mm256_storeu_ps(out + p * panel, _mm256_loadu_ps(x + p * 12));
            _mm_storeu_ps(out + p * panel + 8, _mm_loadu_ps(x + p * 12 + 8));
        }
    }
}

void lm_avx2_pack_lines_f32(int64_t panels, int64_t width, int64_t k, const float *x, int64_t x_col,
                            float *out, int64_t panel) {
    int64_t most = width == 6 || width == 12 ? SIDE_BY_SIDE / width : 1;
    for (int64_t n; panels > 0; panels -= n, x += n * width, out += n * panel) {
        n = lm_min(panels, most);
        if (width == 6 && n == SIDE_BY_SIDE / 6)
            lines_of_6(SIDE_BY_SIDE / 6, k, x, x_col, out, panel);
        else if (width == 6)
            lines_of_6(n, k, x, x_col, out, panel);
        else if (width == 12 && n == SIDE_BY_SIDE / 12)
            lines_of_12(SIDE_BY_SIDE / 12, k, x, x_col, out, panel);
        else if (width == 12)
            lines_of_12(n, k, x, x_col, out, panel);
        else
            copy_rows(width, width, k, x, x_col, out);
    }
}

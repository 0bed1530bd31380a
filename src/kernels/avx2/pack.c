/* Packing for every x86 rung: the work is moving data, and 8x8 transposes in 256-bit registers are
 * as fast as wider ones. */
#include "kernels/avx2/avx2.h"
#include "kernels/scalar/scalar.h"

#include <immintrin.h>
#include <string.h>

static void transpose8(__m256 r[8]) {
    __m256 t0 = _mm256_unpacklo_ps(r[0], r[1]), t1 = _mm256_unpackhi_ps(r[0], r[1]);
    __m256 t2 = _mm256_unpacklo_ps(r[2], r[3]), t3 = _mm256_unpackhi_ps(r[2], r[3]);
    __m256 t4 = _mm256_unpacklo_ps(r[4], r[5]), t5 = _mm256_unpackhi_ps(r[4], r[5]);
    __m256 t6 = _mm256_unpacklo_ps(r[6], r[7]), t7 = _mm256_unpackhi_ps(r[6], r[7]);
    __m256 u0 = _mm256_shuffle_ps(t0, t2, 0x44), u1 = _mm256_shuffle_ps(t0, t2, 0xee);
    __m256 u2 = _mm256_shuffle_ps(t1, t3, 0x44), u3 = _mm256_shuffle_ps(t1, t3, 0xee);
    __m256 u4 = _mm256_shuffle_ps(t4, t6, 0x44), u5 = _mm256_shuffle_ps(t4, t6, 0xee);
    __m256 u6 = _mm256_shuffle_ps(t5, t7, 0x44), u7 = _mm256_shuffle_ps(t5, t7, 0xee);
    r[0] = _mm256_permute2f128_ps(u0, u4, 0x20), r[4] = _mm256_permute2f128_ps(u0, u4, 0x31);
    r[1] = _mm256_permute2f128_ps(u1, u5, 0x20), r[5] = _mm256_permute2f128_ps(u1, u5, 0x31);
    r[2] = _mm256_permute2f128_ps(u2, u6, 0x20), r[6] = _mm256_permute2f128_ps(u2, u6, 0x31);
    r[3] = _mm256_permute2f128_ps(u3, u7, 0x20), r[7] = _mm256_permute2f128_ps(u3, u7, 0x31);
}

static __m256i first(int64_t count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count),
                              _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* The first `lanes` <= 8 floats; in pieces, because masked stores are microcoded on some CPUs. */
static void store_lanes(float *out, int64_t lanes, __m256 v) {
    if (lanes == 8) {
        _mm256_storeu_ps(out, v);
        return;
    }
    __m128 part = _mm256_castps256_ps128(v);
    if (lanes & 4) {
        _mm_storeu_ps(out, part);
        part = _mm256_extractf128_ps(v, 1);
        out += 4;
    }
    if (lanes & 2) {
        _mm_storel_pi((__m64 *)out, part);
        part = _mm_movehl_ps(part, part);
        out += 2;
    }
    if (lanes & 1) _mm_store_ss(out, part);
}

/* `lanes` <= 8 columns of a panel from `rows` <= lanes rows of x that run along k; zeros beyond. */
static void transpose_rows(int64_t rows, int64_t lanes, int64_t k, const float *x, int64_t x_row,
                           float *out, int64_t width) {
    for (int64_t p = 0; p < k; p += 8) {
        int64_t steps = k - p < 8 ? k - p : 8;
        __m256i mask = first(steps);
        __m256 r[8];
        for (int i = 0; i < 8; i++) {
            if (i >= rows)
                r[i] = _mm256_setzero_ps();
            else if (steps == 8)
                r[i] = _mm256_loadu_ps(x + i * x_row + p);
            else
                r[i] = _mm256_maskload_ps(x + i * x_row + p, mask);
        }
        transpose8(r);
        for (int j = 0; j < 8; j++)
            if (j < steps) store_lanes(out + (p + j) * width, lanes, r[j]);
    }
}

static void copy_rows(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_col,
                      float *out) {
    for (int64_t p = 0; p < k; p++, x += x_col, out += width) {
        int64_t i = 0;
        for (; i + 8 <= count; i += 8) _mm256_storeu_ps(out + i, _mm256_loadu_ps(x + i));
        if (i + 4 <= count) {
            _mm_storeu_ps(out + i, _mm_loadu_ps(x + i));
            i += 4;
        }
        for (; i < count; i++) out[i] = x[i];
        for (; i < width; i++) out[i] = 0.0f;
    }
}

void lm_avx2_pack_f32(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_row,
                      int64_t x_col, float *out) {
    if (x_row == 1) {
        copy_rows(count, width, k, x, x_col, out);
    } else if (x_col == 1) {
        for (int64_t i = 0; i < width; i += 8) {
            int64_t lanes = width - i < 8 ? width - i : 8, rows = count - i;
            rows = rows < 0 ? 0 : rows > lanes ? lanes : rows;
            transpose_rows(rows, lanes, k, rows ? x + i * x_row : x, x_row, out + i, width);
        }
    } else {
        for (int64_t p = 0; p < k; p++)
            for (int64_t i = 0; i < width; i++)
                out[p * width + i] = i < count ? x[i * x_row + p * x_col] : 0.0f;
    }
}

/* ---- bf16 --------------------------------------------------------------------------------------*/

/* Each to nearest even as bf16, in the high half of its lane (the low half holds leftovers):
 * lm_bf16_from_f32 on vectors. */
static __m256i round_lanes(__m256 x) {
    __m256i bits = _mm256_castps_si256(x), one = _mm256_set1_epi32(1);
    __m256i odd = _mm256_and_si256(_mm256_srli_epi32(bits, 16), one);
    __m256i rounded = _mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
    __m256i exponent = _mm256_and_si256(bits, _mm256_set1_epi32(0x7f800000));
    __m256i tiny = _mm256_cmpeq_epi32(exponent, _mm256_setzero_si256()); /* zero or denormal */
    __m256i sign = _mm256_and_si256(bits, _mm256_set1_epi32((int)0x80000000u));
    __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x, x, _CMP_UNORD_Q));
    __m256i quiet = _mm256_or_si256(bits, _mm256_set1_epi32(0x400000));
    rounded = _mm256_blendv_epi8(rounded, sign, tiny);
    return _mm256_blendv_epi8(rounded, quiet, nan);
}

/* Pairs (first[i], second[i]). */
static __m256i zip(__m256 first, __m256 second) {
    __m256i low = _mm256_srli_epi32(round_lanes(first), 16);
    __m256i high = _mm256_and_si256(round_lanes(second), _mm256_set1_epi32((int)0xffff0000u));
    return _mm256_or_si256(low, high);
}

/* 8 pairs of neighbours: 16 floats of x. */
static __m256i pairs_of_row(const float *x) {
    __m256 a = _mm256_loadu_ps(x), b = _mm256_loadu_ps(x + 8);
    __m256 even = _mm256_shuffle_ps(a, b, 0x88), odd = _mm256_shuffle_ps(a, b, 0xdd);
    return _mm256_permute4x64_epi64(zip(even, odd), 0xd8);
}

static void store_pairs(lm_bf16_pair *out, __m256i v) {
    _mm256_storeu_si256((__m256i *)(void *)out, v);
}

/* The whole blocks of 16 steps of k and 8 rows; the caller packs what is left. */
static void pack_block(int64_t width, const float *x, int64_t x_row, lm_bf16_pair *out) {
    __m256 r[8];
    for (int i = 0; i < 8; i++) r[i] = _mm256_castsi256_ps(pairs_of_row(x + i * x_row));
    transpose8(r);
    for (int j = 0; j < 8; j++) store_pairs(out + j * width, _mm256_castps_si256(r[j]));
}

static void pack_rows(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_row,
                      lm_bf16_pair *out) {
    int64_t whole = k / 16 * 16;
    for (int64_t i = 0; i < width; i += 8) {
        int64_t lanes = width - i < 8 ? width - i : 8, done = 0;
        if (lanes == 8 && i + 8 <= count)
            for (; done < whole; done += 16)
                pack_block(width, x + i * x_row + done, x_row, out + done / 2 * width + i);
        lm_scalar_pack_bf16_columns(i, i + lanes, count, width, k - done, x + done, x_row, 1,
                                    out + done / 2 * width);
    }
}

/* x_row == 1: two lines of x, one for each step of k, become a line of pairs. */
static void pack_lines(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_col,
                       lm_bf16_pair *out) {
    int64_t whole = count / 8 * 8;
    for (int64_t p = 0; p + 1 < k; p += 2)
        for (int64_t i = 0; i < whole; i += 8) {
            const float *from = x + p * x_col + i;
            store_pairs(out + p / 2 * width + i,
                        zip(_mm256_loadu_ps(from), _mm256_loadu_ps(from + x_col)));
        }
    lm_scalar_pack_bf16_columns(whole, width, count, width, k, x, 1, x_col, out);
    if (k % 2)
        lm_scalar_pack_bf16_columns(0, whole, count, width, 1, x + (k - 1) * x_col, 1, x_col,
                                    out + k / 2 * width);
}

static void pack_row(int64_t k, const float *x, lm_bf16_pair *out) {
    int64_t p = 0;
    for (; p + 16 <= k; p += 16) store_pairs(out + p / 2, pairs_of_row(x + p));
    lm_scalar_pack_bf16_columns(0, 1, 1, 1, k - p, x + p, 1, 1, out + p / 2);
}

void lm_avx2_pack_bf16(int64_t count, int64_t width, int64_t k, const float *x, int64_t x_row,
                       int64_t x_col, lm_bf16_pair *out) {
    if (x_col == 1 && width == 1 && count == 1)
        pack_row(k, x, out);
    else if (x_row == 1)
        pack_lines(count, width, k, x, x_col, out);
    else if (x_col == 1)
        pack_rows(count, width, k, x, x_row, out);
    else
        lm_scalar_pack_bf16(count, width, k, x, x_row, x_col, out);
}

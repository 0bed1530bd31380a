/* What packing is made of, for this folder and the ones above it. */
#ifndef LM_KERNELS_AVX512_TRANSPOSE_H
#define LM_KERNELS_AVX512_TRANSPOSE_H

#include <immintrin.h>
#include <stdint.h>

/* The first `count` lanes; any count. */
static inline __mmask16 first16(int64_t count) {
    return (__mmask16)(count >= 16 ? 0xffffu : (1u << (count > 0 ? count : 0)) - 1u);
}

static inline __mmask32 first32(int64_t count) {
    return (__mmask32)(count >= 32 ? 0xffffffffu : (1u << (count > 0 ? count : 0)) - 1u);
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

#endif

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

/* Within each 128-bit lane: r[i] element j <-> r[j] element i. */
static inline __attribute__((always_inline)) void transpose_blocks(__m512 r[4]) {
    __m512 a = _mm512_unpacklo_ps(r[0], r[1]), b = _mm512_unpackhi_ps(r[0], r[1]);
    __m512 c = _mm512_unpacklo_ps(r[2], r[3]), d = _mm512_unpackhi_ps(r[2], r[3]);
    r[0] = _mm512_shuffle_ps(a, c, 0x44), r[1] = _mm512_shuffle_ps(a, c, 0xee);
    r[2] = _mm512_shuffle_ps(b, d, 0x44), r[3] = _mm512_shuffle_ps(b, d, 0xee);
}

/* r[i] lane j <-> r[j] lane i. */
static inline __attribute__((always_inline)) void transpose16(__m512 r[16]) {
    for (int i = 0; i < 16; i += 4) transpose_blocks(r + i); /* 4x4 blocks within 128-bit lanes */
    for (int j = 0; j < 4; j++) {                            /* 4x4 blocks of 128-bit lanes */
        __m512 a = _mm512_shuffle_f32x4(r[j], r[4 + j], 0x88);
        __m512 b = _mm512_shuffle_f32x4(r[j], r[4 + j], 0xdd);
        __m512 c = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0x88);
        __m512 d = _mm512_shuffle_f32x4(r[8 + j], r[12 + j], 0xdd);
        r[j] = _mm512_shuffle_f32x4(a, c, 0x88), r[8 + j] = _mm512_shuffle_f32x4(a, c, 0xdd);
        r[4 + j] = _mm512_shuffle_f32x4(b, d, 0x88), r[12 + j] = _mm512_shuffle_f32x4(b, d, 0xdd);
    }
}

#endif

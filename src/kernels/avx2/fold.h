/* Sixteen vectors folded into one, by registers of 256 bits: lane i of the result is the tree of
 * v16_sum (or of another operation) over vector i. Written out, so that gcc keeps what it can in
 * registers. The including code defines FOLD_LOW(i) and FOLD_HIGH(i), the halves of vector i. */
#ifndef LM_KERNELS_AVX2_FOLD_H
#define LM_KERNELS_AVX2_FOLD_H

/* Lanes j of vectors i and k; j + 8, then j + 4. */
#define FOLD_8(fold, i, k)                                                                 \
    __m256 a##i = fold(FOLD_LOW(i), FOLD_HIGH(i)), a##k = fold(FOLD_LOW(k), FOLD_HIGH(k)); \
    __m256 b##i =                                                                          \
        fold(_mm256_permute2f128_ps(a##i, a##k, 0x20), _mm256_permute2f128_ps(a##i, a##k, 0x31))
/* Each 128 bits: of i, k; j + 2. */
#define FOLD_2(fold, i, k) \
    __m256 c##i = fold(_mm256_shuffle_ps(b##i, b##k, 0x44), _mm256_shuffle_ps(b##i, b##k, 0xee))
#define FOLD_1(fold, i, k) \
    __m256 d##i = fold(_mm256_shuffle_ps(c##i, c##k, 0x88), _mm256_shuffle_ps(c##i, c##k, 0xdd))
/* Defines low and high, the result's halves. d0 is 0 1 2 3, 8 9 10 11; d4 4 5 6 7, 12 13 14 15 */
#define FOLD_ROWS(fold)                                \
    FOLD_8(fold, 0, 8);                                \
    FOLD_8(fold, 1, 9);                                \
    FOLD_2(fold, 0, 1);                                \
    FOLD_8(fold, 2, 10);                               \
    FOLD_8(fold, 3, 11);                               \
    FOLD_2(fold, 2, 3);                                \
    FOLD_1(fold, 0, 2);                                \
    FOLD_8(fold, 4, 12);                               \
    FOLD_8(fold, 5, 13);                               \
    FOLD_2(fold, 4, 5);                                \
    FOLD_8(fold, 6, 14);                               \
    FOLD_8(fold, 7, 15);                               \
    FOLD_2(fold, 6, 7);                                \
    FOLD_1(fold, 4, 6);                                \
    __m256 low = _mm256_permute2f128_ps(d0, d4, 0x20); \
    __m256 high = _mm256_permute2f128_ps(d0, d4, 0x31)

#endif

/* What ends attention's rows: a logarithm per row, eight at a time. */
#include <immintrin.h>
#include <math.h>

#include "base/elementary.h"
#include "kernels/avx512/isa.h"
#include "kernels/scalar/scalar.h"

/* lm_log (base/elementary.c) of eight positive, finite numbers, none denormal: its steps. */
static inline __m512d log8(__m512d x) {
    const __m512d one = _mm512_set1_pd(1), two = _mm512_set1_pd(2);
    __m512i bits = _mm512_castpd_si512(x);
    __m512i half = _mm512_castpd_si512(_mm512_set1_pd(LM_SQRT_HALF));
    __m512i shift = _mm512_srai_epi64(_mm512_sub_epi64(bits, half), 52);
    __m512d m = _mm512_castsi512_pd(_mm512_sub_epi64(bits, _mm512_slli_epi64(shift, 52)));
    __m512d k = _mm512_cvtepi64_pd(shift);
    __m512d s = _mm512_div_pd(_mm512_sub_pd(m, one), _mm512_add_pd(m, one));
    __m512d z = _mm512_mul_pd(s, s), z2 = _mm512_mul_pd(z, z), s2 = _mm512_mul_pd(two, s);
    static const double evens[] = {1.0 / 21, 1.0 / 17, 1.0 / 13, 1.0 / 9, 1.0 / 5};
    static const double odds[] = {1.0 / 19, 1.0 / 15, 1.0 / 11, 1.0 / 7, 1.0 / 3};
    __m512d even = _mm512_set1_pd(1.0 / 25), odd = _mm512_set1_pd(1.0 / 23);
    for (int i = 0; i < 5; i++) {
        even = _mm512_add_pd(_mm512_mul_pd(even, z2), _mm512_set1_pd(evens[i]));
        odd = _mm512_add_pd(_mm512_mul_pd(odd, z2), _mm512_set1_pd(odds[i]));
    }
    __m512d tail = _mm512_mul_pd(z, _mm512_add_pd(odd, _mm512_mul_pd(z, even)));
    __m512d low =
        _mm512_add_pd(_mm512_mul_pd(s2, tail), _mm512_mul_pd(k, _mm512_set1_pd(LM_LN2_LOW)));
    return _mm512_add_pd(_mm512_mul_pd(k, _mm512_set1_pd(LM_LN2_HIGH)), _mm512_add_pd(s2, low));
}

void lm_avx512_attention_finish_f32(int64_t rows, const float *m, float *l, float *lse) {
    const __m256 zero = _mm256_setzero_ps(), infinity = _mm256_set1_ps(INFINITY);
    int64_t i = 0;
    for (; i + 8 <= rows; i += 8) {
        __m256 sum = _mm256_loadu_ps(l + i);
        __mmask8 usual = _mm256_cmp_ps_mask(sum, zero, _CMP_GT_OQ) &
                         _mm256_cmp_ps_mask(sum, infinity, _CMP_LT_OQ);
        if (usual != 0xff) {
            lm_scalar_attention_finish_f32(8, m + i, l + i, lse + i);
            continue;
        }
        __m512d x =
            _mm512_add_pd(_mm512_cvtps_pd(_mm256_loadu_ps(m + i)), log8(_mm512_cvtps_pd(sum)));
        _mm256_storeu_ps(lse + i, _mm512_cvtpd_ps(x));
        _mm256_storeu_ps(l + i, _mm256_div_ps(_mm256_set1_ps(1), sum));
    }
    lm_scalar_attention_finish_f32(rows - i, m + i, l + i, lse + i);
}

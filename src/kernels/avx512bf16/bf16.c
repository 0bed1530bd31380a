#include "kernels/avx512/transpose.h"
#include "kernels/avx512bf16/isa.h"
#include "kernels/scalar/scalar.h"

static inline __m512i round_two(__m512 first, __m512 second) {
    return (__m512i)_mm512_cvtne2ps_pbh(second, first);
}

#define PACK_BF16_FROM_F32 lm_avx512bf16_pack_bf16_from_f32
#define BF16_FROM_F32      lm_avx512bf16_bf16_from_f32
#include "kernels/avx512/pack_bf16.inc"

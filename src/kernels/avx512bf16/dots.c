/* The sixteen lanes are those of avx512/. */
#define LM_ISA avx512
#include "kernels/v16/v16.h"

#include "kernels/avx512/vec.h"
#include "kernels/avx512bf16/isa.h"

#define DOTS_KERNEL       lm_avx512bf16_dots_bf16
#define DOTS_ELEMENT      lm_bf16
#define DOTS_OPERAND      vec_pairs
#define DOTS_LOAD(x)      vec_pairs_load((const lm_bf16_pair *)(const void *)(x))
#define DOTS_FMA(x, w, s) _mm512_dpbf16_ps(s, (__m512bh)(x), (__m512bh)(w))
#include "kernels/v16/dots.inc"

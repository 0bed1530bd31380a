#include "kernels/v16/v16.h"

#include ISA_FILE(vec.h)

#define DOTS_KERNEL  ISA(dots_bf16)
#define DOTS_ELEMENT lm_bf16
#define DOTS_OPERAND vec_pairs
#define DOTS_LOAD(x) vec_pairs_load((const lm_bf16_pair *)(const void *)(x))
#define DOTS_FMA(x, w, s)                           \
    vec_fma(vec_pairs_first(x), vec_pairs_first(w), \
            vec_fma(vec_pairs_second(x), vec_pairs_second(w), s))
#include "kernels/v16/dots.inc"

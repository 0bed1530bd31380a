/* gemm_bf16 where there is no dot product of pairs: each pair is split into two fp32 vectors (a
 * bf16 with zeros below it is the same number in fp32) and makes two multiply-adds, the second
 * first. */
#include "kernels/v16/isa.h"

#include ISA_FILE(vec.h)

typedef struct split {
    vec first, second;
} split;

static inline split split_pairs(vec_pairs x) {
    return (split){vec_pairs_first(x), vec_pairs_second(x)};
}
static inline vec split_fma(split a, split b, vec c) {
    return vec_fma(a.first, b.first, vec_fma(a.second, b.second, c));
}

#define GEMM_KERNEL          ISA(gemm_bf16)
#define GEMM_MR              GEMM_BF16_MR
#define GEMM_NR              GEMM_BF16_NR
#define GEMM_ELEMENT         lm_bf16_pair
#define GEMM_OPERAND         split
#define GEMM_LOAD(x)         split_pairs(vec_pairs_load(x))
#define GEMM_LOAD_MASK(x, k) split_pairs(vec_pairs_load_mask(x, k))
#define GEMM_BROADCAST(x)    split_pairs(vec_pairs_broadcast(x))
#define GEMM_FMA(a, b, c)    split_fma(a, b, c)
#include "kernels/v16/gemm.inc"

/* Without that instruction, pairs are no faster than fp32. */
double ISA(peak_bf16)(int64_t iterations) {
    return ISA(peak_f32)(iterations);
}

/* Arrays of fp32 or bf16: operands of matrix products, and what is kept for backward.
 *
 * At LM_BF16, an array that only matrix products read is kept as bf16: that takes half the memory,
 * and the products would round it to the same bits anyway. The functions read and write an array as
 * its type says. */
#ifndef LM_OPS_ARRAY_H
#define LM_OPS_ARRAY_H

#include "ops/compute.h"

typedef struct lm_array {
    void *at; /* NULL: none */
    lm_precision type;
} lm_array;

static inline lm_array lm_array_f32(const float *x) {
    return (lm_array){(void *)x, LM_FP32};
}
static inline lm_array lm_array_bf16(const lm_bf16 *x) {
    return (lm_array){(void *)x, LM_BF16};
}
static inline size_t lm_array_element_bytes(lm_precision type) {
    return type == LM_BF16 ? sizeof(lm_bf16) : sizeof(float);
}

/* x [count] as matrix products read it at the precision of `compute`: x itself, or at LM_BF16
 * `room`, overwritten with x rounded. */
lm_array lm_array_operand(const lm_compute *compute, int64_t count, const float *x, lm_array room);

/* n elements of x as floats: x itself, or if it is bf16 `room` [n], overwritten with x widened. */
const float *lm_array_widen(const lm_kernels *kernels, int64_t n, lm_array x, float *room);
/* y [n] overwritten = x, rounded if y is bf16. y may be x: then nothing happens. */
void lm_array_store(const lm_kernels *kernels, int64_t n, const float *x, lm_array y);
/* Where to compute elements of y as floats: in y itself, or if y is bf16 in `room`, from where
 * lm_array_store rounds them. */
static inline float *lm_array_target(lm_array y, float *room) {
    return y.type == LM_BF16 ? room : y.at;
}

/* x from element i on. */
static inline lm_array lm_array_from(lm_array x, int64_t i) {
    if (x.at) x.at = (char *)x.at + i * (int64_t)lm_array_element_bytes(x.type);
    return x;
}

#endif

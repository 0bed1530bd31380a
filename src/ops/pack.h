/* Panels that products read, from operands of either type: which kernel packs them. */
#ifndef LM_OPS_PACK_H
#define LM_OPS_PACK_H

#include "kernels/kernels.h"
#include "ops/array.h"

/* What a product reads along its k: an fp32 number; a pair of bf16; or such a pair as two floats,
 * where pairs are wide (kernels.h). */
typedef enum lm_element { LM_ELEMENT_FLOAT, LM_ELEMENT_PAIR, LM_ELEMENT_WIDE } lm_element;

static inline lm_element lm_element_of(const lm_kernels *kernels, lm_precision product) {
    if (product == LM_FP32) return LM_ELEMENT_FLOAT;
    return kernels->pairs_are_wide ? LM_ELEMENT_WIDE : LM_ELEMENT_PAIR;
}

/* One panel of `width` lines, of which there are `count`, k numbers each: number kk of line i is
 * x[i*line + kk*step]. out as the kernels' pack_f32, pack_bf16_from_* and pack_wide_from_* say.
 * Floats are packed from fp32 alone; *out does not overlap x. Any thread. */
void lm_pack_panel(const lm_kernels *kernels, lm_element element, int64_t count, int64_t width,
                   int64_t k, lm_array x, int64_t line, int64_t step, void *out);

#endif

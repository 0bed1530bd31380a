#include "ops/pack.h"

#include "base/error.h"

void lm_pack_panel(const lm_kernels *kernels, lm_element element, int64_t count, int64_t width,
                   int64_t k, lm_array x, int64_t line, int64_t step, void *out) {
    const bool from_bf16 = x.type == LM_BF16;
    if (element == LM_ELEMENT_WIDE && from_bf16)
        kernels->pack_wide_from_bf16(count, width, k, x.at, line, step, out);
    else if (element == LM_ELEMENT_WIDE)
        kernels->pack_wide_from_f32(count, width, k, x.at, line, step, out);
    else if (element == LM_ELEMENT_PAIR && from_bf16)
        kernels->pack_bf16_from_bf16(count, width, k, x.at, line, step, out);
    else if (element == LM_ELEMENT_PAIR)
        kernels->pack_bf16_from_f32(count, width, k, x.at, line, step, out);
    else {
        LM_ASSERT(!from_bf16);
        kernels->pack_f32(count, width, k, x.at, line, step, out);
    }
}

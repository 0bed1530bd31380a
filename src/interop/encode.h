/* Numbers as files hold them, out of fp32. */
#ifndef LM_INTEROP_ENCODE_H
#define LM_INTEROP_ENCODE_H

#include <stdint.h>

#include "containers/tensors.h"

/* The types that models are exported in: lm_interop_dtype_name(0) is "f32", then bf16, f16, q8_0;
 * NULL past the end. */
const char *lm_interop_dtype_name(int dtype);
lm_element lm_interop_dtype_element(int dtype);

/* x [n] as elements of this type, of those above: out is overwritten (lm_element_bytes of n). F16
 * and BF16 are rounded to the nearest, ties to even. Q8_0, n a multiple of 32: of each block of 32
 * the scale d = max |x| / 127, stored as F16, and round(x / d), halves away from zero, as ggml does
 * it (quantize_row_q8_0_ref). Returns the index of the first number that does not fit (its F16
 * would be infinite), -1: all do. */
int64_t lm_interop_encode(lm_element element, const float *x, int64_t n, void *out);

#endif

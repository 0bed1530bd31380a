/* Elements of files as fp32: the way back of encode.h. */
#ifndef LM_INTEROP_DECODE_H
#define LM_INTEROP_DECODE_H

#include <stdbool.h>
#include <stdint.h>

#include "containers/tensors.h"

/* Does lm_interop_decode know the type (lm_element)? */
bool lm_interop_decodes(int element);

/* x [n] = elements of this type at `in` (lm_element_bytes of n), n whole blocks. F32, F16 and BF16
 * keep every bit. A block of 32 with the F16 scale d, and m of Q4_1, q unsigned of 4 bits but for
 * Q8_0, whose q is signed of 8:
 *     Q8_0   x = d q          Q4_0   x = d (q - 8)          Q4_1   x = d q + m
 * in fp32, each operation rounded, as the Python package gguf does (quants.py). In both 4-bit types
 * byte i of 16 holds q[i] in its low half and q[i + 16] in its high one. */
void lm_interop_decode(int element, const void *in, int64_t n, float *x);

#endif

#include "interop/decode.h"

#include <string.h>

#include "base/bytes.h"
#include "base/f16.h"

enum { BLOCK = 32, HALF = BLOCK / 2 };

bool lm_interop_decodes(int element) {
    return element == LM_ELEMENT_F32 || element == LM_ELEMENT_F16 || element == LM_ELEMENT_BF16 ||
           element == LM_ELEMENT_Q8_0 || element == LM_ELEMENT_Q4_0 || element == LM_ELEMENT_Q4_1;
}

/* The 16 possible values of a block, rounded as they are computed, so that the rest is looking
 * up. */
static void decode_nibbles(const float values[16], const unsigned char *bytes, float *x) {
    for (int i = 0; i < HALF; i++) {
        x[i] = values[bytes[i] & 15];
        x[i + HALF] = values[bytes[i] >> 4];
    }
}

static void decode_q4_0(const unsigned char *in, int64_t blocks, float *x) {
    for (; blocks > 0; blocks--, in += 2 + HALF, x += BLOCK) {
        float values[16], d = lm_f16_to_f32(lm_read_u16(in));
        for (int q = 0; q < 16; q++) values[q] = d * (float)(q - 8);
        decode_nibbles(values, in + 2, x);
    }
}

static void decode_q4_1(const unsigned char *in, int64_t blocks, float *x) {
    for (; blocks > 0; blocks--, in += 4 + HALF, x += BLOCK) {
        float values[16], d = lm_f16_to_f32(lm_read_u16(in)),
                          m = lm_f16_to_f32(lm_read_u16(in + 2));
        for (int q = 0; q < 16; q++) values[q] = d * (float)q + m;
        decode_nibbles(values, in + 4, x);
    }
}

static void decode_q8_0(const unsigned char *in, int64_t blocks, float *x) {
    for (; blocks > 0; blocks--, in += 2 + BLOCK, x += BLOCK) {
        float d = lm_f16_to_f32(lm_read_u16(in));
        for (int i = 0; i < BLOCK; i++) x[i] = d * (float)(int8_t)in[2 + i];
    }
}

static void decode_bf16(const unsigned char *in, int64_t n, float *x) {
    for (int64_t i = 0; i < n; i++) { /* bits, so that denormals and NaN stay what they are */
        uint32_t bits = (uint32_t)lm_read_u16(in + 2 * i) << 16;
        memcpy(&x[i], &bits, sizeof bits);
    }
}

void lm_interop_decode(int element, const void *in, int64_t n, float *x) {
    const unsigned char *bytes = in;
    switch (element) {
    case LM_ELEMENT_F32:
        memcpy(x, in, (size_t)n * sizeof *x);
        break;
    case LM_ELEMENT_F16:
        for (int64_t i = 0; i < n; i++) x[i] = lm_f16_to_f32(lm_read_u16(bytes + 2 * i));
        break;
    case LM_ELEMENT_BF16:
        decode_bf16(bytes, n, x);
        break;
    case LM_ELEMENT_Q8_0:
        decode_q8_0(bytes, n / BLOCK, x);
        break;
    case LM_ELEMENT_Q4_0:
        decode_q4_0(bytes, n / BLOCK, x);
        break;
    case LM_ELEMENT_Q4_1:
        decode_q4_1(bytes, n / BLOCK, x);
        break;
    default:
        LM_ASSERT(false); /* an element that lm_interop_decodes does not know */
    }
}

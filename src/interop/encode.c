#include "interop/encode.h"

#include <math.h>
#include <string.h>

#include "base/bf16.h"
#include "base/bytes.h"
#include "base/f16.h"

static const struct {
    const char *name;
    lm_element element;
} dtypes[] = {{"f32", LM_ELEMENT_F32},
              {"bf16", LM_ELEMENT_BF16},
              {"f16", LM_ELEMENT_F16},
              {"q8_0", LM_ELEMENT_Q8_0}};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

const char *lm_interop_dtype_name(int dtype) {
    return dtype >= 0 && dtype < DTYPES ? dtypes[dtype].name : NULL;
}

lm_element lm_interop_dtype_element(int dtype) {
    LM_ASSERT(dtype >= 0 && dtype < DTYPES);
    return dtypes[dtype].element;
}

enum { BLOCK = 32, BLOCK_BYTES = 2 + BLOCK };

static bool encode_block(const float *x, unsigned char *out) {
    float most = 0;
    for (int i = 0; i < BLOCK; i++) most = fmaxf(most, fabsf(x[i]));
    float scale = most / 127, inverse = scale != 0 ? 1 / scale : 0;
    lm_f16 half = lm_f16_from_f32(scale);
    lm_write_u16(out, half);
    for (int i = 0; i < BLOCK; i++) out[2 + i] = (unsigned char)(int8_t)roundf(x[i] * inverse);
    return isfinite(lm_f16_to_f32(half));
}

static int64_t encode_blocks(const float *x, int64_t n, unsigned char *out) {
    int64_t bad = -1;
    LM_ASSERT(n % BLOCK == 0);
    for (int64_t i = 0; i < n; i += BLOCK, out += BLOCK_BYTES)
        if (!encode_block(x + i, out) && bad < 0) bad = i;
    return bad;
}

static int64_t encode_f16(const float *x, int64_t n, unsigned char *out) {
    int64_t bad = -1;
    for (int64_t i = 0; i < n; i++) {
        lm_f16 half = lm_f16_from_f32(x[i]);
        lm_write_u16(out + 2 * i, half);
        if ((half & 0x7c00u) == 0x7c00u && bad < 0) bad = i;
    }
    return bad;
}

int64_t lm_interop_encode(lm_element element, const float *x, int64_t n, void *out) {
    unsigned char *bytes = out;
    if (element == LM_ELEMENT_Q8_0) return encode_blocks(x, n, bytes);
    if (element == LM_ELEMENT_F16) return encode_f16(x, n, bytes);
    if (element == LM_ELEMENT_BF16) {
        for (int64_t i = 0; i < n; i++) lm_write_u16(bytes + 2 * i, lm_bf16_from_f32(x[i]));
    } else {
        LM_ASSERT(element == LM_ELEMENT_F32);
        memcpy(out, x, (size_t)n * sizeof *x); /* both byte orders this runs on are little-endian */
    }
    return -1;
}

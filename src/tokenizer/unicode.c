#include "tokenizer/unicode.h"

#include "base/text.h"
#include "tokenizer/unicode.inc"

const char lm_unicode_version[] = LM_UNICODE_VERSION;

#define S LM_SYMBOL
#define U LM_UPPER
#define L LM_LOWER
#define N LM_NUMBER
#define W LM_SPACE
/* clang-format off */
const unsigned char lm_ascii_class[256] = {
    S, S, S, S, S, S, S, S, S, W, W, W, W, W, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S,
    W, S, S, S, S, S, S, S, S, S, S, S, S, S, S, S, N, N, N, N, N, N, N, N, N, N, S, S, S, S, S, S,
    S, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, U, S, S, S, S, S,
    S, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L, S, S, S, S, S,
};
/* clang-format on */

uint32_t lm_unicode_code(const unsigned char *s, size_t n) {
    if (n == 1) return s[0];
    if (n == 2) return (s[0] & 0x1Fu) << 6 | (s[1] & 0x3Fu);
    if (n == 3) return (s[0] & 0x0Fu) << 12 | (s[1] & 0x3Fu) << 6 | (s[2] & 0x3Fu);
    return (s[0] & 0x07u) << 18 | (s[1] & 0x3Fu) << 12 | (s[2] & 0x3Fu) << 6 | (s[3] & 0x3Fu);
}

size_t lm_unicode_print(uint32_t code, char *text) {
    size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned char first[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n; i-- > 1; code >>= 6) text[i] = (char)(0x80 | (code & 0x3F));
    text[0] = (char)(first[n] | code);
    return n;
}

static unsigned class_of(unsigned code) {
    return class_in_block[block_of[code / UNICODE_BLOCK]][code % UNICODE_BLOCK];
}

unsigned lm_unicode_class(const unsigned char *text, size_t size, size_t at, size_t *length) {
    const unsigned char *s = text + at;
    *length = 1;
    if (s[0] < 0x80) return lm_ascii_class[s[0]];
    size_t n = lm_text_utf8_length((const char *)s, size - at);
    if (n == 0) return LM_SYMBOL;
    *length = n;
    return class_of(lm_unicode_code(s, n));
}

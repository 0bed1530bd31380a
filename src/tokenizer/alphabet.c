#include "tokenizer/alphabet.h"

static bool prints(unsigned byte) {
    return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

/* The bytes that do not print, ascending, lie in three ranges. */
static unsigned code_of(unsigned byte) {
    if (prints(byte)) return byte;
    if (byte <= 0x20) return 0x100 + byte;
    if (byte <= 0xA0) return 0x121 + (byte - 0x7F);
    return 0x143; /* 0xAD */
}

/* -1: no byte has this character. */
static int byte_of(unsigned code) {
    if (code < 0x100) return prints(code) ? (int)code : -1;
    if (code <= 0x120) return (int)(code - 0x100);
    if (code <= 0x142) return (int)(code - 0x121 + 0x7F);
    return code == 0x143 ? 0xAD : -1;
}

void lm_alphabet_print(const void *bytes, size_t size, lm_text *out) {
    const unsigned char *p = bytes;
    for (size_t i = 0; i < size; i++) {
        unsigned code = code_of(p[i]);
        char two[2] = {(char)(0xC0 | code >> 6), (char)(0x80 | (code & 0x3F))};
        char one = (char)code;
        lm_text_append(out, code < 0x80 ? &one : two, code < 0x80 ? 1 : 2);
    }
}

bool lm_alphabet_parse(const char *text, size_t size, lm_text *out) {
    const unsigned char *p = (const unsigned char *)text;
    size_t before = out->length;
    for (size_t i = 0; i < size;) {
        int byte = -1;
        if (p[i] < 0x80) {
            byte = byte_of(p[i++]);
        } else if (size - i >= 2 && (p[i] & 0xE0) == 0xC0) {
            byte = byte_of((p[i] & 0x1Fu) << 6 | (p[i + 1] & 0x3Fu));
            i += 2;
        }
        if (byte < 0) {
            out->length = before;
            return false;
        }
        char c = (char)byte;
        lm_text_append(out, &c, 1);
    }
    return true;
}

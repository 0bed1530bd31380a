/* Classes of code points, from one generated table, so that a split of text is the same with every
 * library and on every machine. The version of Unicode is lm_unicode_version. */
#ifndef LM_TOKENIZER_UNICODE_H
#define LM_TOKENIZER_UNICODE_H

#include <stddef.h>
#include <stdint.h>

/* One bit per class; every code point has just one. The general categories of each in brackets. */
enum {
    LM_UPPER = 1,   /* [Lu Lt] */
    LM_LOWER = 2,   /* [Ll] */
    LM_LETTER = 4,  /* other letters [Lm Lo] */
    LM_MARK = 8,    /* [M] */
    LM_NUMBER = 16, /* [N] */
    LM_SPACE = 32,  /* the property White_Space */
    LM_SYMBOL = 64, /* everything else, unassigned code points and stray bytes included */

    LM_LETTERS = LM_UPPER | LM_LOWER | LM_LETTER, /* \p{L} */
    LM_OTHERS = LM_MARK | LM_SYMBOL,              /* [^\s\p{L}\p{N}] */
    LM_UPPERS = LM_UPPER | LM_LETTER | LM_MARK,   /* [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] */
    LM_LOWERS = LM_LOWER | LM_LETTER | LM_MARK,   /* [\p{Ll}\p{Lm}\p{Lo}\p{M}] */
};

extern const char lm_unicode_version[];

/* Classes of the bytes below 0x80; 0 for the rest, which lm_unicode_class decodes. */
extern const unsigned char lm_ascii_class[256];

/* Class of the character at text[at], at < size; *length receives its bytes. A byte that begins no
 * valid UTF-8 sequence is a character of its own: LM_SYMBOL, one byte. */
unsigned lm_unicode_class(const unsigned char *text, size_t size, size_t at, size_t *length);

/* The code point of a well-formed UTF-8 sequence of n bytes (lm_text_utf8_length). */
uint32_t lm_unicode_code(const unsigned char *text, size_t n);
/* The UTF-8 of a code point: overwrites up to 4 bytes, returns their number. */
size_t lm_unicode_print(uint32_t code, char *text);

#endif

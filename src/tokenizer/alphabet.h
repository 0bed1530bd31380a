/* GPT-2's printable alphabet: in files a token's bytes stand as one character each. Bytes that
 * print (0x21-0x7E, 0xA1-0xAC, 0xAE-0xFF) are the character of that code, the other 68, ascending,
 * are U+0100, U+0101, ... (a space is U+0120). */
#ifndef LM_TOKENIZER_ALPHABET_H
#define LM_TOKENIZER_ALPHABET_H

#include "base/text.h"

/* Appends the characters of bytes. */
void lm_alphabet_print(const void *bytes, size_t size, lm_text *out);
/* Appends the bytes of characters; false, and out as it was, when a character is not of the
 * alphabet. */
bool lm_alphabet_parse(const char *text, size_t size, lm_text *out);

#endif

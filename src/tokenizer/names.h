/* Inside the room: what tokens are called in files, and the text that the names stand for. */
#ifndef LM_TOKENIZER_NAMES_H
#define LM_TOKENIZER_NAMES_H

#include "tokenizer/vocabulary.h"

/* What SentencePiece has for a space: U+2581. */
#define LM_NAME_SPACE "\u2581"

/* Appends the name of a token of these bytes: in GPT-2's printable alphabet (LM_FORM_BYTES), with
 * U+2581 for spaces (LM_FORM_SENTENCE), or as they are. */
void lm_name_print(lm_vocabulary_form form, const void *bytes, size_t size, lm_text *out);
/* Appends the bytes that a name stands for; false, and out as it was, when no text becomes a token
 * of this name: it has characters outside of the alphabet, or spaces. */
bool lm_name_parse(lm_vocabulary_form form, const char *name, size_t size, lm_text *out);
/* Of "<0x0A>", the byte; -1: it is no such name. */
int lm_name_byte(const char *name, size_t size);

/* Appends the name of a token. */
void lm_vocabulary_name(const lm_vocabulary *v, int64_t id, lm_text *out);

#endif

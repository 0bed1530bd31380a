/* Inside the room: the characters of a tokenizer of kind chars. */
#ifndef LM_TOKENIZER_CHARS_H
#define LM_TOKENIZER_CHARS_H

#include "tokenizer/tokenizer.h"
#include "tokenizer/vocabulary.h"

typedef struct lm_chars lm_chars;
/* LM_ERR_USAGE when a token that is not hidden is no character, or two are the same. */
lm_status lm_chars_create(lm_chars **c, const lm_vocabulary *v, lm_error *err);
void lm_chars_free(lm_chars *c); /* NULL is fine */

/* Appends an id for each character. LM_ERR_USAGE, naming the first one that is no token and the
 * text around it. Threads may share c. */
lm_status lm_chars_encode(const lm_chars *c, const unsigned char *text, size_t size,
                          lm_token_list *tokens, lm_error *err);

#endif

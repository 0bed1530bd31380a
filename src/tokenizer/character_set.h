/* The characters of a text, which become a tokenizer of kind chars: an id each, in rising order of
 * code points, as nanoGPT numbers them.
 *
 *     lm_character_set *s;
 *     lm_character_set_create(&s, err);
 *     lm_character_set_put(s, text, size, err);  ...   // wherever the parts of a document end
 *     lm_character_set_finish(s, err);                 // the document is over
 *     lm_character_set_make(s, &tokenizer, err);
 *     lm_character_set_free(s);
 *
 * Bytes that are not UTF-8 are LM_ERR_USAGE, with their place in the document. */
#ifndef LM_TOKENIZER_CHARACTER_SET_H
#define LM_TOKENIZER_CHARACTER_SET_H

#include "tokenizer/tokenizer.h"

typedef struct lm_character_set lm_character_set;
lm_status lm_character_set_create(lm_character_set **s, lm_error *err);
lm_status lm_character_set_put(lm_character_set *s, const char *text, size_t size, lm_error *err);
lm_status lm_character_set_finish(lm_character_set *s, lm_error *err);
/* LM_ERR_USAGE when there was no character. */
lm_status lm_character_set_make(const lm_character_set *s, lm_tokenizer **t, lm_error *err);
void lm_character_set_free(lm_character_set *s); /* NULL is fine */

#endif

/* Text to token ids and back; each kind of tokenizer is a row in a registry. */
#ifndef LM_TOKENIZER_TOKENIZER_H
#define LM_TOKENIZER_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"

const char *lm_tokenizer_name(int kind); /* "bytes"; NULL past the end */

typedef struct lm_tokenizer lm_tokenizer;
/* By name, or (for kinds that have one) by the path of a vocabulary file. Unknown names get a
 * suggestion. */
lm_status lm_tokenizer_open(lm_tokenizer **t, const char *name, lm_error *err);
void lm_tokenizer_close(lm_tokenizer *t);
int64_t lm_tokenizer_vocab_size(const lm_tokenizer *t);
const char *lm_tokenizer_kind(const lm_tokenizer *t);
/* Bytes of text one token stands for on average when that is known beforehand (1 for bytes), else
 * 0: bits per byte are reported where it is not 0. */
double lm_tokenizer_bytes_per_token(const lm_tokenizer *t);
/* Appends the ids of text to *ids (realloc'd; *count elements in use, *capacity allocated). */
lm_status lm_tokenizer_encode(const lm_tokenizer *t, const char *text, size_t size, int32_t **ids,
                              int64_t *count, int64_t *capacity, lm_error *err);
/* Appends the bytes of one token; an id outside the vocabulary appends nothing. */
void lm_tokenizer_decode(const lm_tokenizer *t, int32_t id, lm_text *out);

#endif

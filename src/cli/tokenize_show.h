/* What `lmtrain tokenize` says of a tokenizer without writing a corpus. */
#ifndef LM_CLI_TOKENIZE_SHOW_H
#define LM_CLI_TOKENIZE_SHOW_H

#include "tokenizer/tokenizer.h"

/* Appends a line per piece of the text, its tokens and their ids, then their numbers. */
lm_status lm_tokenize_inspect(const lm_tokenizer *t, const char *text, lm_text *out, lm_error *err);
/* Appends the text of ids, decimal numbers between white space or commas. "-": standard input. */
lm_status lm_tokenize_decode(const lm_tokenizer *t, const char *ids, lm_text *out, lm_error *err);

#endif

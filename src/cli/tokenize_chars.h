/* lmtrain tokenize --tokenizer chars: a tokenizer out of the characters of a text. */
#ifndef LM_CLI_TOKENIZE_CHARS_H
#define LM_CLI_TOKENIZE_CHARS_H

#include "cli/tokenize_input.h"
#include "tokenizer/tokenizer.h"

#define LM_TOKENIZER_CHARS "chars"

/* The characters of all documents, those that are held out too: a character that training has not
 * seen would have no id. LM_ERR_USAGE for standard input, which is read once; `output` as for
 * lm_tokenize_input_open. */
lm_status lm_tokenize_characters(const lm_tokenize_input *input, const char *output,
                                 lm_tokenizer **t, lm_error *err);

#endif

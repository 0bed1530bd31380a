/* Token ids as people write them: decimal numbers between white space or commas. */
#ifndef LM_CLI_TOKEN_IDS_H
#define LM_CLI_TOKEN_IDS_H

#include "tokenizer/tokenizer.h"

/* Appends the ids in `text`; "-": those on standard input. LM_ERR_USAGE, which begins with the name
 * of the option, for what is no number from 0 to vocab - 1. */
lm_status lm_token_ids_read(const char *option, const char *text, int64_t vocab, lm_token_list *ids,
                            lm_error *err);

#endif

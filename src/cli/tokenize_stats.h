/* `lmtrain tokenize --stats`: how well a tokenizer fits a text. */
#ifndef LM_CLI_TOKENIZE_STATS_H
#define LM_CLI_TOKENIZE_STATS_H

#include "cli/tokenize_input.h"
#include "tokenizer/tokenizer.h"

/* Appends bytes per token of the input and the share of ids that occur. threads 0: one per CPU. */
lm_status lm_tokenize_stats(const lm_tokenizer *t, const lm_tokenize_input *in, int threads,
                            lm_text *out, lm_error *err);

#endif

/* The files of a tokenizer beside the shards that `lmtrain tokenize` writes: tokenizer.json, and
 * the tokenizer_config.json that transformers.AutoTokenizer wants beside it. */
#ifndef LM_CLI_TOKENIZE_FILES_H
#define LM_CLI_TOKENIZE_FILES_H

#include "tokenizer/tokenizer.h"

#define LM_TOKENIZER_FILE "tokenizer.json"

/* Before a tokenizer is made: LM_ERR_USAGE when the directory has a tokenizer.json that is not
 * lmtrain's, which is never replaced. */
lm_status lm_tokenize_files_owned(const char *directory, lm_error *err);
/* `file`: the text of t's tokenizer.json. LM_ERR_USAGE when there is another tokenizer.json:
 * lmtrain's own is replaced with `force` alone, one of others never. */
lm_status lm_tokenize_files_check(const char *directory, const lm_text *file, bool force,
                                  lm_error *err);
/* Writes both. A tokenizer_config.json that somebody wrote or changed stays, which is said. */
lm_status lm_tokenize_files_write(const char *directory, const lm_tokenizer *t, const lm_text *file,
                                  lm_error *err);

#endif

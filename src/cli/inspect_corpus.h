/* What `lmtrain inspect` says of token shards, and the text that it decodes from them. */
#ifndef LM_CLI_INSPECT_CORPUS_H
#define LM_CLI_INSPECT_CORPUS_H

#include "base/error.h"
#include "base/text.h"

typedef struct lm_inspect_corpus {
    int64_t token_bytes;   /* lm_corpus_options */
    bool verify;           /* read everything */
    int64_t decode;        /* print the text of so many tokens instead; 0: do not */
    int64_t at;            /* from this token of the corpus on, counted through its shards */
    const char *tokenizer; /* by this one; NULL: that of the manifest */
} lm_inspect_corpus;

/* A shard, a directory of shards, a pattern: whatever data.train takes. Appends to *out; decoded
 * text is printed as it comes. */
lm_status lm_inspect_corpus_run(const lm_inspect_corpus *o, const char *path, lm_text *out,
                                lm_error *err);

#endif

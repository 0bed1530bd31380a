/* The tokenizer of a corpus. */
#ifndef LM_TRAIN_TOKENS_H
#define LM_TRAIN_TOKENS_H

#include "data/corpus.h"
#include "tokenizer/tokenizer.h"

/* Opens the tokenizer that is named, by its kind or its file, else the one of the corpus's
 * manifests, whose file lies beside the shards. *t NULL: neither says one. LM_ERR_USAGE when the
 * name does not agree with the manifests. In errors `named_by` is what gives the name
 * ("data.tokenizer") and `corpus_is` the corpus ("data.train"). c may be NULL: its manifests are
 * not known; named may be "". */
lm_status lm_tokens_open(lm_tokenizer **t, const lm_corpus *c, const char *named,
                         const char *named_by, const char *corpus_is, lm_error *err);

#endif

/* Inside the room: what llama.cpp calls splits of text (tokenizer.ggml.pre). */
#ifndef LM_TOKENIZER_GGUF_SPLITS_H
#define LM_TOKENIZER_GGUF_SPLITS_H

#include "tokenizer/vocabulary.h"

typedef struct lm_gguf_split {
    const char *pre;
    const char *split;       /* of ours (split.h); NULL: the patterns, one after the other */
    const char *patterns[6]; /* as in tokenizer.json; NULL ends them */
    bool whole_first;        /* a piece that is a token is that token, whatever the merges say */
    const char *differs; /* where llama.cpp's split is another for all that, for people; or NULL */
    bool begins; /* the begin token stands in front of texts where add_bos_token is not given */
} lm_gguf_split;

/* NULL: none of these names. */
const lm_gguf_split *lm_gguf_split_find(const char *pre, size_t size);
/* The one to write for a vocabulary of LM_FORM_BYTES whose pieces that are tokens must be looked up
 * first (`whole_first`), or must not, or either where that does not matter; NULL: there is none. */
const lm_gguf_split *lm_gguf_split_of(const lm_vocabulary *v, bool matters);

#endif

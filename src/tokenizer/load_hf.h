/* Inside the room: what the two files that read Hugging Face's tokenizer.json share. load_hf.c
 * reads the file, its tokens and merges; load_hf_text.c what happens to text before and around
 * them. What they do not know is refused by name, through lm_json_pull_wrong: loops end by
 * themselves then. */
#ifndef LM_TOKENIZER_LOAD_HF_H
#define LM_TOKENIZER_LOAD_HF_H

#include "containers/json_pull.h"
#include "tokenizer/load.h"

typedef struct lm_hf_loader {
    lm_vocabulary *v;
    const lm_tokenizer_file *file;
    lm_json_pull p;
    lm_error aside;     /* of the vocabulary: placed by lm_json_pull_wrong */
    lm_text left, part; /* scratch */
    bool digits, split_given, byte_level, use_regex;
    lm_text begins; /* the special token that the post-processor puts in front of a text */
} lm_hf_loader;

/* ---- values that must be what we do -----------------------------------------------------------*/

/* "WHAT, which lmtrain does not have". */
void lm_hf_refuse(lm_hf_loader *l, const char *what);
/* The string that comes next, for a choice by name; "" after an error. */
const char *lm_hf_take_string(lm_hf_loader *l);
/* Take a boolean that must be false. */
void lm_hf_want_false(lm_hf_loader *l, const char *what);
/* The value of a key that this reader does not know: null and false ask for nothing. */
void lm_hf_unknown(lm_hf_loader *l, const char *where);

/* ---- members of the file (load_hf_text.c) -----------------------------------------------------*/

void lm_hf_read_normalizer(lm_hf_loader *l);
/* Also chooses the split of the vocabulary. */
void lm_hf_read_pre_tokenizer(lm_hf_loader *l);
/* It may put one special token in front of a text: that begins documents, and is l->begins. */
void lm_hf_read_post_processor(lm_hf_loader *l);
void lm_hf_read_decoder(lm_hf_loader *l);

#endif

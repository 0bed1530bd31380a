/* Inside the room: what the files that read Hugging Face's tokenizer.json share. load_hf.c reads
 * the file, its tokens and merges by their names; load_hf_text.c what happens to text before and
 * around them; load_hf_form.c sees what all that together is. What they do not know is refused by
 * name, by the first two through lm_json_pull_wrong: loops end by themselves then. */
#ifndef LM_TOKENIZER_LOAD_HF_H
#define LM_TOKENIZER_LOAD_HF_H

#include "containers/json_pull.h"
#include "tokenizer/load.h"

/* One step of decoding. */
typedef enum lm_hf_decoder {
    LM_HF_BYTE_LEVEL,
    LM_HF_REPLACE,       /* U+2581 by a space */
    LM_HF_BYTE_FALLBACK, /* "<0x0A>" by its byte */
    LM_HF_FUSE,          /* tokens behind each other, with nothing between */
    LM_HF_STRIP,         /* one space at the start */
} lm_hf_decoder;
enum { LM_HF_MOST_DECODERS = 8 };

typedef struct lm_hf_loader {
    lm_vocabulary *v;
    lm_vocabulary named; /* tokens and merges by name */
    lm_vocabulary added; /* added tokens, likewise */
    const lm_tokenizer_file *file;
    lm_json_pull p;
    lm_error aside;     /* of the vocabulary: placed by lm_json_pull_wrong */
    lm_text left, part; /* scratch */
    bool byte_fallback;
    /* normalizer */
    bool prepend, replace; /* U+2581 in front of a text, and in place of each space */
    /* pre-tokenizer */
    bool byte_level, metaspace, each_space, split_spaces;
    lm_space_prefix prefix; /* of Metaspace */
    lm_hf_decoder decoders[LM_HF_MOST_DECODERS];
    int n_decoders;
    lm_text ranks;  /* uint32_t, of each token; empty: not given */
    lm_text begins; /* the special token that the post-processor puts in front of a text */
} lm_hf_loader;

/* ---- values that must be what we do -----------------------------------------------------------*/

/* "WHAT, which lmtrain does not have". */
void lm_hf_refuse(lm_hf_loader *l, const char *what);
/* The string that comes next, for a choice by name; "" after an error. */
const char *lm_hf_take_string(lm_hf_loader *l);
/* Is it LM_OK? An error of the vocabulary's, in l->aside, is put at the present place. */
bool lm_hf_accepted(lm_hf_loader *l, lm_status status);
/* The value of a key that this reader does not know: null and false ask for nothing. */
void lm_hf_unknown(lm_hf_loader *l, const char *where);

/* ---- members of the file (load_hf_text.c) -----------------------------------------------------*/

void lm_hf_read_normalizer(lm_hf_loader *l);
void lm_hf_read_pre_tokenizer(lm_hf_loader *l);
/* It may put one special token in front of a text: that begins documents, and is l->begins. */
void lm_hf_read_post_processor(lm_hf_loader *l);
void lm_hf_read_decoder(lm_hf_loader *l);

/* ---- the whole (load_hf_form.c) ---------------------------------------------------------------*/

/* Fills l->v out of all that was read, but for the document token. */
lm_status lm_hf_interpret(lm_hf_loader *l, lm_error *err);

#endif

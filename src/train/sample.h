/* A text that the model writes while it is trained (log.sample_every). It changes no bit of the
 * training: it draws by a seed and counters of its own, and only reads the weights. */
#ifndef LM_TRAIN_SAMPLE_H
#define LM_TRAIN_SAMPLE_H

#include "model/generate.h"
#include "saved/saved.h"
#include "tokenizer/tokenizer.h"

typedef struct lm_sampling {
    lm_token_list prompt;
    int64_t tokens; /* to generate, at most */
    int32_t end;    /* the token that ends a text, or begins another; -1: none */
    int32_t begin;  /* likewise */
    bool starts;    /* the prompt has no text: what is generated is the text's beginning */
    uint64_t seed;
    lm_text text; /* the latest */
    int64_t step; /* when it was written; 0: never */
    bool told;    /* the user heard that there can be none */
} lm_sampling;

/* Encodes the prompt. LM_ERR_USAGE when the tokenizer of the run is not known (NULL), or when the
 * prompt is empty and no token begins a document. */
lm_status lm_sampling_open(lm_sampling *s, const lm_config *config, const lm_run_state *state,
                           const lm_tokenizer *t, lm_error *err);
/* s->text: overwritten with at most s->tokens tokens of text at temperature 0.8. Allocates a
 * decoder of one sequence, and frees it. */
lm_status lm_sampling_write(lm_sampling *s, lm_model *model, const lm_tokenizer *t, int64_t step,
                            lm_error *err);
void lm_sampling_close(lm_sampling *s); /* zero-initialised or twice is fine */

#endif

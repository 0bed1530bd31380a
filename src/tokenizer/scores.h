/* Inside the room: SentencePiece's vocabularies of pieces with scores, of which the highest is
 * merged first (llama2.c's tokenizer.bin, GGUF's model "llama"). */
#ifndef LM_TOKENIZER_SCORES_H
#define LM_TOKENIZER_SCORES_H

#include "tokenizer/vocabulary.h"

/* Ranks by the scores [v->n_tokens] of tokens, equal ones for equal scores; none when they are in
 * the order of ids. LM_ERR_USAGE for a score that is not a number. */
lm_status lm_vocabulary_set_scores(lm_vocabulary *v, const float *scores, lm_error *err);

#endif

/* `lmtrain eval --choices`: how often a model finds the right answer of several the likeliest. */
#ifndef LM_CLI_EVAL_CHOICES_H
#define LM_CLI_EVAL_CHOICES_H

#include "model/model.h"
#include "text/choices.h"
#include "tokenizer/tokenizer.h"

typedef struct lm_eval_choices {
    lm_model *model;
    const lm_tokenizer *tokenizer;
    lm_pool *pool;
    int32_t begin;    /* the token in front of a context; -1: none */
    const char *join; /* between context and choice; NULL: a space where neither has white space */
    lm_text *each;    /* NULL, or appended to: a JSON object a line for each question */
} lm_eval_choices;

/* How choices are compared: by log p of their tokens given the context, by that per byte of the
 * choice, or per token. */
typedef enum lm_choices_score {
    LM_CHOICES_PLAIN,
    LM_CHOICES_BYTES,
    LM_CHOICES_TOKENS,
    LM_CHOICES_SCORES
} lm_choices_score;

typedef struct lm_eval_choices_result {
    int64_t items, choices, tokens; /* tokens: that were predicted */
    int64_t right[LM_CHOICES_SCORES];
    double chance; /* the share that guessing finds */
    int64_t cut;   /* questions whose context was cut on the left to fit the model's */
} lm_eval_choices_result;

/* A choice begins with the first token that encoding context and choice together does not share
 * with encoding the context alone, without the white space at its end. What the choices of a
 * question share is computed once. LM_ERR_USAGE when a choice alone does not fit the context. */
lm_status lm_eval_choices_run(const lm_eval_choices *e, const lm_choices *choices,
                              lm_eval_choices_result *result, lm_error *err);

#endif

/* The mean loss of a model over a corpus: validation while training, and `lmtrain eval`. */
#ifndef LM_TRAIN_EVALUATE_H
#define LM_TRAIN_EVALUATE_H

#include "data/sampler.h"
#include "model/model.h"

typedef struct lm_evaluation {
    lm_model *model;
    const lm_sampler *sampler; /* its context_length is the windows' */
    int64_t batch;             /* windows at a time: at most the model's */
    int64_t max_tokens;        /* 0: all windows; else the least number of windows that reaches it,
                                  spread evenly: the same ones every time */
    int32_t *tokens;           /* workspace [batch * (context_length + 1)] */
} lm_evaluation;

/* Nats a token, each predicted from the tokens before it in its window; *evaluated receives their
 * number (may be NULL). stop(), asked between batches, may end it early: NaN is returned then.
 * The sum runs in window order, in double: the same bits for any number of threads, but not for
 * another batch. */
double lm_evaluate(const lm_evaluation *e, int (*stop)(void), int64_t *evaluated);

#endif

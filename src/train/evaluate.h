/* The mean loss of a model over a corpus: validation while training, and `lmtrain eval`. */
#ifndef LM_TRAIN_EVALUATE_H
#define LM_TRAIN_EVALUATE_H

#include "data/sampler.h"
#include "model/model.h"

typedef struct lm_evaluation {
    lm_model *model;
    const lm_sampler *sampler; /* its context_length is the windows' */
    int64_t batch;             /* windows at a time: at most the model's */
    int64_t max_tokens;        /* 0: all windows; else the fewest windows that hold so many tokens,
                                  spread evenly: the same ones every time */
    int32_t *tokens;           /* workspace [batch * (context_length + 1)] */
} lm_evaluation;

/* The mean loss in nats per token; each token is predicted from those before it in its window.
 * *evaluated receives the number of tokens (may be NULL). stop() is asked before each batch; when
 * it returns non-zero the evaluation ends, returns NaN and leaves *evaluated alone. The sum runs in
 * window order, in double: the same bits for any number of threads, but not for another batch. */
double lm_evaluate(const lm_evaluation *e, int (*stop)(void), int64_t *evaluated);

#endif

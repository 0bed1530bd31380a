/* The mean loss of a model over a corpus: validation while training, and `lmtrain eval`. */
#ifndef LM_TRAIN_EVALUATE_H
#define LM_TRAIN_EVALUATE_H

#include "data/sampler.h"
#include "model/abreast.h"
#include "tokenizer/tokenizer.h"
#include "train/ranks.h"

typedef struct lm_evaluation {
    lm_model *model;
    const lm_sampler *sampler; /* its context_length is the windows' */
    lm_abreast *abreast; /* the model and others, which share the windows; NULL: the model alone.
                            Where they are several, `each` is NULL */
    int64_t batch;       /* windows at a time: at most the model's, for each of those abreast */
    int64_t max_tokens;  /* 0: all windows; else the fewest windows that hold so many tokens,
                                  spread evenly: the same ones every time */
    int32_t *tokens;     /* workspace [abreast * batch * (context_length + 1)] */
    /* Is given the tokens [batch, time + 1] and losses [batch, time] of each batch; NULL: nobody */
    void (*each)(void *to, const int32_t *tokens, const float *losses, int64_t batch, int64_t time);
    void *to;
    lm_ranks *ranks; /* that share the windows, and all come to the same; NULL: this process alone.
                        With several, `each` and `stop` are not called: what was asked of any rank
                        stops all */
} lm_evaluation;

/* *loss receives the mean loss in nats per token; each token is predicted from those before it in
 * its window. *evaluated receives the number of tokens. stop() is asked before each batch (NULL:
 * never); when it returns non-zero the evaluation ends, with *evaluated 0 and *loss NaN, and so
 * does a window that cannot be read: lm_corpus_read's errors. The sum runs window by
 * window, in double: the same bits for any number of threads and any batch. */
lm_status lm_evaluate(const lm_evaluation *e, int (*stop)(void), double *loss, int64_t *evaluated,
                      lm_error *err);

/* Bytes of text per token of those that lm_evaluate predicts. */
lm_status lm_evaluation_bytes(const lm_sampler *sampler, int64_t max_tokens, const lm_tokenizer *t,
                              double *bytes_per_token, lm_error *err);

#endif

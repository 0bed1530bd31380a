/* `lmtrain eval --text`: the loss on text itself, by the checkpoint's tokenizer. */
#ifndef LM_CLI_EVAL_TEXT_H
#define LM_CLI_EVAL_TEXT_H

#include "cli/token_losses.h"
#include "cli/tokenize_input.h"
#include "model/model.h"
#include "tokenizer/tokenizer.h"

typedef struct lm_eval_text {
    /* Makes the model for `batch` windows of `time` tokens, which is freed here. It is called once,
     * when it is known how much of them the text fills. */
    lm_status (*make)(void *to, int64_t batch, int64_t time, lm_model **model, lm_error *err);
    void *to;
    const lm_tokenizer *tokenizer;
    lm_pool *pool;
    int64_t vocab;           /* the model's */
    int64_t batch, time;     /* windows at a time, and tokens of one, at most */
    int64_t max_tokens;      /* about so many, from the beginning on; 0: all */
    lm_token_losses *losses; /* NULL: nobody asked for them */
} lm_eval_text;

typedef struct lm_eval_text_result {
    double loss;    /* nats, of all tokens together */
    int64_t tokens; /* that were predicted */
    int64_t bytes;  /* of text that they stand for */
    int64_t documents;
} lm_eval_text_result;

/* Documents stand behind each other as `lmtrain tokenize` puts them, and are cut into windows of
 * `time` tokens as training cuts shards, but for the last window, which is as short as
 * it comes: each token but the first is predicted once. Appends to *passed what was passed over. */
lm_status lm_eval_text_run(const lm_eval_text *e, const lm_tokenize_input *input,
                           lm_eval_text_result *result, lm_text *passed, lm_error *err);

#endif

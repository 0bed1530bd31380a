/* `lmtrain eval --token-losses FILE`: the loss of every token, a JSON object per window:
 *
 *     {"ids": [83, 116, 97, 116], "losses": [2.0625, 0.5, 1.25]}
 *
 * losses[i], in nats, is that of ids[i + 1] after all ids before it. */
#ifndef LM_CLI_TOKEN_LOSSES_H
#define LM_CLI_TOKEN_LOSSES_H

#include "base/file.h"

typedef struct lm_token_losses {
    lm_file_writer file;
    lm_status status; /* of the first write that failed, which err describes */
    lm_error err;
} lm_token_losses;

lm_status lm_token_losses_open(lm_token_losses *l, const char *path, lm_error *err);
/* tokens [batch, time + 1], losses [batch, time]; of type lm_evaluation.each (train/evaluate.h). */
void lm_token_losses_add(void *token_losses, const int32_t *tokens, const float *losses,
                         int64_t batch, int64_t time);
/* Gives the file its name, or says what failed. */
lm_status lm_token_losses_commit(lm_token_losses *l, lm_error *err);
void lm_token_losses_close(lm_token_losses *l); /* zero-initialised or after commit is fine */

#endif

/* A first config for data at hand: sizes chosen by its amount, with the reasons as comments. */
#ifndef LM_CLI_STARTER_H
#define LM_CLI_STARTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"

typedef struct lm_starter_data {
    const char *train, *val; /* as the config names them; val NULL: none */
    int64_t train_tokens, val_tokens;
    int64_t longest_train, longest_val; /* tokens of the longest shard */
    const char *tokenizer;              /* NULL: not known */
    int64_t vocab_size;
    int64_t largest_id; /* where no manifest says the vocabulary; -1: one does */
} lm_starter_data;

/* Sizes that fit the data. */
typedef struct lm_starter {
    int64_t d_model, n_layers, n_heads, context_length, batch, steps;
    int64_t parameters;  /* about */
    int64_t step_tokens; /* of an update */
    int64_t total_tokens;
    double epochs, lr;
} lm_starter;

/* false: the longest shard holds no window of any length. */
bool lm_starter_choose(lm_starter *s, const lm_starter_data *d);
/* Appends the config's text: JSON with comments. */
void lm_starter_print(const lm_starter *s, const lm_starter_data *d, const char *path,
                      const char *run_dir, lm_text *out);

#endif

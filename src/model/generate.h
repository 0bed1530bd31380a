/* Generates text, one token at a time with a key/value cache.
 *
 *     lm_decoder *d;  lm_decoder_create(&d, model, err);
 *     logits = lm_decoder_feed(d, prompt, n);
 *     loop: token = lm_sample(...logits...); print; logits = lm_decoder_next(d, token);
 *     lm_decoder_free(d);
 *
 * When the cache holds context_length tokens, it starts over with the newest half of them, so that
 * generation can go on without end. */
#ifndef LM_MODEL_GENERATE_H
#define LM_MODEL_GENERATE_H

#include "model/model.h"

typedef struct lm_decoder lm_decoder;
lm_status lm_decoder_create(lm_decoder **d, lm_model *model, lm_error *err);
/* Feeds one token; returns the logits [vocab_size] of the next one, valid until the next call. */
const float *lm_decoder_next(lm_decoder *d, int32_t token);
/* Feeds n > 0 tokens: the logits after the last one, with the bits that they have when the tokens
 * are fed one by one, but in a fraction of the time. */
const float *lm_decoder_feed(lm_decoder *d, const int32_t *tokens, int64_t n);
void lm_decoder_free(lm_decoder *d);

typedef struct lm_sample_options {
    double temperature; /* 0: the most likely token */
    int64_t top_k;      /* 0: all */
    double top_p;       /* 1: all (Holtzman et al. 2020) */
    uint64_t seed;
} lm_sample_options;
/* Draws from softmax(logits / temperature), cut to the top_k likeliest tokens, then to the smallest
 * set of probability >= top_p; of equal tokens the lower id is the likelier. `index` counts the
 * draws: the same (seed, index, logits) gives the same token. workspace [2 * vocab] doubles. */
int32_t lm_sample(const lm_sample_options *o, const float *logits, int64_t vocab, uint64_t index,
                  double *workspace);

#endif

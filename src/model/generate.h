/* Text from a model, one token at a time with a key/value cache.
 *
 *     lm_decoder *d;  lm_decoder_create(&d, model, err);
 *     for each prompt token: logits = lm_decoder_next(d, token);
 *     loop: token = lm_sample(...logits...); print; logits = lm_decoder_next(d, token);
 *     lm_decoder_free(d);
 *
 * Beyond context_length the cache starts over with the newest half of the tokens (the decoder keeps
 * them), so generation can go on for ever. */
#ifndef LM_MODEL_GENERATE_H
#define LM_MODEL_GENERATE_H

#include "model/model.h"

typedef struct lm_decoder lm_decoder;
lm_status lm_decoder_create(lm_decoder **d, lm_model *model, lm_error *err);
/* Feeds one token; the logits [vocab_size] of the one after it, valid until the next call. */
const float *lm_decoder_next(lm_decoder *d, int32_t token);
void lm_decoder_free(lm_decoder *d);

typedef struct lm_sample_options {
    double temperature; /* 0: the most likely token */
    int64_t top_k;      /* 0: all */
    double top_p;       /* 1: all (Holtzman et al. 2020) */
    uint64_t seed;
} lm_sample_options;
/* Draw from softmax(logits / temperature) cut to top_k, then to the smallest set with mass >=
 * top_p; ties by lower id. `index` counts the draws: the same (seed, index, logits) gives the same
 * token. workspace [2 * vocab] doubles. */
int32_t lm_sample(const lm_sample_options *o, const float *logits, int64_t vocab, uint64_t index,
                  double *workspace);

#endif

/* Goes on with token sequences, with a cache of their keys and values: generation, and scoring of
 * continuations.
 *
 *     lm_decoder *d;
 *     lm_decoder_create(&d, model, &how, err);
 *     logits = lm_decoder_feed(d, 0, prompt, n);             // sequence 0
 *     lm_decoder_copy(d, 0, 1);                              // sequence 1 begins with it too
 *     loop: tokens[i] = lm_sample(...logits + i * vocab...) for each sequence that goes on
 *           logits = lm_decoder_step(d, n, sequences, tokens);
 *     lm_decoder_free(d);
 *
 * A sequence's bits depend on its tokens alone: not on other sequences, on how many tokens are fed
 * at once, nor on the number of threads. At bf16 linear layers multiply rounded weights with
 * rounded inputs, as in training; attention stays fp32.
 *
 * When a sequence holds as many tokens as its cache, it starts over with the newest half of them,
 * so that generation can go on without end. */
#ifndef LM_MODEL_GENERATE_H
#define LM_MODEL_GENERATE_H

#include "model/model.h"

typedef struct lm_decoder lm_decoder;

/* Zero is a fine value for each. */
typedef struct lm_decoder_options {
    int64_t sequences; /* 0: 1 */
    int64_t capacity;  /* tokens of a sequence, at most context_length; 0: that */
    int64_t rows;      /* tokens that are computed at a time; 0: LM_DECODE_TOKENS (parts.h) */
    bool scores;       /* lm_decoder_score is called */
} lm_decoder_options;

/* Allocates all that it needs. The model's weights must not change while it lives. */
lm_status lm_decoder_create(lm_decoder **d, lm_model *model, const lm_decoder_options *how,
                            lm_error *err);
void lm_decoder_free(lm_decoder *d); /* NULL is fine */

/* Appends n > 0 tokens to a sequence, much faster than one by one; returns the logits [vocab_size]
 * of the next one, valid until the next call. What would not fit the cache is what starting over
 * would leave out. */
const float *lm_decoder_feed(lm_decoder *d, int64_t sequence, const int32_t *tokens, int64_t n);
/* Appends a token to each of n different sequences; returns their logits [n, vocab_size]. */
const float *lm_decoder_step(lm_decoder *d, int64_t n, const int32_t *sequences,
                             const int32_t *tokens);
/* lm_decoder_step of sequence 0. */
const float *lm_decoder_next(lm_decoder *d, int32_t token);
int64_t lm_decoder_length(const lm_decoder *d, int64_t sequence); /* tokens in its cache */
/* Sequence `to` becomes that of `from`; its own is gone. */
void lm_decoder_copy(lm_decoder *d, int64_t from, int64_t to);
/* A sequence is empty again. */
void lm_decoder_clear(lm_decoder *d, int64_t sequence);

/* A token that is appended to a sequence, and the one that follows it there. */
typedef struct lm_decoder_row {
    int32_t sequence, token, target;
} lm_decoder_row;
/* Appends n tokens, of any sequences and as many as you like of each: those of one in their order.
 * They must fit the caches (asserted). losses [n] overwritten with -log p(target) in nats; NULL:
 * not needed, and targets are not read. */
void lm_decoder_score(lm_decoder *d, const lm_decoder_row *rows, int64_t n, float *losses);

/* ---- drawing tokens ---------------------------------------------------------------------------*/

typedef struct lm_sample_options {
    double temperature;        /* 0: the most likely token */
    int64_t top_k;             /* 0: all */
    double top_p;              /* 1: all (Holtzman et al. 2020) */
    double min_p;              /* 0: all (Nguyen et al. 2024) */
    double repetition_penalty; /* > 0; 1: none (Keskar et al. 2019) */
    uint64_t seed;
} lm_sample_options;

/* Logits of tokens in `seen` [vocab] that are not 0 are divided by repetition_penalty where they
 * are positive and multiplied by it where not; seen NULL: none is. Then it draws from
 * softmax(logits / temperature), cut to the top_k likeliest tokens, then to the smallest set of
 * probability >= top_p, then to tokens at least min_p times as likely as the likeliest; of equal
 * tokens the lower id is the likelier. `sample` and `index` count texts and draws: the same (seed,
 * sample, index, logits, seen) gives the same token. workspace [2 * vocab] doubles. */
int32_t lm_sample(const lm_sample_options *o, const float *logits, int64_t vocab,
                  const unsigned char *seen, uint32_t sample, uint64_t index, double *workspace);

#endif

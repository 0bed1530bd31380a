/* lmtrain tokenize --train: a tokenizer out of the documents that are not held out. */
#ifndef LM_CLI_TOKENIZE_TRAIN_H
#define LM_CLI_TOKENIZE_TRAIN_H

#include "cli/tokenize_input.h"
#include "tokenizer/bpe.h"
#include "tokenizer/tokenizer.h"

typedef struct lm_tokenize_training {
    bool train, only;
    int64_t vocab_size; /* 0: not given */
    lm_option_texts specials;
} lm_tokenize_training;

/* Their rows; `training` is the member of `owner`. */
/* clang-format off */
#define LM_OPTIONS_TOKENIZE_TRAINING(owner, training)                                             \
    {"train", NULL,                                                                               \
     "make the tokenizer: train byte-pair encoding on the documents that are not held out, and"   \
     " write it to DIR/tokenizer.json",                                                           \
     LM_STORED(owner, training.train)},                                                           \
    {"vocab-size", "N",                                                                           \
     "with --train: tokens to make, of which 256 are the bytes and the last the special ones",    \
     LM_STORED(owner, training.vocab_size), .count = {.least = 257, .most = LM_BPE_VOCAB_MOST}},  \
    {"special", "TEXT",                                                                           \
     "with --train: a special token (default: <|endoftext|>, which begins documents)",            \
     LM_STORED(owner, training.specials)},                                                        \
    {"tokenizer-only", NULL, "with --train: write no corpus", LM_STORED(owner, training.only)}
/* clang-format on */

/* What it takes beside its own options. */
typedef struct lm_tokenize_training_inputs {
    const lm_tokenize_input *input;
    const char *pretokenizer; /* NULL: gpt2 */
    const char *output;       /* a directory, which is made */
    int threads;              /* 0: lm_cpu_threads */
    bool force;
} lm_tokenize_training_inputs;

/* Options of training without --train are LM_ERR_USAGE, as is --train without a vocabulary size. */
lm_status lm_tokenize_training_check(const lm_tokenize_training *o, lm_error *err);
/* Trains, writes the tokenizer's files, says on stdout what it became, and opens it. Where another
 * tokenizer.json is there: lm_tokenize_files_check; the same one may be made again. */
lm_status lm_tokenize_train(const lm_tokenize_training *o, const lm_tokenize_training_inputs *in,
                            lm_tokenizer **t, lm_error *err);

#endif

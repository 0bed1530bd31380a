/* Training a byte-level BPE tokenizer.
 *
 *     lm_bpe_trainer *t;
 *     lm_bpe_trainer_open(&t, lm_split_find("gpt2"), pool, err);
 *     lm_bpe_trainer_put(t, piece, size, err);  ...   // a document in pieces, cut anywhere
 *     lm_bpe_trainer_finish(t, err);                  // it is over; the next may begin
 *     lm_bpe_trainer_make(t, &how, &tokenizer, err);
 *     lm_bpe_trainer_close(t);
 *
 * The documents are cut into the pieces of the split, which are counted on all threads of the pool,
 * with 64-bit counts. Then the pair of adjacent symbols that can be merged most often becomes a
 * token, again and again; of equal counts the pair with the smaller left id comes first, then the
 * one with the smaller right id (train_merge.h says what a count is). The tokenizer is a function
 * of the documents alone: neither the number of threads nor the order of the documents changes it.
 *
 * Ids: 0 to 255 are the bytes, then come the merges in the order in which they were found, then the
 * special tokens as given.
 *
 * Memory is bounded by the pieces that differ, time is linear in the text, and n log n in these. */
#ifndef LM_TOKENIZER_TRAIN_H
#define LM_TOKENIZER_TRAIN_H

#include "machine/pool.h"
#include "tokenizer/split.h"
#include "tokenizer/tokenizer.h"

typedef struct lm_bpe_trainer lm_bpe_trainer;

typedef struct lm_bpe_training {
    int64_t vocab_size;          /* at most LM_BPE_VOCAB_MOST */
    const char *const *specials; /* [n_specials] */
    int64_t n_specials;
} lm_bpe_training;

/* The pool must outlive the trainer. */
lm_status lm_bpe_trainer_open(lm_bpe_trainer **t, const lm_split *split, lm_pool *pool,
                              lm_error *err);
void lm_bpe_trainer_close(lm_bpe_trainer *t); /* NULL is fine */

/* From the thread that made the pool. After an error the trainer can only be closed. */
lm_status lm_bpe_trainer_put(lm_bpe_trainer *t, const char *text, size_t size, lm_error *err);
lm_status lm_bpe_trainer_finish(lm_bpe_trainer *t, lm_error *err);

/* Is this vocabulary size possible, and are these special tokens? LM_ERR_USAGE says what is wrong:
 * too few ids for the 256 bytes and the special tokens, a special token that is empty, given twice,
 * not UTF-8, or one byte's name in tokenizer.json. To be asked before the text is read. */
lm_status lm_bpe_training_check(const lm_bpe_training *how, lm_error *err);

/* Opens the tokenizer that the documents of so far lead to. Its vocabulary is smaller than asked
 * for when no pair of tokens is left that could be merged twice. LM_ERR_USAGE when a special token
 * was learned as an ordinary one. */
lm_status lm_bpe_trainer_make(lm_bpe_trainer *t, const lm_bpe_training *how,
                              lm_tokenizer **tokenizer, lm_error *err);

#endif

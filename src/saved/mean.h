/* The mean of several saved models' weights, as a checkpoint of its own: of the last checkpoints of
 * a run (LAWA, Kaddour 2022), or of runs that began with the same weights (a soup, Wortsman et al.
 * 2022).
 *
 *     w = sum_i share_i w_i, in double, rounded once
 *
 * so that the mean of equal weights is these, to the bit. Memory: the mean in fp32, and beside it
 * the largest array alone, whatever the number of models. */
#ifndef LM_SAVED_MEAN_H
#define LM_SAVED_MEAN_H

#include "saved/saved.h"

enum { LM_MEAN_MOST = 256 }; /* models: each is an open file */

typedef struct lm_mean {
    const lm_saved *from; /* [n], in the order of the sum; of each, the weights that it reads */
    const double *shares; /* [n], which add up to 1 */
    int64_t n;
    int64_t last; /* receives the index of the one with the most steps, the last of equal ones */
} lm_mean;

/* May they be averaged? LM_ERR_USAGE names the first array whose name or shape differs between the
 * first model and another, keys of the model that change what weights mean, or tokenizers. Keys
 * that may differ are a line each in *said. A model of another program is refused: it is to be
 * imported first. */
lm_status lm_mean_check(lm_mean *m, lm_text *said, lm_error *err);
/* Writes the mean to path as a checkpoint without an optimizer, whose config, step, tokenizer and
 * texts are those of m->last; its losses are not known. After lm_mean_check. */
lm_status lm_mean_write(const lm_mean *m, const char *path, lm_pool *pool, uint64_t *file_bytes,
                        lm_error *err);

#endif

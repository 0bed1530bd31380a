/* A saved model: how a checkpoint, a model and its optimizer meet.
 *
 *     lm_saved_open(&saved, "runs/x", pool, &skipped, err);       // checkpoint, state, config
 *     lm_saved_model(&saved, batch, &compute, &model, err);       // a model with its weights
 *     ...
 *     lm_saved_close(&saved);                                     // the model stays
 *
 * A checkpoint has one array per parameter under the parameter's name ("h.0.attn.qkv.weight"), one
 * per state that the optimizer keeps of it ("m/h.0.attn.qkv.weight"), one of its average where the
 * run has begun one ("ema/h.0.attn.qkv.weight"; of n-gram tables the gap to it,
 * "ema_gap/ngram.2.weight": optim/average.h), meta.json (meta.h), and tokenizer.json where the
 * tokenizer has a file. */
#ifndef LM_SAVED_SAVED_H
#define LM_SAVED_SAVED_H

#include "checkpoint/checkpoint.h"
#include "interop/kept.h"
#include "model/model.h"
#include "optim/average.h"
#include "optim/optimizer.h"
#include "saved/meta.h"
#include "saved/weights.h"
#include "tokenizer/tokenizer.h"

struct lm_saved_foreign;
typedef struct lm_saved {
    char *path;                /* of the checkpoint */
    lm_checkpoint *checkpoint; /* NULL: a model of another program */
    struct lm_saved_foreign *foreign;
    lm_run_state state;
    lm_config config;
    int weights; /* lm_weights_choice: which the functions below read; auto at first */
} lm_saved;

/* The checkpoint that lm_saved_open opens for such a path: *file is malloc'd. One out of a
 * directory is verified, a file that is named itself is not. */
lm_status lm_saved_find(const char *path, lm_pool *pool, char **file, lm_text *skipped,
                        lm_error *err);
/* path is a checkpoint, a directory of checkpoints or a run directory: the newest checkpoint that
 * verifies is taken, and those passed over are described in *skipped. Or it is a model of another
 * program (lm_interop_open): s->checkpoint is NULL then. */
lm_status lm_saved_open(lm_saved *s, const char *path, lm_pool *pool, lm_text *skipped,
                        lm_error *err);
/* Reads these weights from here on (lm_weights_choice). LM_ERR_USAGE when the average is asked for
 * and there is none. */
lm_status lm_saved_choose(lm_saved *s, int weights, lm_error *err);
/* What is read is called so; NULL: there is no average, so nothing to tell apart. */
const char *lm_saved_weights_kind(const lm_saved *s);
/* Their validation loss when they were saved; NaN: not known. */
double lm_saved_val_loss(const lm_saved *s);
/* The model with its weights, for micro-batches of `batch`, without gradients. `compute` is given
 * the precision that it was trained at, so that an evaluation gives the figures of the run. */
lm_status lm_saved_model(const lm_saved *s, int64_t batch, lm_compute *compute, lm_model **model,
                         lm_error *err);
/* The same weights into a model that the caller has made: it must have the same parameters. */
lm_status lm_saved_weights(const lm_saved *s, lm_model *m, lm_pool *pool, lm_error *err);
/* The same into a flat array [total] of rows that a model of the config has (lm_model_params),
 * without a model. */
lm_status lm_saved_read(const lm_saved *s, const lm_param *rows, int64_t n, float *weights,
                        lm_pool *pool, lm_error *err);
/* Refuses arrays of the checkpoint `path` that hold infinities or NaN: names the first. The
 * functions above do so with the weights. */
lm_status lm_saved_check_finite(const char *path, const lm_checkpoint_array *arrays, int64_t n,
                                lm_error *err);
/* All that a checkpoint must be to be used: its digests and CRCs are right, and no element of any
 * array is infinite or NaN. What is not so is `damaged`. */
lm_status lm_saved_verify(lm_checkpoint *c, const char *path, lm_pool *pool, lm_error *err);
/* The model that is made of it sees `context` tokens at most, and so needs less memory. Learned
 * positions are all kept. */
void lm_saved_shorten(lm_saved *s, int64_t context);
/* Did a tokenizer come along with another program's model that cannot be read? *err says why: what
 * lm_saved_tokenizer fails with. */
bool lm_saved_tokenizer_fails(const lm_saved *s, lm_error *err);
/* The tokenizer of its tokens; *t NULL: the run did not know it. Options: lm_tokenizer_open. */
lm_status lm_saved_tokenizer(const lm_saved *s, const lm_tokenizer_options *options,
                             lm_tokenizer **t, lm_error *err);
/* That of a checkpoint, a run or a model of another program; of anything else what
 * lm_tokenizer_open opens. LM_ERR_USAGE when the model came without one. */
lm_status lm_saved_open_tokenizer(lm_tokenizer **t, const char *what,
                                  const lm_tokenizer_options *options, lm_error *err);
/* Appends a text of the checkpoint (lm_checkpoint_read_text), or what it would be of a model of
 * another program. */
lm_status lm_saved_text(const lm_saved *s, const char *name, bool *found, lm_text *out,
                        lm_error *err);
/* What came in with the model and is kept for an export (free it). */
lm_status lm_saved_kept(const lm_saved *s, lm_interop_kept *kept, lm_error *err);
/* The token in front of a document in the data that a model was trained on, or else its
 * tokenizer's (t NULL: not known); one that only separates documents was in the data where the
 * state says so. -1: none. */
int32_t lm_saved_begin_token(const lm_run_state *s, const lm_model_options *m,
                             const lm_tokenizer *t);
void lm_saved_close(lm_saved *s); /* zero-initialised or twice is fine */

/* Has the checkpoint an array of this state of a row? */
bool lm_saved_has(const lm_checkpoint *c, const char *state, const lm_param *row);
/* That array, to be read into data. */
lm_checkpoint_array lm_saved_array(const char *state, const lm_param *row, float *data);
/* The first so many of the rows [n] have their average in `average`; those behind have gaps. */
int64_t lm_saved_averaged(const lm_param *rows, int64_t n, const lm_average *average);
/* The arrays of weights that no model holds, flat by these rows. malloc'd; NULL without memory. */
lm_checkpoint_array *lm_saved_row_arrays(const lm_param *rows, int64_t n, float *weights);
/* The arrays of a model's weights, of its optimizer's states and, last, of the average of the
 * weights (NULL, or one without values: none), by the names that they have in checkpoints.
 * malloc'd; *count receives their number; NULL without memory. Their data is the model's, the
 * optimizer's and the average's. */
lm_checkpoint_array *lm_saved_arrays(lm_model *m, const lm_optimizer *o, const lm_average *average,
                                     int64_t *count);

#endif

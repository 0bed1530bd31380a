/* What a checkpoint holds beside the arrays, and how a model, its optimizer and a checkpoint meet.
 *
 * Arrays: one a parameter by its name ("h.0.attn.qkv.weight"), and one for each optimizer state of
 * it ("m/h.0.attn.qkv.weight"). meta.json: this struct and the resolved config. Nothing that differs
 * between two runs of one config is stored: no times, no threads, no instruction set. */
#ifndef LM_TRAIN_STATE_H
#define LM_TRAIN_STATE_H

#include "checkpoint/checkpoint.h"
#include "config/config.h"
#include "model/model.h"

typedef struct lm_run_state {
    int64_t step;         /* updates done */
    int64_t tokens;       /* trained on */
    int64_t samples;      /* windows taken from the training data: where the sampler goes on */
    double train_loss;    /* of the last step; NaN: none */
    double val_loss;      /* latest; NaN: none */
    int64_t val_step;     /* when it was evaluated; 0: never */
    double best_val_loss; /* NaN: none */
    int64_t best_val_step;
    int64_t parameters;
    uint64_t digest;                   /* the running one of metrics.jsonl (audit.h) */
    char tokenizer[64];                /* "" when not known */
    uint64_t train_digest, val_digest; /* of the corpora; 0: no such corpus */
} lm_run_state;

/* The text of meta.json. */
void lm_run_state_print(const lm_run_state *s, const lm_config *config, lm_text *out);
/* Reads it back; config is filled (free it) and `path` names the checkpoint in errors. */
lm_status lm_run_state_parse(lm_run_state *s, lm_config *config, const char *path, const char *meta,
                             lm_error *err);

/* The "val_loss" of such a text; NaN: none, or not such a text. */
double lm_run_state_val_loss(const char *meta);

/* The arrays of a model's parameters, over weights [lm_model_total], and of n_states optimizer
 * states named by the optimizer. malloc'd; *count receives their number; NULL without memory. */
lm_checkpoint_array *lm_run_state_arrays(const lm_model *m, int optimizer, float *weights,
                                         float *const *states, int n_states, int64_t *count);

/* ---- a saved model, for commands that only use it ----------------------------------------------*/

typedef struct lm_saved {
    char *path; /* of the checkpoint */
    lm_checkpoint *checkpoint;
    lm_run_state state;
    lm_config config;
} lm_saved;

/* path is a checkpoint, a directory of checkpoints or a run directory: the newest checkpoint that
 * verifies is taken, and those passed over are described in *skipped. */
lm_status lm_saved_open(lm_saved *s, const char *path, lm_pool *pool, lm_text *skipped,
                        lm_error *err);
/* The model with its weights, for micro-batches of `batch`, without gradients. `compute` is given the
 * precision that it was trained at, so that an evaluation gives the figures of the run. */
lm_status lm_saved_model(const lm_saved *s, int64_t batch, lm_compute *compute, lm_model **model,
                         lm_error *err);
void lm_saved_close(lm_saved *s); /* zero-initialised or twice is fine */

#endif

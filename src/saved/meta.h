/* meta.json: what a checkpoint holds beside its arrays, the state of the run and its resolved
 * config.
 *
 * Nothing is stored that does not determine the result: no times, no threads, no instruction set,
 * no run directory, nothing of what a run logs and saves. So equal runs give equal files. A run
 * that goes on takes such keys from the config that it is given. */
#ifndef LM_SAVED_META_H
#define LM_SAVED_META_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/text.h"
#include "config/config.h"
#include "optim/noise.h"
#include "optim/schedule_free.h"
#include "optim/spikes.h"

/* Which definition of its sums a run computes with. Runs of the same config have the same bits only
 * if these are equal:
 *     1  sums over tokens went by micro-batches
 *     2  they go window by window, and over lanes as a tree */
enum { LM_ARITHMETIC = 2 };

typedef struct lm_run_state {
    int64_t arithmetic;   /* of the last step; LM_ARITHMETIC for what this program writes */
    int64_t step;         /* updates done */
    int64_t tokens;       /* trained on */
    int64_t samples;      /* windows taken from the training data: where the sampler goes on */
    int64_t data_start;   /* those of them that were of other data, before data.continue */
    double train_loss;    /* of the last step; NaN: none */
    double val_loss;      /* latest, of the first validation set; NaN: none */
    int64_t val_step;     /* when it was evaluated; 0: never */
    double best_val_loss; /* NaN: none */
    int64_t best_val_step;
    int64_t evals_since_best; /* evaluations after that of best_val_step */
    lm_noise noise;           /* of the gradients; no steps: not known */
    lm_free_rates rates;      /* with an optimizer that averages: schedule_free */
    int64_t averaged;    /* steps that the average of the weights is of; 0: there is none yet */
    double gap;          /* E of the average's gaps (optim/average.h); 1 without any */
    double val_loss_raw; /* of the weights themselves, beside val_loss; NaN: none */
    int64_t parameters;
    int64_t skips;        /* steps that were not taken: train.max_skips */
    int64_t skips_in_row; /* of them since the last one that was */
    int64_t rewind_step; /* train.rewind: whose checkpoint the run would go back to; 0: its start */
    int64_t rewinds;     /* how often it went back */
    int64_t rewinds_here;              /* of them in a row to that checkpoint */
    lm_spikes taken;                   /* figures of steps that were, with train.spike_sigma */
    uint64_t digest;                   /* the running one of metrics.jsonl (train/audit.h) */
    char tokenizer[64];                /* the name of its kind; "" when not known */
    uint64_t tokenizer_digest;         /* of its file, the member tokenizer.json; 0: it has none */
    bool documents;                    /* the training data tell documents apart, by: */
    int64_t document_token;            /* as its manifest says */
    uint64_t train_digest, val_digest; /* of the corpora; 0: no such corpus */
    double val_losses[LM_DATA_MOST_SOURCES]; /* latest, of the config's named sets; NaN: none */
} lm_run_state;

/* Nothing done yet. */
void lm_run_state_init(lm_run_state *s);

/* The text of meta.json. */
void lm_run_state_print(const lm_run_state *s, const lm_config *config, lm_text *out);
/* Reads it back; config is filled (free it) and `path` names the checkpoint in errors. One that a
 * newer lmtrain has written, with a higher version or keys of the config that are not known, is an
 * error that says so. */
lm_status lm_run_state_parse(lm_run_state *s, lm_config *config, const char *path, const char *meta,
                             lm_error *err);

/* The same for looking at it: what a newer lmtrain has written and this one does not know is a line
 * each in *newer, and all else is filled in. */
lm_status lm_run_state_look(lm_run_state *s, lm_config *config, const char *path, const char *meta,
                            lm_text *newer, lm_error *err);

/* The "val_loss" of such a text; NaN: none, or not such a text. */
double lm_run_state_val_loss(const char *meta);

#endif

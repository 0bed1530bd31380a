/* A run that several processes compute together (comm/comm.h): what each of them does.
 *
 *     lanes        each computes a run of them (dist/lanes.h), and reads their windows alone
 *     slices       each has the sum of the gradients, the optimizer's states and the update of one
 *                  slice of the weights, a share of each layer (lm_optimizer_cut says which), and
 *                  sends that to all (dist/exchange.h); of n-gram tables each has all of these, and
 *                  lines that a step reaches go to all (dist/exchange_lines.h)
 *     rank 0       has the run directory: it alone locks and reports, and it decides what depends
 *                  on time; the others serve it (lm_ranks_lead), and write their shares of
 *                  checkpoints
 *
 * All ranks have the same weights, state and figures after each step, to the bit, and none of these
 * depends on how many there are. In a process alone all of this does nothing but call the work. */
#ifndef LM_TRAIN_RANKS_H
#define LM_TRAIN_RANKS_H

#include "checkpoint/checkpoint.h"
#include "config/config.h"
#include "dist/exchange_lines.h"
#include "model/model.h"

struct lm_trainer;

/* What ranks tell each other in each step. */
typedef struct lm_rank_note {
    int32_t stop; /* the signal that asks it to stop, or LM_STOP_WALL; 0: none */
    int32_t save; /* it was asked for a checkpoint */
} lm_rank_note;

typedef struct lm_ranks {
    lm_comm *comm;      /* NULL: this process alone */
    lm_lanes_run lanes; /* its own */
    lm_exchange exchange;
    lm_exchange_lines lines; /* of n-gram tables */
    lm_rank_note *notes;     /* [ranks] */
    double *norms;           /* of runs of the gradient */
    double *rank_norms;      /* the same, those that rank 0 has made, then those of rank 1, ... */
    size_t *norm_bytes;      /* [ranks + 1]: where whose are */
    lm_comm_batch *batch;    /* of what is told in a step */
    lm_model_watch watch;    /* of passes: what the exchange does beside them */
    lm_model *model;         /* whose passes they are */
    int32_t *late_lines;     /* room for lm_model_late_lines; NULL: there are none */
    lm_status status;        /* of weights that should have arrived for a pass */
    lm_error error;
    float *whole; /* rank 0: room for the longest array of the optimizer's states that is cut */
    bool lost;    /* a message did not arrive: nobody can be told */
    int stop;     /* what any rank was asked for, when they last told each other */
    bool save;
} lm_ranks;

/* Refuses more processes than lanes. LM_ERR_USAGE. */
lm_status lm_ranks_check(int ranks, const lm_config *c, lm_error *err);
/* The model's n-gram tables, of which a step's lines travel; returns how many. Their offsets are
 * left out. */
int64_t lm_ranks_tables(int ranks, const lm_config *c,
                        lm_exchange_table tables[LM_EXCHANGE_TABLES_MOST]);
/* Lines of embeddings that are the head too, which are left out when the head's gradient leaves;
 * columns 0: there are none, or too many. */
lm_exchange_late_of lm_ranks_late(int ranks, const lm_config *c);
/* Makes the optimizer of t->ranks.comm's slice, and all that is above. t has its model and groups.
 */
lm_status lm_ranks_create(struct lm_trainer *t, lm_error *err);
void lm_ranks_free(lm_ranks *r);        /* zero-initialised or twice is fine */
bool lm_ranks_first(const lm_ranks *r); /* is it rank 0? */

/* ---- in a step --------------------------------------------------------------------------------*/

/* All ranks learn the losses and digests of all windows of the step, and what was asked of whom. */
lm_status lm_ranks_tell(struct lm_trainer *t, lm_error *err);
/* Of several: the pass that comes next is the last of this rank's last lane: gradients leave while
 * it computes. Not with figures of each lane's gradient (train.noise_scale), which the sum would
 * overwrite. */
void lm_ranks_expect_last(struct lm_trainer *t, int64_t lane);
/* The lane's gradient is there: adds it to this rank's trees. */
void lm_ranks_add_lane(struct lm_trainer *t, int64_t lane);
/* Of several: the model's gradients become the sum of all lanes, in this rank's slice and in
 * n-gram tables; *norm: of all of it without tables. */
lm_status lm_ranks_sum(struct lm_trainer *t, double *norm, lm_error *err);
/* The whole gradient for rank 0, which has figures of it. */
lm_status lm_ranks_collect_gradients(struct lm_trainer *t, lm_error *err);
/* Everybody's slice of the weights begins to go to all: they arrive while the next step's forward
 * pass begins, each layer before it is read. */
void lm_ranks_spread_weights(struct lm_trainer *t);
/* Waits until all of them are there, for whoever else reads or writes weights. */
lm_status lm_ranks_await_weights(struct lm_trainer *t, lm_error *err);
/* Compares a number that must be the same in all ranks: a digest of `what`, before or after the
 * step at hand. An error names a rank that differs from rank 0, and all have it. */
lm_status lm_ranks_compare(struct lm_trainer *t, uint64_t number, const char *what, lm_error *err);

/* What was asked of any rank by the last lm_ranks_tell; of a process alone, what was until now, and
 * a checkpoint since this was last called. */
int lm_ranks_stop(const lm_ranks *r);
bool lm_ranks_save_asked(const lm_ranks *r);
/* The same as lm_ranks_stop, after asking all; for loops in which all take part. */
lm_status lm_ranks_ask_stop(lm_ranks *r, int *stop, lm_error *err);

/* ---- led by rank 0 ----------------------------------------------------------------------------*/

/* Rank 0 does the work and the others what it asks of them meanwhile, by the functions below. All
 * return its status and error. */
lm_status lm_ranks_lead(struct lm_trainer *t,
                        lm_status (*work)(struct lm_trainer *t, lm_error *err), lm_error *err);
/* Rank 0: are the optimizer's states of all ranks finite? */
lm_status lm_ranks_check_states(struct lm_trainer *t, bool *finite, lm_error *err);
/* Rank 0, where its run directory is there: with dist.shared_filesystem, do all ranks see it?
 * LM_ERR_USAGE names one that does not. */
lm_status lm_ranks_meet(struct lm_trainer *t, lm_error *err);
/* Rank 0: writes a checkpoint of t->arrays, together with the others (checkpoint/together.h), or
 * with states that they send. */
lm_status lm_ranks_write(struct lm_trainer *t, const char *path, const lm_checkpoint_text *texts,
                         int64_t n_texts, const char *meta, lm_error *err);
/* Rank 0: reads t->arrays for all, and refuses what is not finite. */
lm_status lm_ranks_read(struct lm_trainer *t, lm_checkpoint *c, const char *path, lm_error *err);
/* All: what rank 0 has found out about where the run goes on. */
lm_status lm_ranks_share_start(struct lm_trainer *t, lm_error *err);

#endif

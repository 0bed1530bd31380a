/* The sum of a step's gradients over processes: the tree of lanes.h, of which each rank has
 * computed a run of lanes; and the weights, of which each rank has updated a slice.
 *
 *     lm_exchange_create(&x, comm, lanes, spans, n, shares, NULL, err);
 *     ... each rank folds the gradients of its own lanes into l; before its last one: ...
 *     lm_exchange_sum_begin(&x, &compute, &l, lane, sum);
 *     ... while the last lane computes: ...
 *         lm_exchange_sum_final(&x, n);      // what it need not touch any more leaves
 *         lm_exchange_progress(&x, within);  // often
 *     lm_exchange_sum_end(&x, err);          // this rank's slice of the sum of all
 *     ... updates its slice of the weights ...
 *     lm_exchange_spread_begin(&x, weights);
 *     ... while the next step begins: ...
 *         lm_exchange_spread_need(&x, n, err);   // before these are read
 *     lm_exchange_spread_end(&x, err);       // everybody's
 *     lm_exchange_free(&x);
 *
 * Each rank sends, of each subtree that it has, the slice of every other rank to that rank, which
 * adds them in the order of the tree. A rank so sends N (P-1)/P elements for each of its subtrees
 * (one, where P divides the lanes, and two for 8 lanes at most) and gets as many, which is what a
 * ring takes; and no bit depends on how many ranks there are, on how MPI would add, or on what has
 * arrived when. Slices go in blocks, a few at a time, so that the memory for what arrives is small
 * and what is needed first arrives first.
 *
 * Spans cut the flat arrays into parts that become known one after another: forward reads weights
 * in the order of the spans, backward finishes gradients in the reverse order, and so they travel
 * while other layers still compute. Each rank's slice has a share of every span, so that all ranks
 * send and receive all the time: were slices runs of layers, what one rank has would be finished
 * within a part of backward, and read within a part of forward, and had to travel in that time
 * alone. With several lanes in a rank, gradients leave during the last one alone. Whoever wants the
 * norm of the gradient, to clip it, or the update that hangs on it, waits for lm_exchange_sum_end:
 * no layer is updated before the gradient of all is there.
 *
 * The span of embeddings that are the head too is read first, and all but few lines of its gradient
 * are finished first too: those of a step's tokens are finished last. So one span may have late
 * lines. It leaves first; each rank names its lines (lm_exchange_sum_late), all leave those of all
 * ranks out of the sum, and add them at the end (exchange_late.c).
 *
 * MPI moves messages only when it is called, so the thread that drives the pool's regions calls
 * lm_exchange_progress between them and between its tasks: 1 Gbit/s fills the few megabytes that
 * the system holds for a connection in 30 ms, and products of large matrices take longer. All
 * functions are for that thread, outside of pool tasks. */
#ifndef LM_DIST_EXCHANGE_H
#define LM_DIST_EXCHANGE_H

#include "comm/comm.h"
#include "dist/lanes.h"

typedef struct lm_exchange_tree {
    int64_t first, lanes;
    int rank;
} lm_exchange_tree;

/* A piece of a rank's slice. */
typedef struct lm_exchange_block {
    lm_span at;
    int64_t order; /* of its span, among those that backward finishes */
} lm_exchange_block;

/* Room for what arrives of one block. */
typedef struct lm_exchange_slot {
    lm_comm_batch *way;
    float **trees; /* [n_trees]: those of others */
} lm_exchange_slot;

enum {
    LM_EXCHANGE_SLOTS_MOST = 16,
    /* Blocks that leave for a rank at a time, of 1 MB: as many as fast networks hold between two
     * calls of lm_exchange_progress. MPI moves all that it is given side by side, so that with more
     * of them what is needed first would come last; and where both directions are full, MPI's own
     * short messages, without which no block begins, would wait behind all of them. */
    LM_EXCHANGE_LEAVING = 8
};

/* Lines of a span, [lines, columns] from its first element on, of which a rank names `most` at most
 * in each sum. */
typedef struct lm_exchange_late_of {
    int64_t span, lines, columns, most;
} lm_exchange_late_of;

/* Late lines: exchange_late.c. */
typedef struct lm_exchange_late {
    lm_exchange_late_of of; /* columns 0: there are none */
    int64_t begin;          /* element of line 0 */
    int32_t *named;         /* [ranks][1 + most]: how many each rank names, and which */
    lm_comm_batch *telling, *way;
    bool told, known;     /* this rank's are on their way; all ranks' are here, and below: */
    unsigned char *marks; /* [lines]: does any rank name it? */
    int32_t *list;        /* [count]: those that are, rising */
    int64_t count;
    int32_t *others; /* [lines]: room for those that this rank does not name */
    lm_lanes_tree own[LM_LANES_TREES_MOST]; /* this rank's trees, of these lines [count, columns] */
    float **trees;                          /* [n_trees]: others', of those of this rank's share */
    lm_arena arena;                         /* of both */
} lm_exchange_late;

/* The gradients that another rank gets: the blocks of its slice, in the order in which it receives
 * them. */
typedef struct lm_exchange_peer {
    lm_exchange_block *blocks; /* [n_blocks] */
    int64_t n_blocks;
    int64_t left, done; /* blocks that have begun to leave; that have left */
    lm_comm_batch *leaving[LM_EXCHANGE_LEAVING]; /* block i in leaving[i % ...] */
} lm_exchange_peer;

typedef struct lm_exchange {
    lm_comm *comm;
    lm_span *spans; /* [n_spans] */
    int64_t n_spans;
    lm_span *shares;         /* [ranks][n_spans]: who has what */
    size_t *offsets;         /* [ranks + 1]: lm_exchange_collect */
    int64_t block;           /* elements, at most */
    lm_exchange_tree *trees; /* of all ranks, in rising order */
    int n_trees;
    int own, n_own; /* the first of this rank's, and how many */
    lm_arena arena; /* for slots */
    int slots;
    lm_exchange_slot slot[LM_EXCHANGE_SLOTS_MOST]; /* block i arrives in slot i % slots */
    lm_exchange_peer *peers;                       /* [ranks]; the own one sends nothing */
    lm_exchange_block *blocks; /* [n_blocks]: the own peer's, of this rank's slice */
    int64_t n_blocks;

    /* A sum under way: */
    const lm_compute *compute;                /* NULL: none is */
    lm_lanes lanes;                           /* of this rank, before the lane: */
    lm_lanes_tree final[LM_LANES_TREES_MOST]; /* its trees after it */
    int n_final;
    int64_t lane;
    float *sum;
    int64_t finished;       /* so many spans are final */
    int64_t posted, folded; /* blocks whose room waits for them; that were added */
    bool adding;            /* blocks, or waiting for one to add it */
    lm_status status;       /* of what arrived so far */
    lm_error error;

    /* Weights on their way: */
    lm_comm_batch **arriving;                    /* [n_spans] */
    int64_t arrived;                             /* the first so many spans are there */
    lm_comm_batch *leaving[LM_EXCHANGE_LEAVING]; /* block i in leaving[i % ...] */
    lm_exchange_block *out; /* [n_blocks]: of this rank's slice, in the order they are read */
    int64_t left, done;     /* blocks that have begun to leave; that have left */
    const float *array;

    /* Of both: */
    lm_status leaving_status; /* of what leaves */
    lm_error leaving_error;
    const lm_comm_batch *awaited; /* of what leaves, what is being waited for */
    lm_comm_batch *runs;          /* lm_exchange_complete_runs */
    lm_exchange_late late;
} lm_exchange;

/* Bytes that lm_exchange_create allocates for what arrives; 0 for one process. */
uint64_t lm_exchange_bytes(int64_t lanes, int ranks, int rank, int64_t longest_slice);
/* Is it worth while that these lines are late? They must be few of the span, or most of it would
 * travel twice. The same for all ranks. */
bool lm_exchange_late_repays(int64_t lanes, int ranks, const lm_exchange_late_of *of);
/* Bytes that lm_exchange_create allocates for them; 0 for one process or without late lines. */
uint64_t lm_exchange_late_bytes(int64_t lanes, int ranks, const lm_exchange_late_of *of);
/* spans [n] and shares [ranks][n] are copied. Spans lie in any order, from 0 on, and leave nothing
 * between them; the shares of a span are rank 0's, rank 1's, ..., one behind the other, and may be
 * empty. late: NULL without late lines. LM_ERR_RUNTIME without memory. */
lm_status lm_exchange_create(lm_exchange *x, lm_comm *comm, int64_t lanes, const lm_span *spans,
                             int64_t n, const lm_span *shares, const lm_exchange_late_of *late,
                             lm_error *err);
void lm_exchange_free(lm_exchange *x); /* zero-initialised or twice is fine */

/* Moves messages, and adds blocks that have arrived. Errors wait for the end. Does nothing when
 * nothing is under way. within: inside of a region (lm_pool_set_between), so that this thread alone
 * adds. */
void lm_exchange_progress(lm_exchange *x, bool within);

/* ---- gradients (exchange_sum.c) ---------------------------------------------------------------*/

/* A sum begins: this rank's last lane, which l does not have yet, is about to be computed, or is
 * there already. sum, flat: this rank's slice is overwritten, span by span as it becomes final; it
 * may be one of l's sums, whose elements of other slices stay. Allocates nothing after the first
 * time. */
void lm_exchange_sum_begin(lm_exchange *x, const lm_compute *compute, const lm_lanes *l,
                           int64_t lane, float *sum);
/* The span with late lines has its last value in the lane's gradient, but for these lines [n], in
 * rising order, which lack something. They stay as they are: lm_exchange_sum_end asks for it. */
void lm_exchange_sum_late(lm_exchange *x, const int32_t *lines, int64_t n);
/* All spans but the first n have their last value in the lane's gradient: adds them to this rank's
 * trees, and sends them. Until the end nobody writes there. Without lm_exchange_sum_late before it,
 * no lines are late. */
void lm_exchange_sum_final(lm_exchange *x, int64_t n);
/* All are final: waits for everything. line: called in pool tasks for all lines that this rank has
 * named, returns what the lane's gradient lacks of one; may be NULL where none was named. */
typedef const float *lm_exchange_line(const void *argument, int32_t line);
lm_status lm_exchange_sum_end(lm_exchange *x, lm_exchange_line *line, const void *argument,
                              lm_error *err);

/* ---- weights ----------------------------------------------------------------------------------*/

/* What this rank has of `array`, flat, leaves for all others, and what they have arrives. Until
 * spread_end the own slice must stay as it is, and others' be left alone until they are there. */
void lm_exchange_spread_begin(lm_exchange *x, float *array);
/* Waits until the first n spans are there. */
lm_status lm_exchange_spread_need(lm_exchange *x, int64_t n, lm_error *err);
/* Waits for all, and until what leaves has left. */
lm_status lm_exchange_spread_end(lm_exchange *x, lm_error *err);

/* What the ranks have of `array`, flat, goes to rank 0. */
lm_status lm_exchange_collect(lm_exchange *x, float *array, lm_error *err);

/* A rank's shares [n_spans]. */
const lm_span *lm_exchange_shares(const lm_exchange *x, int rank);
/* Of runs of `grain` elements, those that begin in a rank's share of the span are its own: *first
 * and the next ones, as many as it returns. */
int64_t lm_exchange_runs(const lm_exchange *x, int rank, int64_t span, int64_t grain,
                         int64_t *first);
/* Runs may end in shares of others: overwrites these elements of `array` by what their ranks have
 * there. */
lm_status lm_exchange_complete_runs(lm_exchange *x, int64_t grain, float *array, lm_error *err);

/* ---- inside the room --------------------------------------------------------------------------*/

/* The span that is finished after i others. */
int64_t lm_exchange_finishes(const lm_exchange *x, int64_t i);
/* Begins to send the blocks of weights that there is room for. */
void lm_exchange_send_blocks(lm_exchange *x);
/* Waits for one of the batches that leave. */
lm_status lm_exchange_await(lm_exchange *x, lm_comm_batch *leaving, lm_error *err);
/* Adds n elements of all trees, from `at` on in others [n_trees], which are overwritten, and from
 * own_at on in this rank's own [n_final]. */
void lm_exchange_add(const lm_exchange *x, float *const *others, int64_t at,
                     const lm_lanes_tree *own, int64_t own_at, int64_t n, float *to);

/* exchange_late.c */
lm_status lm_exchange_late_create(lm_exchange *x, int64_t lanes, const lm_exchange_late_of *of,
                                  lm_error *err);
void lm_exchange_late_free(lm_exchange_late *l);
/* A sum begins. */
void lm_exchange_late_begin(lm_exchange *x);
/* This rank names lines. */
void lm_exchange_late_tell(lm_exchange *x, const int32_t *lines, int64_t n);
/* Are all lines known that any rank names? Without late lines too. wait: once they are, unless
 * there is an error. */
bool lm_exchange_late_know(lm_exchange *x, bool wait);
/* Is the element of the span in a late line? Returns where the next line begins that differs. */
int64_t lm_exchange_late_stretch(const lm_exchange *x, int64_t at, bool *late);
/* Of the span with late lines, those that this rank does not name, into its trees. */
void lm_exchange_late_add_others(lm_exchange *x);
/* The end of a sum: the lines that any rank names. */
lm_status lm_exchange_late_sum(lm_exchange *x, lm_exchange_line *line, const void *argument,
                               lm_error *err);

#endif

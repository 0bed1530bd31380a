/* The sum of a step's gradients over processes: the tree of lanes.h, of which each rank has
 * computed a run of lanes.
 *
 *     lm_exchange_create(&x, comm, lanes, bounds, err);
 *     ... each rank folds the gradients of its own lanes into l ...
 *     lm_exchange_reduce(&x, &compute, &l, sum, err);    // its slice of the sum of all
 *     ... updates its slice of the weights ...
 *     lm_exchange_gather(&x, weights, err);              // everybody's
 *     lm_exchange_free(&x);
 *
 * Each rank sends, of each subtree that it has, the slice of every other rank to that rank, which
 * adds them in the order of the tree. A rank so sends N (P-1)/P elements for each of its subtrees
 * (one, where P divides the lanes, and two for 8 lanes at most) and gets as many, which is what a
 * ring takes; and no bit depends on how many ranks there are, or on how MPI would add. Slices go in
 * blocks, so that the memory for what arrives is small. */
#ifndef LM_DIST_EXCHANGE_H
#define LM_DIST_EXCHANGE_H

#include "comm/comm.h"
#include "dist/lanes.h"

typedef struct lm_exchange_tree {
    int64_t first, lanes;
    int rank;
} lm_exchange_tree;

typedef struct lm_exchange {
    lm_comm *comm;
    int64_t *bounds;         /* [ranks + 1]: rank r has the slice [bounds[r], bounds[r + 1]) */
    size_t *bytes;           /* the same, for messages of floats */
    int64_t block;           /* elements */
    lm_exchange_tree *trees; /* of all ranks, in rising order */
    int n_trees;
    int own;               /* the first of this rank's */
    lm_arena arena;        /* two blocks of each tree of others */
    float **blocks[2];     /* [n_trees]: in it */
    lm_comm_batch *way[2]; /* blocks on their way */
} lm_exchange;

/* Bytes that lm_exchange_create allocates for what arrives; 0 for one process. */
uint64_t lm_exchange_bytes(int64_t lanes, int ranks, int rank, int64_t longest_slice);
/* bounds [ranks + 1] are copied. LM_ERR_RUNTIME without memory. */
lm_status lm_exchange_create(lm_exchange *x, lm_comm *comm, int64_t lanes, const int64_t *bounds,
                             lm_error *err);
void lm_exchange_free(lm_exchange *x); /* zero-initialised or twice is fine */

/* sum, flat: this rank's slice is overwritten. It may be one of own's sums, whose elements of other
 * slices stay. To be called outside of pool tasks; allocates nothing after the first time. */
lm_status lm_exchange_reduce(lm_exchange *x, const lm_compute *compute, const lm_lanes *own,
                             float *sum, lm_error *err);
/* What this rank has of `array`, flat, goes to all others. */
lm_status lm_exchange_gather(lm_exchange *x, float *array, lm_error *err);
/* The same to rank 0 alone. */
lm_status lm_exchange_collect(lm_exchange *x, float *array, lm_error *err);

/* Of runs of `grain` elements, those that begin in this rank's slice are its own: *first and the
 * next ones, as many as it returns. */
int64_t lm_exchange_runs(const lm_exchange *x, int rank, int64_t grain, int64_t *first);
/* The last of its runs may end in slices of others: overwrites these elements of `array` by what
 * their ranks have there. */
lm_status lm_exchange_complete_runs(lm_exchange *x, int64_t grain, float *array, lm_error *err);

#endif

/* Lanes: what makes the sum of a step's gradients independent of how it is shared out.
 *
 * The windows of a step, in the order of the samples, are cut into S equal runs, the lanes; S is a
 * power of two. The gradient of a lane is one chain of additions over its windows. The gradient of
 * the step is the balanced binary tree over the lanes, in fp32: ((l0 + l1) + (l2 + l3)) + ...
 *
 *     lm_lanes_begin(&l, buffers, length);     // lm_lanes_buffers(S) arrays
 *     for (lane = first; lane < first + count; lane++) {
 *         float *gradient = lm_lanes_buffer(&l);
 *         ... overwrite it with the gradient of the lane ...
 *         lm_lanes_add_span(&l, &compute, lane, (lm_span){0, length});
 *         lm_lanes_take(&l, lane);
 *     }
 *     // all S lanes: buffers[0] is the sum
 *
 * Where n lanes are computed at the same time, n a power of two that divides S, they have
 * lm_lanes_buffers_abreast(S, n) arrays, of which lm_lanes_buffer_of says whose is which; before a
 * lane is added lm_lanes_bring puts its array in its place.
 *
 * As soon as both halves of a subtree are there they are added: a binary counter, which needs
 * log2(S) + 1 arrays. Whoever computes only a run of the lanes is left with the sums of the largest
 * subtrees that lie within it, in l.trees. */
#ifndef LM_DIST_LANES_H
#define LM_DIST_LANES_H

#include <stdbool.h>

#include "base/span.h"
#include "ops/compute.h"
#include "ops/lines.h"

enum { LM_LANES_LOG_MOST = 20, LM_LANES_MOST = 1 << LM_LANES_LOG_MOST };

/* Is it a number of lanes: a power of two, at most LM_LANES_MOST? */
bool lm_lanes_valid(int64_t lanes);
/* Arrays that are needed at once: log2(lanes) + 1. */
int lm_lanes_buffers(int64_t lanes);

/* The same where n of them are computed at a time: log2(lanes / n) + n. */
int64_t lm_lanes_buffers_abreast(int64_t lanes, int64_t n);

/* Of ranks that share the lanes, each has a run of them, which differ by one at most. */
typedef struct lm_lanes_run {
    int64_t first, count;
} lm_lanes_run;
lm_lanes_run lm_lanes_of_rank(int64_t lanes, int ranks, int rank);
/* Arrays that are needed at once for these lanes alone. */
int lm_lanes_run_buffers(lm_lanes_run run);

/* A subtree whose sum is known. */
typedef struct lm_lanes_tree {
    int64_t first, lanes; /* lanes: a power of two that divides first */
    float *sum;           /* [length] */
} lm_lanes_tree;

enum { LM_LANES_TREES_MOST = 2 * LM_LANES_LOG_MOST + 1 };
/* The largest subtrees within a run, in rising order, without sums; returns how many. */
int lm_lanes_trees(lm_lanes_run run, lm_lanes_tree trees[LM_LANES_TREES_MOST]);
int lm_lanes_subtrees(int64_t lanes, int ranks, int rank); /* how many a rank has */

typedef struct lm_lanes {
    float **buffers; /* each [length]; the caller's */
    int64_t length;
    lm_lanes_tree trees[LM_LANES_TREES_MOST]; /* in rising order of lanes */
    int count;
} lm_lanes;

/* Allocates nothing; *l may be begun again at any time. */
void lm_lanes_begin(lm_lanes *l, float **buffers, int64_t length);
/* The array for the gradient of the next lane. */
float *lm_lanes_buffer(const lm_lanes *l);
/* That of the i-th lane from the next one on. */
float *lm_lanes_buffer_of(const lm_lanes *l, int64_t i);
/* `gradient`, which lm_lanes_buffer_of gave for the next lane, is now what lm_lanes_buffer gives.
 * Two arrays change places in l->buffers, never the first. */
void lm_lanes_bring(lm_lanes *l, const float *gradient);
/* Takes the lane in, in pieces, since parts of a gradient are final one after another:
 * lm_lanes_add_span for spans that make up the whole array, each once and each when it is final,
 * then lm_lanes_take. Lanes come in rising order, without gaps. To be called outside of pool tasks.
 * The same bits for any number of threads. */
void lm_lanes_add_span(const lm_lanes *l, const lm_compute *compute, int64_t lane, lm_span span);
/* In place of the span of a matrix of so many columns at `offset`: of the lines, outside of which
 * the gradients of all lanes up to this one are 0. */
void lm_lanes_add_lines(const lm_lanes *l, const lm_compute *compute, int64_t lane, int64_t offset,
                        int64_t columns, lm_lines lines);
void lm_lanes_take(lm_lanes *l, int64_t lane);
/* In place of adding n elements at `offset`, of which the lane's gradient lacks `more`: out [n] is
 * overwritten by what they would be in the tree that the lane ends in. Nothing else changes. For
 * one thread, inside of pool tasks too. */
void lm_lanes_late(const lm_lanes *l, const lm_kernels *kernels, int64_t lane, int64_t offset,
                   int64_t n, const float *more, float *out);

#endif

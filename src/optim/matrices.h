/* Inside the room: in which order matrices are updated, and by which threads.
 *
 * A matrix of many operations is updated by all threads together, one such matrix after the other.
 * The others are tasks of one thread each, those with the most operations first, so that the last
 * ones are short. The bits do not depend on it. */
#ifndef LM_OPTIM_MATRICES_H
#define LM_OPTIM_MATRICES_H

#include "optim/kind.h"

typedef struct lm_matrix_job {
    int64_t unit; /* the caller's number of it */
    lm_matrix_cost cost;
} lm_matrix_job;

/* Sorts jobs [n] into the order in which lm_matrices_run takes them. */
void lm_matrices_sort(lm_matrix_job *jobs, int64_t n);

/* Adds what a job takes to the room for any number of jobs, which is zero at first; threads share
 * it. False when it does not fit 64 bits. */
typedef struct lm_matrices_room {
    uint64_t large, small; /* of the largest job of all threads, and of one */
} lm_matrices_room;
void lm_matrices_add(lm_matrices_room *room, const lm_matrix_cost *cost);
bool lm_matrices_bytes(const lm_matrices_room *room, int threads, uint64_t *bytes);

/* Makes the update of a unit, then the kind's `matrix` is called with it. */
typedef lm_update lm_matrices_make(const void *argument, int64_t unit, const lm_compute *compute,
                                   const lm_optimizer_kind **kind);

/* All jobs [n], sorted. `room` holds lm_matrices_bytes for the pool's threads. */
void lm_matrices_run(const lm_compute *compute, const lm_matrix_job *jobs, int64_t n,
                     lm_matrices_make *make, const void *argument, const lm_arena *room);

#endif

/* Inside the room: in which order matrices are updated, and by which threads.
 *
 * A matrix that is a large part of all work is updated by all threads together, one such matrix
 * after the other. The others are tasks of one thread each, which then waits for nobody, those with
 * the most operations first, so that the last ones are short. The bits do not depend on it. */
#ifndef LM_OPTIM_MATRICES_H
#define LM_OPTIM_MATRICES_H

#include "optim/kind.h"

typedef struct lm_matrix_job {
    int64_t unit; /* the caller's number of it */
    lm_matrix_cost cost;
} lm_matrix_job;

/* Sorts jobs [n] into the order in which lm_matrices_run takes them. */
void lm_matrices_sort(lm_matrix_job *jobs, int64_t n);

/* The room for any number of jobs, zero at first: all of them are counted, then all are added.
 * False when the bytes do not fit 64 bits. Fewer jobs do not take more. */
typedef struct lm_matrices_room {
    double flops;          /* of all jobs */
    uint64_t large, small; /* of the largest job of all threads, and of one */
} lm_matrices_room;
void lm_matrices_count(lm_matrices_room *room, const lm_matrix_cost *cost, int64_t n);
void lm_matrices_add(lm_matrices_room *room, const lm_matrix_cost *cost, int threads);
bool lm_matrices_bytes(const lm_matrices_room *room, int threads, uint64_t *bytes);

/* Makes the update of a unit, then the kind's `matrix` is called with it. */
typedef lm_update lm_matrices_make(const void *argument, int64_t unit, const lm_compute *compute,
                                   const lm_optimizer_kind **kind);

/* All jobs [n], sorted, of so many operations (lm_matrices_room). `room` holds lm_matrices_bytes
 * for the pool's threads. */
void lm_matrices_run(const lm_compute *compute, const lm_matrix_job *jobs, int64_t n, double flops,
                     lm_matrices_make *make, const void *argument, const lm_arena *room);

#endif

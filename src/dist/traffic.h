/* What several processes send in a step, and how evenly they share its work: a model on paper, for
 * plans. lanes.h and exchange.h say who sends what to whom.
 *
 * Of N elements of 4 bytes, P processes and S lanes, a process that has h of all H subtrees
 *     sends     h N (P-1)/P of the gradients and N (P-1)/P of the weights,
 *     receives  (H - h) N / P of the gradients and N (P-1)/P of the weights.
 * Where P divides S that is N (P-1)/P each way, twice. Slices are taken as equal; an optimizer that
 * owns whole matrices cuts them up to a matrix longer. Losses and norms are left out.
 *
 * Of tables of which a process reaches n lines of C columns at most, it sends h n C (P-1) elements
 * and the numbers of the lines, and receives those of the others (exchange_lines.h). */
#ifndef LM_DIST_TRAFFIC_H
#define LM_DIST_TRAFFIC_H

#include <stdint.h>

typedef struct lm_traffic {
    /* Bytes in a step, of the process that has the most of each: */
    double gradients_out, gradients_in;
    double weights_out, weights_in;
    double lines_out, lines_in;
    int subtrees;                     /* the most that a process has */
    int64_t fewest_lanes, most_lanes; /* of a process */
    /* The time of the process with the most lanes, over that of equal shares: 1.125 for 8 lanes in
     * 3 processes. */
    double imbalance;
} lm_traffic;

/* What the model has that travels. */
typedef struct lm_traffic_model {
    int64_t elements;       /* of a flat array, without tables */
    int64_t lines, columns; /* of all tables together, that a process reaches in a step at most */
} lm_traffic_model;

/* 1 <= ranks <= lanes, which are valid (lm_lanes_valid). */
lm_traffic lm_traffic_of(int ranks, int64_t lanes, lm_traffic_model model);

#endif

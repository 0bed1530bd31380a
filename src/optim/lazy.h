/* Inside the room: rows of which a step reaches few lines, updated by a kind that skips the others
 * (kind.h). The lines are shared out among threads anew in each step; the bits do not depend on
 * it, nor on whether the lines are known. */
#ifndef LM_OPTIM_LAZY_H
#define LM_OPTIM_LAZY_H

#include "ops/lines.h"

typedef struct lm_lazy {
    int64_t unit;                /* the caller's number of it */
    int64_t row, lines, columns; /* the row it lies in, of this shape */
    int64_t first, count;        /* its elements, in the row */
    /* Of this step: */
    lm_lines reached;     /* lines of the row */
    int64_t begin, end;   /* of these, those with elements in the unit */
    int64_t chunk, tasks; /* lines of a task; how many tasks */
} lm_lazy;

/* Cuts z [n] into tasks; returns how many these are. lines [rows]: those that the step reaches;
 * NULL: not known. */
int64_t lm_lazy_cut(lm_lazy *z, int64_t n, const lm_lines *lines);
/* The elements of a task, in pieces that lie together: calls update(argument, unit, first, count)
 * for each, with places in the row. */
typedef void lm_lazy_update(const void *argument, int64_t unit, int64_t first, int64_t count);
void lm_lazy_run(const lm_lazy *z, int64_t task, lm_lazy_update *update, const void *argument);

#endif

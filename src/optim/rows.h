/* Inside the room: rows of the model by what their optimizer does with them. */
#ifndef LM_OPTIM_ROWS_H
#define LM_OPTIM_ROWS_H

#include "optim/kind.h"

/* Elements that a task updates at most. Any length gives the same bits. This one takes far longer
 * than handing out a task, and is short enough to share the rows of a small model among threads. */
#define LM_ROWS_PIECE ((int64_t)65536)

enum { LM_ROWS_STATES_MOST = 16 }; /* of a row */

/* A row and its states, those of the kinds of all its parts. */
typedef struct lm_row {
    lm_optimizer_row row;
    lm_optimizer_factors factors; /* its own, or all 1 */
    const lm_optimizer_state *list[LM_ROWS_STATES_MOST];
    float *states[LM_ROWS_STATES_MOST];
    int n_states;
    int64_t first, long_first; /* the slice's first elements of states, by their shape */
} lm_row;

extern const lm_optimizer_slice lm_rows_all;

/* Parts of a row, at least 1; part i, which of a row without parts is all of it. */
int64_t lm_rows_parts(const lm_optimizer_row *r);
lm_optimizer_part lm_rows_part(const lm_optimizer_row *r, int64_t i);
/* What updates a part of this group. */
const lm_optimizer_kind *lm_rows_kind(const lm_optimizer_options *groups, const lm_optimizer_row *r,
                                      int group);
/* Matrices of the part that the kind updates: its heads, or the part as a whole. */
int64_t lm_rows_matrices(const lm_optimizer_options *groups, const lm_optimizer_kind *kind,
                         const lm_optimizer_part *part);
int lm_rows_states(const lm_optimizer_kind *kind); /* how many it has */
int lm_rows_find_state(const lm_row *r, const char *name);
/* Overwrites *out: the row and the states of the kinds of its parts, without memory for them. */
void lm_rows_list(lm_row *out, const lm_optimizer_options *groups, const lm_optimizer_row *r);
/* Elements of [first, first + count) that the slice has, from *begin on. */
int64_t lm_rows_overlap(int64_t first, int64_t count, const lm_optimizer_slice *slice,
                        int64_t *begin);
/* A state of a row, and what the slice has of it; data is left out. */
lm_optimizer_array lm_rows_describe(const lm_optimizer_options *groups, const lm_optimizer_row *r,
                                    const lm_optimizer_state *s, const lm_optimizer_slice *slice);
/* What the update of a matrix of a part takes. */
bool lm_rows_cost(const lm_optimizer_options *groups, const lm_optimizer_row *r, int group,
                  int64_t lines, lm_precision precision, lm_matrix_cost *cost);

#endif
